"""How long photos take: the time left, and the past as figures and plots."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count
from django.db.models.functions import TruncHour
from django.utils import timezone
from django.utils.formats import date_format

from gallery.browse.curves import bars, curve
from gallery.browse.plots import Plot
from gallery.models import Photo, Status

RECENT = 50  # photos from whose times the time left is guessed
LOOKED_AT = 200
HOURS = 24
STEPS = ("decode", "detect", "embed", "search")


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    median: float  # milliseconds
    slow: float  # what one photo in ten takes longer than


@dataclass(frozen=True, slots=True)
class History:
    steps: list[Step]
    times: Plot | None  # seconds of each of the last photos
    pace: Plot | None  # photos done in each of the last hours
    photos: int
    done: int  # within HOURS


def minutes_left(waiting: int, workers: int = 0) -> int | None:
    """By the median of the last photos; None where nothing waits or none was done yet."""
    if not waiting:
        return None
    done = Photo.objects.filter(work=Status.DONE, started_at__isnull=False, finished_at__isnull=False)
    times = done.order_by("-finished_at").values_list("started_at", "finished_at")[:RECENT]
    seconds = [(end - begin).total_seconds() for begin, end in times if begin and end]
    if not seconds:
        return None
    side_by_side = workers or settings.WORKER_PROCESSES
    return max(1, round(waiting * statistics.median(seconds) / side_by_side / 60))


def history() -> History:
    """Of all photos, whoever may see them: only their times are told."""
    done = Photo.objects.filter(work=Status.DONE, finished_at__isnull=False, started_at__isnull=False)
    rows = list(
        done.order_by("-finished_at").values_list("started_at", "finished_at", "milliseconds")[:LOOKED_AT]
    )
    rows.reverse()
    seconds = [(end - begin).total_seconds() for begin, end, _steps in rows if begin and end]
    counts = _by_hour()
    return History(
        steps=_steps([steps for _begin, _end, steps in rows if isinstance(steps, dict)]),
        times=curve([("kept", seconds)], ends=_ends(rows[0][1], rows[-1][1])) if len(seconds) > 1 else None,
        pace=bars([number for _label, number in counts], [label for label, _number in counts])
        if any(number for _label, number in counts)
        else None,
        photos=len(seconds),
        done=sum(number for _label, number in counts),
    )


def _ends(first: datetime | None, last: datetime | None) -> tuple[str, str]:
    return _moment(first), _moment(last)


def _moment(time: datetime | None) -> str:
    return date_format(timezone.localtime(time), "SHORT_DATETIME_FORMAT") if time else ""


def _steps(times: Sequence[dict[str, float]]) -> list[Step]:
    by_step: dict[str, list[float]] = defaultdict(list)
    for photo in times:
        for name, value in photo.items():
            if isinstance(value, int | float):
                by_step[name].append(float(value))
    order = [name for name in STEPS if name in by_step] + sorted(set(by_step) - set(STEPS))
    return [Step(name, statistics.median(by_step[name]), _slow(by_step[name])) for name in order]


def _slow(values: Sequence[float]) -> float:
    return sorted(values)[max(0, math.ceil(0.9 * len(values)) - 1)]


def _by_hour() -> list[tuple[str, int]]:
    """Photos finished in each of the last hours, the present one included."""
    now = timezone.localtime().replace(minute=0, second=0, microsecond=0)
    since = now - timedelta(hours=HOURS - 1)
    rows = Photo.objects.filter(work=Status.DONE, finished_at__gte=since).annotate(
        hour=TruncHour("finished_at")
    )
    found = dict(rows.order_by("hour").values_list("hour").annotate(number=Count("pk")))
    hours = [since + timedelta(hours=number) for number in range(HOURS)]
    return [(date_format(hour, "TIME_FORMAT"), found.get(hour, 0)) for hour in hours]

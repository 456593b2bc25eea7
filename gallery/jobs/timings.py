"""How long photos take: the time left, and past times as figures and charts."""

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

from gallery.core.charts import Chart, draw_bar_chart, draw_line_chart
from gallery.models import Photo, Status

RECENT_PHOTOS = 50  # photos from whose times the time left is guessed
MEASURED_PHOTOS = 200
HISTORY_HOURS = 24
STEP_ORDER = ("decode", "detect", "embed", "search")


@dataclass(frozen=True, slots=True)
class StepTiming:
    name: str
    median: float  # milliseconds
    slow: float  # what one photo in ten takes longer than


@dataclass(frozen=True, slots=True)
class ProcessingHistory:
    steps: list[StepTiming]
    times: Chart | None  # seconds of each of the last photos
    pace: Chart | None  # photos done in each of the last hours
    photos: int
    done: int  # within HOURS


def estimate_minutes_left(waiting: int, workers: int = 0) -> int | None:
    """By the median of the last photos; None where nothing waits or none was done yet."""
    if not waiting:
        return None
    done = Photo.objects.filter(work=Status.DONE, started_at__isnull=False, finished_at__isnull=False)
    times = done.order_by("-finished_at").values_list("started_at", "finished_at")[:RECENT_PHOTOS]
    seconds = [(end - begin).total_seconds() for begin, end in times if begin and end]
    if not seconds:
        return None
    side_by_side = workers or settings.WORKER_PROCESSES
    return max(1, round(waiting * statistics.median(seconds) / side_by_side / 60))


def get_processing_history() -> ProcessingHistory:
    """Of all photos, whoever may see them: only their times are told."""
    done = Photo.objects.filter(work=Status.DONE, finished_at__isnull=False, started_at__isnull=False)
    rows = list(
        done.order_by("-finished_at").values_list("started_at", "finished_at", "milliseconds")[
            :MEASURED_PHOTOS
        ]
    )
    rows.reverse()
    seconds = [(end - begin).total_seconds() for begin, end, _steps in rows if begin and end]
    counts = _count_photos_by_hour()
    return ProcessingHistory(
        steps=_measure_steps([steps for _begin, _end, steps in rows if isinstance(steps, dict)]),
        times=draw_line_chart([("kept", seconds)], ends=_format_ends(rows[0][1], rows[-1][1]))
        if len(seconds) > 1
        else None,
        pace=draw_bar_chart([number for _label, number in counts], [label for label, _number in counts])
        if any(number for _label, number in counts)
        else None,
        photos=len(seconds),
        done=sum(number for _label, number in counts),
    )


def _format_ends(first: datetime | None, last: datetime | None) -> tuple[str, str]:
    return _format_moment(first), _format_moment(last)


def _format_moment(time: datetime | None) -> str:
    return date_format(timezone.localtime(time), "SHORT_DATETIME_FORMAT") if time else ""


def _measure_steps(times: Sequence[dict[str, float]]) -> list[StepTiming]:
    by_step: dict[str, list[float]] = defaultdict(list)
    for photo in times:
        for name, value in photo.items():
            if isinstance(value, int | float):
                by_step[name].append(float(value))
    order = [name for name in STEP_ORDER if name in by_step] + sorted(set(by_step) - set(STEP_ORDER))
    return [
        StepTiming(name, statistics.median(by_step[name]), _get_slow_time(by_step[name])) for name in order
    ]


def _get_slow_time(values: Sequence[float]) -> float:
    return sorted(values)[max(0, math.ceil(0.9 * len(values)) - 1)]


def _count_photos_by_hour() -> list[tuple[str, int]]:
    """Photos finished in each of the last hours, the present one included."""
    now = timezone.localtime().replace(minute=0, second=0, microsecond=0)
    since = now - timedelta(hours=HISTORY_HOURS - 1)
    rows = Photo.objects.filter(work=Status.DONE, finished_at__gte=since).annotate(
        hour=TruncHour("finished_at")
    )
    found = dict(rows.order_by("hour").values_list("hour").annotate(number=Count("pk")))
    hours = [since + timedelta(hours=number) for number in range(HISTORY_HOURS)]
    return [(date_format(hour, "TIME_FORMAT"), found.get(hour, 0)) for hour in hours]

"""How long photos take: the time left, and past times as figures and charts."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count
from django.db.models.functions import TruncHour
from django.utils import timezone
from django.utils.formats import date_format

from gallery.core.charts import Chart, draw_bar_chart, draw_line_chart
from gallery.models import Photo, Status

RECENT_PHOTOS = 50  # photos from whose times the time left is estimated
MEASURED_PHOTOS = 200
HISTORY_HOURS = 24
STEP_ORDER = ("decode", "detect", "embed", "search")


@dataclass(frozen=True, slots=True)
class StepTiming:
    name: str
    median: float  # milliseconds
    slow: float  # one photo in ten takes longer


@dataclass(frozen=True, slots=True)
class ProcessingHistory:
    steps: list[StepTiming]
    times: Chart | None  # seconds of each of the last photos
    pace: Chart | None  # photos done in each of the last hours
    photos: int
    done: int  # within HISTORY_HOURS


def _list_finished_photos(number: int) -> list[tuple[datetime, float, Any]]:
    """When the last photos were finished, the seconds each took, and the milliseconds of its steps; oldest first."""
    done = Photo.objects.filter(work=Status.DONE, started_at__isnull=False, finished_at__isnull=False)
    rows = done.order_by("-finished_at").values_list("started_at", "finished_at", "milliseconds")[:number]
    return [(end, (end - begin).total_seconds(), steps) for begin, end, steps in rows if begin and end][::-1]


def estimate_minutes_left(waiting: int, workers: int = 0) -> int | None:
    """Estimated by the median of the last photos; None if nothing waits or none is done yet."""
    seconds = [took for _end, took, _steps in _list_finished_photos(RECENT_PHOTOS)] if waiting else []
    if not seconds:
        return None
    side_by_side = workers or settings.WORKER_PROCESSES
    return max(1, round(waiting * statistics.median(seconds) / side_by_side / 60))


def get_processing_history() -> ProcessingHistory:
    """For all photos, whoever may see them: only times are shown."""
    rows = _list_finished_photos(MEASURED_PHOTOS)
    times = None
    if len(rows) > 1:
        first, last = (
            date_format(timezone.localtime(end), "SHORT_DATETIME_FORMAT") for end in (rows[0][0], rows[-1][0])
        )
        times = draw_line_chart([("kept", [took for _end, took, _steps in rows])], ends=(first, last))
    counts = _count_photos_by_hour()
    done = sum(counts.values())
    hours = [date_format(hour, "TIME_FORMAT") for hour in counts]
    return ProcessingHistory(
        steps=_measure_steps(steps for _end, _took, steps in rows if isinstance(steps, dict)),
        times=times,
        pace=draw_bar_chart(list(counts.values()), hours) if done else None,
        photos=len(rows),
        done=done,
    )


def _measure_steps(times: Iterable[dict[str, Any]]) -> list[StepTiming]:
    by_step: dict[str, list[float]] = defaultdict(list)
    for photo in times:
        for name, value in photo.items():
            if isinstance(value, int | float):
                by_step[name].append(float(value))
    order = [name for name in STEP_ORDER if name in by_step] + sorted(set(by_step) - set(STEP_ORDER))
    found = []
    for name in order:
        values = sorted(by_step[name])
        slow = values[max(0, math.ceil(0.9 * len(values)) - 1)]
        found.append(StepTiming(name, statistics.median(values), slow))
    return found


def _count_photos_by_hour() -> dict[datetime, int]:
    """Photos finished in each of the last hours, including the current one."""
    now = timezone.localtime().replace(minute=0, second=0, microsecond=0)
    since = now - timedelta(hours=HISTORY_HOURS - 1)
    rows = Photo.objects.filter(work=Status.DONE, finished_at__gte=since)
    found = dict(
        rows.order_by().annotate(hour=TruncHour("finished_at")).values_list("hour").annotate(n=Count("pk"))
    )
    hours = (since + timedelta(hours=number) for number in range(HISTORY_HOURS))
    return {hour: found.get(hour, 0) for hour in hours}

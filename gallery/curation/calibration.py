"""Calibration: the bounds in force, asking for a measurement, and the page that shows the results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.core.charts import Chart, draw_bounds_chart, draw_similarity_chart
from gallery.core.exceptions import ActionRefused
from gallery.curation.jobs import MEASUREMENT_JOB
from gallery.faces.labels import describe_similarity, get_similarity_tail
from gallery.history.changeset import ChangeSet, apply_effects, record_event
from gallery.index.selectors import get_applied_calibration
from gallery.index.switch import get_serving_id
from gallery.jobs.services import request_job
from gallery.models import Calibration, Event, User
from gallery.models.base import get_job
from recognition import calibrate
from recognition.calibrate import FALSE_NAME_RATE, Verdict


def request_measurement(false_name_rate: float) -> None:
    """Have the gallery measured by the worker; the page tells that it was asked for until there is a result."""
    request_job(MEASUREMENT_JOB, None, false_name_rate)


@transaction.atomic
def put_calibration_in_force(user: User | None, calibration: Calibration) -> Event:
    """From now on this calibration's bounds decide for its embedder; faces nobody has decided on follow."""
    if not calibration.report.get("suggestion", {}).get("is_founded"):
        raise ActionRefused(_("There were too few references to calibrate on; the published bounds stay."))
    changes = ChangeSet()
    changes.set(calibration, applied_at=timezone.now(), applied_by=user)
    return _record_calibration(user, "calibration.apply", calibration, changes)


@transaction.atomic
def take_calibration_out_of_force(user: User | None, calibration: Calibration) -> Event:
    """Back to the published bounds of this calibration's embedder."""
    changes = ChangeSet()
    applied = Calibration.objects.filter(embedder_id=calibration.embedder_id, applied_at__isnull=False)
    changes.update(applied, applied_at=None, applied_by=None)
    return _record_calibration(user, "calibration.withdraw", calibration, changes)


def _record_calibration(user: User | None, verb: str, calibration: Calibration, changes: ChangeSet) -> Event:
    apply_effects(changes)
    known = calibration.bounds["known"]
    return record_event(
        user, verb, calibration, {"known": known, "embedder": calibration.embedder_id}, changes
    )


MEASUREMENT_LATE_AFTER = timedelta(minutes=15)
OFFERED_RATES: dict[float, str | Promise] = {
    0.02: gettext_lazy("1 in 50 strangers"),
    0.01: gettext_lazy("1 in 100 strangers"),
    FALSE_NAME_RATE: gettext_lazy("1 in 200 strangers"),
    0.001: gettext_lazy("1 in 1,000 strangers"),
}


@dataclass(frozen=True, slots=True)
class BoundsRow:
    """Some bounds and what they would do."""

    title: str | Promise
    words: str  # what the known bound means
    number: str
    unsure: str
    margin: str
    strangers: str
    kept: str
    wrong: str


@dataclass(frozen=True, slots=True)
class MatchRow:
    """Single pictures against each other, at one rate of false matches."""

    one_in: str
    similarity: str  # empty: too few pairs to say
    found: str


@dataclass(frozen=True, slots=True)
class CalibrationPage:
    rates: Sequence[tuple[float, str | Promise, bool]]
    asked_at: datetime | None  # a measurement was asked for then and has no result yet
    latest: Calibration | None = None
    applied: Calibration | None = None
    found: calibrate.Calibration | None = None
    rows: Sequence[BoundsRow] = ()
    matches: Sequence[MatchRow] = ()
    likeness: Chart | None = None
    bounds: Chart | None = None

    @property
    def is_late(self) -> bool:
        """So long without a result that somebody should see whether a worker runs."""
        return self.asked_at is not None and timezone.now() - self.asked_at > MEASUREMENT_LATE_AFTER

    @property
    def can_apply(self) -> bool:
        latest = self.latest
        return bool(latest and self.found and self.found.suggestion.is_founded and latest != self.applied)


def parse_chosen_rate(text: str) -> float:
    """The offered rate that was chosen; the usual one for anything else."""
    return next((rate for rate in OFFERED_RATES if f"{rate:g}" == text), FALSE_NAME_RATE)


def get_calibration_page() -> CalibrationPage:
    measured = Calibration.objects.all()  # the newest first; of another embedder it would say nothing
    serving = get_serving_id()
    latest = (measured.filter(embedder_id=serving) if serving else measured).first()
    found = _read_report(latest) if latest else None
    chosen = found.suggestion.false_name_rate if found else FALSE_NAME_RATE
    rates = [(rate, label, rate == chosen) for rate, label in OFFERED_RATES.items()]
    asked_at = get_job(MEASUREMENT_JOB).asked_at
    if asked_at and latest and latest.created_at > asked_at:
        asked_at = None
    if latest is None or found is None:
        return CalibrationPage(rates, asked_at)
    return CalibrationPage(
        rates,
        asked_at,
        latest,
        applied=get_applied_calibration(latest.embedder_id),
        found=found,
        rows=[
            _build_bounds_row(gettext_lazy("In force when measured"), found, found.current),
            _build_bounds_row(gettext_lazy("Suggested"), found, found.suggested),
        ],
        matches=[
            MatchRow(
                f"{round(1 / line.rate):,}",
                "" if line.similarity is None else f"{line.similarity:.3f}",
                _format_percent(line.true_match_rate),
            )
            for line in found.false_matches
        ],
        likeness=draw_similarity_chart(found),
        bounds=draw_bounds_chart(found),
    )


def _read_report(row: Calibration) -> calibrate.Calibration | None:
    """What was measured; None for a report that an older version wrote."""
    try:
        return calibrate.Calibration.from_json(row.report)
    except (KeyError, TypeError, ValueError):
        return None


def _build_bounds_row(title: str | Promise, found: calibrate.Calibration, verdict: Verdict) -> BoundsRow:
    bounds = verdict.bounds
    tails = [tail for tail in (found.tail, get_similarity_tail(found.embedder_id)) if tail]
    alike = describe_similarity(bounds.known, "known", max(tails, key=lambda tail: tail.supported))
    return BoundsRow(
        title,
        alike.words if alike else "",
        f"{bounds.known:.3f}",
        f"{bounds.unsure:.3f}",
        f"{bounds.margin:.3f}",
        _format_percent(verdict.strangers_named),
        _format_percent(verdict.kept),
        _format_percent(verdict.wrong),
    )


def _format_percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.2f} %"

"""What the page on trust in names shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from gallery.browse.meaning import likeness, tail_of
from gallery.browse.plots import Plot, bound_plot, likeness_plot
from gallery.models import Calibration
from gallery.queries import setting
from gallery.services.calibration import ASKED
from recognition import calibrate
from recognition.calibrate import FALSE_NAME_RATE, FalseMatch, Verdict

LATE = timedelta(minutes=15)
RATES: dict[float, str | Promise] = {
    0.02: _("1 in 50 strangers"),
    0.01: _("1 in 100 strangers"),
    FALSE_NAME_RATE: _("1 in 200 strangers"),
    0.001: _("1 in 1,000 strangers"),
}


@dataclass(frozen=True, slots=True)
class Row:
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
class Match:
    """Single pictures against each other, at one rate of false matches."""

    one_in: str
    similarity: str  # empty: too few pairs to say
    found: str


@dataclass(frozen=True, slots=True)
class Page:
    latest: Calibration | None
    applied: Calibration | None
    found: calibrate.Calibration | None
    rows: tuple[Row, ...]
    matches: tuple[Match, ...]
    likeness: Plot | None
    bounds: Plot | None
    rates: tuple[tuple[float, str | Promise, bool], ...]
    asked_at: datetime | None  # a measurement was asked for then and has no result yet

    @property
    def is_late(self) -> bool:
        """So long without a result that somebody should see whether a worker runs."""
        return self.asked_at is not None and timezone.now() - self.asked_at > LATE

    @property
    def can_apply(self) -> bool:
        latest = self.latest
        return bool(latest and self.found and self.found.suggestion.is_founded and latest != self.applied)


def chosen_rate(text: str) -> float:
    """The offered rate that was chosen; the usual one for anything else."""
    return next((rate for rate in RATES if f"{rate:g}" == text), FALSE_NAME_RATE)


def page() -> Page:
    latest = Calibration.objects.first()  # the newest
    found = _read(latest) if latest else None
    chosen = found.suggestion.false_name_rate if found else FALSE_NAME_RATE
    rates = tuple((rate, label, rate == chosen) for rate, label in RATES.items())
    asked_at = _asked_at(latest)
    if latest is None or found is None:
        return Page(None, None, None, (), (), None, None, rates, asked_at)
    applied = Calibration.objects.filter(embedder_id=latest.embedder_id, applied_at__isnull=False)
    rows = (
        _row(_("In force when measured"), found, found.current),
        _row(_("Suggested"), found, found.suggested),
    )
    in_force = applied.order_by("-applied_at").first()
    matches = tuple(_match(line) for line in found.false_matches)
    return Page(
        latest, in_force, found, rows, matches, likeness_plot(found), bound_plot(found), rates, asked_at
    )


def _asked_at(latest: Calibration | None) -> datetime | None:
    asked = setting(ASKED)
    at = parse_datetime(str(asked["at"])) if isinstance(asked, dict) else None
    return None if at is None or (latest and latest.created_at > at) else at


def _read(row: Calibration) -> calibrate.Calibration | None:
    """What was measured; None for a report that an older version wrote."""
    try:
        return calibrate.Calibration.from_json(row.report)
    except (KeyError, TypeError, ValueError):
        return None


def _match(line: FalseMatch) -> Match:
    similarity = "" if line.similarity is None else f"{line.similarity:.3f}"
    return Match(f"{round(1 / line.rate):,}", similarity, _percent(line.true_match_rate))


def _row(title: str | Promise, found: calibrate.Calibration, verdict: Verdict) -> Row:
    bounds = verdict.bounds
    tails = [tail for tail in (found.tail, tail_of(found.embedder_id)) if tail]
    alike = likeness(bounds.known, "known", max(tails, key=lambda tail: tail.supported))
    return Row(
        title,
        alike.words if alike else "",
        f"{bounds.known:.3f}",
        f"{bounds.unsure:.3f}",
        f"{bounds.margin:.3f}",
        _percent(verdict.strangers_named),
        _percent(verdict.kept),
        _percent(verdict.wrong),
    )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.2f} %"

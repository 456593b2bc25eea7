"""Calibration: the bounds in force, asking for a measurement, and the page that shows the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.core.charts import Chart, draw_bounds_chart, draw_similarity_chart
from gallery.core.exceptions import ActionRefused
from gallery.curation.forms import BOUNDS_FORMS, HandSetForm
from gallery.curation.jobs import MEASUREMENT_JOB, TRIAL_TASK
from gallery.faces.labels import describe_similarity, get_similarity_tail
from gallery.history.changeset import ChangeSet, apply_effects, find_events_about, record_event
from gallery.index.selectors import find_newest_embedder_id, get_applied_calibration, get_bounds_in_force
from gallery.index.switch import EMBEDDER_TITLES, get_serving_id
from gallery.jobs import dispatch
from gallery.jobs.services import request_job
from gallery.models import Calibration, Event, User
from gallery.models.base import get_job
from gallery.models.clock import get_site_time
from recognition import calibrate
from recognition.calibrate import FALSE_NAME_RATE, Tail, Verdict
from recognition.published import PUBLISHED_BOUNDS
from recognition.types import Bounds


def get_embedder_id_in_use() -> str:
    """Of the embedder that serves, or else that made the newest vector; empty on a new site."""
    return get_serving_id() or find_newest_embedder_id()


def get_embedder_name(embedder_id: str) -> str:
    return embedder_id.rpartition("-")[0]


def request_measurement(false_name_rate: float) -> None:
    """Have the gallery measured by the worker; the page tells that it was asked for until there is a result."""
    request_job(MEASUREMENT_JOB, None, false_name_rate)


@transaction.atomic
def try_bounds(user: User, embedder_id: str, bounds: Bounds) -> Calibration:
    """Have the worker find out what these bounds would change; nothing does until they are put into force."""
    row = store_hand_set_bounds(embedder_id, bounds, {"user": user.pk})
    dispatch.send_task(TRIAL_TASK, row.pk)
    return row


def store_hand_set_bounds(embedder_id: str, bounds: Bounds, trial: dict[str, Any]) -> Calibration:
    return Calibration.objects.create(
        embedder_id=embedder_id, bounds=bounds.to_json(), report={"by_hand": trial}
    )


def drop_trial(user: User, calibration: Calibration) -> None:
    """The person who had bounds tried does not want them: their page shows them no more."""
    if calibration.is_by_hand and calibration.report["by_hand"]["user"] == user.pk:
        calibration.report["by_hand"]["is_dropped"] = True
        calibration.save(update_fields=["report"])


def is_nearest(calibration: Calibration) -> bool:
    return bool(calibration.bounds.get("decision") == "nearest")


@transaction.atomic
def put_calibration_in_force(user: User | None, calibration: Calibration) -> Event:
    """From now on this calibration's bounds decide for its embedder; faces nobody has decided on follow."""
    verb = "calibration.apply"
    if calibration.is_by_hand:
        verb = "calibration.nearest" if is_nearest(calibration) else "calibration.set"
        if "changes" not in calibration.report["by_hand"]:
            raise ActionRefused(_("What these bounds would change is not known yet: wait for the worker."))
    elif not calibration.report.get("suggestion", {}).get("is_founded"):
        raise ActionRefused(_("There were too few references to calibrate on; the published bounds stay."))
    changes = ChangeSet()
    changes.set(calibration, applied_at=get_site_time(), applied_by=user)
    return _record_calibration(user, verb, calibration, changes)


@transaction.atomic
def take_calibration_out_of_force(user: User | None, calibration: Calibration) -> Event:
    """Back to the published bounds of this calibration's embedder."""
    changes = ChangeSet()
    applied = Calibration.objects.filter(embedder_id=calibration.embedder_id, applied_at__isnull=False)
    changes.update(applied, applied_at=None, applied_by=None)
    verb = "calibration.unset" if calibration.is_by_hand else "calibration.withdraw"
    return _record_calibration(user, verb, calibration, changes)


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
    detection: str  # empty: nothing is asked of it
    strangers: str
    kept: str
    wrong: str
    is_nearest: bool  # the nearest reference alone decides


@dataclass(frozen=True, slots=True)
class MatchRow:
    """Single pictures against each other, at one rate of false matches."""

    one_in: str
    similarity: str  # empty: too few pairs to say
    found: str


@dataclass(frozen=True, slots=True)
class Trial:
    """Bounds that somebody has tried by hand, and what they would change, as soon as the worker has said."""

    calibration: Calibration
    is_nearest: bool
    changes: Sequence[tuple[str, int]]  # empty until then
    rows: Sequence[BoundsRow]  # those in force and those tried, judged on the references
    references: int

    @property
    def is_late(self) -> bool:
        return not self.changes and get_site_time() - self.calibration.created_at > MEASUREMENT_LATE_AFTER


@dataclass(frozen=True, slots=True)
class CalibrationPage:
    rates: Sequence[tuple[float, str | Promise, bool]]
    asked_at: datetime | None  # a measurement was asked for then and has no result yet
    forms: Mapping[str, HandSetForm]  # by hand; empty before there is an embedder to set bounds for
    embedder: str
    in_force: BoundsRow | None  # set by hand
    latest: Calibration | None = None
    applied: Calibration | None = None
    trial: Trial | None = None
    found: calibrate.Calibration | None = None
    rows: Sequence[BoundsRow] = ()
    matches: Sequence[MatchRow] = ()
    likeness: Chart | None = None
    bounds: Chart | None = None

    @property
    def is_late(self) -> bool:
        """So long without a result that somebody should see whether a worker runs."""
        return self.asked_at is not None and get_site_time() - self.asked_at > MEASUREMENT_LATE_AFTER

    @property
    def can_apply(self) -> bool:
        latest = self.latest
        return bool(latest and self.found and self.found.suggestion.is_founded and latest != self.applied)

    @property
    def is_open(self) -> bool:
        """Whether a form of bounds by hand has something to say."""
        return any(form.errors for form in self.forms.values())


def parse_chosen_rate(text: str) -> float:
    """The offered rate that was chosen; the usual one for anything else."""
    return next((rate for rate in OFFERED_RATES if f"{rate:g}" == text), FALSE_NAME_RATE)


def get_calibration_page(user: User, sent: HandSetForm | None = None) -> CalibrationPage:
    """The page for this user; `sent` is a form of bounds by hand that came back with errors."""
    embedder_id = get_embedder_id_in_use()
    measured = Calibration.objects.exclude(report__has_key="by_hand")  # the newest first
    # of another embedder it would say nothing
    latest = (measured.filter(embedder_id=embedder_id) if embedder_id else measured).first()
    found = _read_report(latest) if latest else None
    chosen = found.suggestion.false_name_rate if found else FALSE_NAME_RATE
    asked_at = get_job(MEASUREMENT_JOB).asked_at
    if asked_at and latest and latest.created_at > asked_at:
        asked_at = None
    applied = get_applied_calibration(embedder_id)
    by_hand = applied if applied and applied.is_by_hand else None
    page = CalibrationPage(
        rates=[(rate, label, rate == chosen) for rate, label in OFFERED_RATES.items()],
        asked_at=asked_at,
        forms=build_bounds_forms(embedder_id, sent),
        embedder=str(EMBEDDER_TITLES.get(get_embedder_name(embedder_id), embedder_id)),
        in_force=_build_hand_set_row(by_hand) if by_hand else None,
        applied=applied,
        trial=_find_trial(user, embedder_id),
    )
    if latest is None or found is None:
        return page
    tail = _choose_tail(found.embedder_id, found.tail)
    return replace(
        page,
        latest=latest,
        found=found,
        rows=[
            _build_bounds_row(gettext_lazy("In force when measured"), found.current, tail),
            _build_bounds_row(gettext_lazy("Suggested"), found.suggested, tail),
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


def build_bounds_forms(embedder_id: str, sent: HandSetForm | None = None) -> dict[str, HandSetForm]:
    """Both ways of setting bounds by hand, with what is in force; none for an embedder without published bounds."""
    name = get_embedder_name(embedder_id)
    if name not in PUBLISHED_BOUNDS:
        return {}
    in_force = get_bounds_in_force(embedder_id, PUBLISHED_BOUNDS[name])
    forms = {decision: form(None, in_force, name) for decision, form in BOUNDS_FORMS.items()}
    return forms | {sent.decision: sent} if sent else forms


def parse_bounds_form(data: Mapping[str, Any], decision: str, embedder_id: str) -> HandSetForm:
    """What was sent of bounds by hand, for this embedder; ActionRefused where there is nothing to set them for."""
    name = get_embedder_name(embedder_id)
    if decision not in BOUNDS_FORMS or name not in PUBLISHED_BOUNDS:
        raise ActionRefused(_("There is no gallery yet to set bounds for."))
    return BOUNDS_FORMS[decision](data, get_bounds_in_force(embedder_id, PUBLISHED_BOUNDS[name]), name)


def _find_trial(user: User, embedder_id: str) -> Trial | None:
    """The last bounds that this user has had tried, unless they were put into force or dropped."""
    row = Calibration.objects.filter(embedder_id=embedder_id, report__by_hand__user=user.pk).first()
    if row is None or row.report["by_hand"].get("is_dropped") or row.applied_at:
        return None
    if find_events_about("calibration", row.pk).exists():  # and taken out of force since
        return None
    said = row.report["by_hand"]
    names = describe_name_changes(said["changes"]) if "changes" in said else []
    verdicts = [Verdict.from_json(verdict) for verdict in said.get("verdicts", ())]
    titles = (gettext_lazy("Now"), gettext_lazy("With these bounds"))
    tail = get_similarity_tail(embedder_id)
    judged = [
        _build_bounds_row(title, verdict, tail) for title, verdict in zip(titles, verdicts, strict=False)
    ]
    rows = judged or [_build_hand_set_row(row)]
    return Trial(row, is_nearest(row), names, rows, said.get("references", 0))


def describe_name_changes(changes: Mapping[str, int]) -> list[tuple[str, int]]:
    """In words, with how many they are."""
    words = {
        "named": _("new names"),
        "unsure": _("names that turn into questions"),
        "unnamed": _("names that go"),
        "renamed": _("names that become another person's"),
        "kept": _("names that stay"),
    }
    return [(text, changes[kind]) for kind, text in words.items()]


def _build_hand_set_row(calibration: Calibration) -> BoundsRow:
    bounds = Bounds.from_json(calibration.bounds)
    return _build_bounds_row("", Verdict(bounds, 0, None, None), get_similarity_tail(calibration.embedder_id))


def _read_report(row: Calibration) -> calibrate.Calibration | None:
    """What was measured; None for a report that an older version wrote."""
    try:
        return calibrate.Calibration.from_json(row.report)
    except (KeyError, TypeError, ValueError):
        return None


def _choose_tail(embedder_id: str, measured: Tail) -> Tail:
    tails = [tail for tail in (measured, get_similarity_tail(embedder_id)) if tail]
    return max(tails, key=lambda tail: tail.supported)


def _build_bounds_row(title: str | Promise, verdict: Verdict, tail: Tail | None) -> BoundsRow:
    bounds = verdict.bounds
    alike = describe_similarity(bounds.known, "known", tail)
    return BoundsRow(
        title,
        alike.words if alike else "",
        f"{bounds.known:.4g}",
        f"{bounds.unsure:.4g}",
        f"{bounds.margin:.4g}",
        f"{bounds.detection:.4g}" if bounds.detection else "",
        _format_percent(verdict.strangers_named),
        _format_percent(verdict.kept),
        _format_percent(verdict.wrong),
        bounds.is_nearest,
    )


def _format_percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.2f} %"

"""A page of one list: each thing with its pictures, what its similarity means, and what was said of it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from gallery import health
from gallery.browse.jobs.hints import helps_to_try_again
from gallery.browse.meaning import Likeness, likeness, tail_of
from gallery.browse.worklists.kinds import AGAIN, LISTS, Act, Kind
from gallery.browse.worklists.pictures import best_crops, offered_faces
from gallery.health import Matter
from gallery.models import Event, EventSubject, Face, Finding, Person, Reference, User
from gallery.refusals import in_words
from gallery.services.sentences import say
from recognition.quality import REFERENCE_NOISE, REFERENCE_SHARP, REFERENCE_SIZE

PAGE = 8
SHOWN = 4
LOOKED_AT = 500  # events, in search of the last about each of a page's cases


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended; written into the address of the next."""

    weight: float
    pk: int

    def __str__(self) -> str:
        return f"{self.weight!r}:{self.pk}"

    @staticmethod
    def read(text: str) -> Place | None:
        weight, _colon, pk = text.partition(":")
        try:
            return Place(float(weight), int(pk))
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Case:
    """Something to look at, with all that is needed to decide."""

    matter: Matter
    list: Kind
    own: Sequence[Reference] = ()  # other crops of the person it is filed under, the best first
    other: Sequence[Reference] = ()
    faces: Sequence[Face] = ()  # what could be added
    alike: Likeness | None = None  # to the other person, picture or people
    own_alike: Likeness | None = None
    why: str = ""
    said: Event | None = None  # who dealt with it; None while it is open
    is_open: bool = True
    says: str = ""

    @property
    def acts(self) -> Sequence[Act]:
        """Those of its list, what leads first: to look again is the last where it cannot help."""
        reference = self.matter.reference
        is_vain = reference is not None and not helps_to_try_again(reference.failure)
        return sorted(self.list.acts, key=lambda act: is_vain and act == AGAIN)


@dataclass(frozen=True, slots=True)
class Worklist:
    kind: Kind
    cases: list[Case]
    after: Place | None
    left: int


def worklist(user: User, kind: str, after: Place | None) -> Worklist:
    """A page of open cases, the worst first, in a constant number of queries."""
    rows: QuerySet[Any] = health.rows_of(kind, user)
    if rows.model is Person:  # each would be asked for their references twice, once to be counted
        pks = list(rows.order_by("pk").values_list("pk", flat=True))
        left, rows = len(pks), Person.objects.filter(pk__in=_behind(pks, after))
    else:
        left = rows.count()
    is_finding = rows.model is Finding
    if after is not None:
        behind = Q(weight=after.weight, pk__gt=after.pk) | Q(weight__lt=after.weight)
        rows = rows.filter(behind if is_finding else Q(pk__gt=after.pk))
    found = list(rows.order_by(*(("-weight", "pk") if is_finding else ("pk",)))[: PAGE + 1])
    matters = health.matters_of(kind, found[:PAGE])
    place = Place(matters[-1].weight, matters[-1].pk) if len(found) > PAGE else None
    return Worklist(LISTS[kind], _cases(user, kind, matters), place, left)


def _behind(pks: list[int], after: Place | None) -> list[int]:
    """Of these in order, a page and one more."""
    start = bisect_right(pks, after.pk) if after else 0
    return pks[start : start + PAGE + 1]


def one(user: User, kind: str, pk: int) -> Case | None:
    """One case as it is now, open or dealt with; None where it is not there any more."""
    matters = health.find(kind, [pk], user)
    if not matters:
        return None
    if health.rows_of(kind, user).filter(pk=pk).exists():
        return _cases(user, kind, matters)[0]
    return _closed(kind, matters)[0]


def decided(user: User, kind: str, ids: Sequence[int]) -> list[Case]:
    """Of these, the ones that others have dealt with meanwhile."""
    still_open = set(health.rows_of(kind, user).filter(pk__in=ids).values_list("pk", flat=True))
    gone = [pk for pk in ids if pk not in still_open]
    return _closed(kind, health.find(kind, gone, user))


def _closed(kind: str, matters: Sequence[Matter]) -> list[Case]:
    last = _last_events(matter.subject for matter in matters)
    cases = []
    for matter in matters:
        event = last.get(matter.subject)
        cases.append(Case(matter, LISTS[kind], said=event, is_open=False, says=say(event) if event else ""))
    return cases


def _last_events(subjects: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Event]:
    wanted = Q(pk__in=[])
    for kind, pk in subjects:
        wanted |= Q(object_type=kind, object_id=pk)
    rows = EventSubject.objects.filter(wanted).select_related("event__actor").order_by("-event_id")
    return {(row.object_type, row.object_id): row.event for row in reversed(rows[:LOOKED_AT])}


def _cases(user: User, kind: str, matters: Sequence[Matter]) -> list[Case]:
    people = {person.pk for matter in matters for person in (matter.person, matter.other_person) if person}
    crops = best_crops(user, people)
    needs_faces = any(act.name == "add" for act in LISTS[kind].acts)
    faces = offered_faces(user, people) if needs_faces else {}
    embedders = {matter.finding.embedder_id for matter in matters if matter.finding}
    tails = {embedder: tail_of(embedder) for embedder in embedders}
    return [
        Case(
            matter,
            LISTS[kind],
            own=_without(crops.get(matter.person.pk, []), matter.reference, matter.other_reference),
            other=_others(matter, crops),
            faces=faces.get(matter.person.pk, []),
            alike=_alike(matter, tails, "similarity"),
            own_alike=_alike(matter, tails, "own_similarity"),
            why=_why(matter),
        )
        for matter in matters
    ]


def _without(crops: Sequence[Reference], *shown: Reference | None) -> list[Reference]:
    return [crop for crop in crops if crop not in shown][:SHOWN]


def _others(matter: Matter, crops: dict[int, list[Reference]]) -> list[Reference]:
    """The other person's nearest picture first, then their best."""
    if matter.other_person is None:
        return []
    if matter.kind == Finding.Kind.DUPLICATE:
        return []
    first = [matter.other_reference] if matter.other_reference else []
    rest = _without(crops.get(matter.other_person.pk, []), matter.reference, matter.other_reference)
    return [*first, *rest][:SHOWN]


def _alike(matter: Matter, tails: dict[str, Any], column: str) -> Likeness | None:
    if matter.finding is None:
        return None
    return likeness(getattr(matter.finding, column), "", tails[matter.finding.embedder_id])


def _why(matter: Matter) -> str:
    """What is wrong with a picture, in words."""
    reference = matter.reference
    if reference is None:
        return ""
    if matter.kind == Finding.Kind.FACELESS:
        return in_words(reference.failure)
    return _poor(reference.quality or {}) if matter.kind == Finding.Kind.POOR else ""


def _poor(quality: dict[str, Any]) -> str:
    size, sharpness = quality.get("size", REFERENCE_SIZE), quality.get("sharpness", REFERENCE_SHARP)
    if size < REFERENCE_SIZE:
        return _("Tiny: %(size)s pixels between the eyes, %(least)s are the least.") % {
            "size": round(size),
            "least": round(REFERENCE_SIZE),
        }
    if sharpness < REFERENCE_SHARP:
        return _("Blurred: hardly any detail.")
    if sharpness > REFERENCE_NOISE:
        return _("Noise: what looks like detail is grain.")
    return {
        "small": _("Too small to recognise anybody by."),
        "blurred": _("Blurred: hardly any detail."),
        "turned": _("Turned away too far."),
        "dark": _("Too dark."),
        "bright": _("Too bright."),
    }.get(quality.get("reason", ""), _("Too poor to recognise anybody by."))

"""The pages on gallery health: each list, what can be done in it, and its items with their pictures."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import Exists, F, FloatField, OrderBy, OuterRef, Q, QuerySet, Window
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, RowNumber
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.curation.findings import (
    WorklistItem,
    build_worklist_items,
    count_check_findings,
    count_worklist_items,
    find_worklist_items,
    get_worklist_rows,
)
from gallery.faces.labels import SimilarityText, describe_similarity, get_similarity_tail
from gallery.history.descriptions import describe_event
from gallery.jobs.selectors import is_retry_useful
from gallery.models import Decision, Event, EventSubject, Face, Finding, Person, Reference, User
from gallery.people.references import GOOD_FACE_COLUMNS, is_good_reference_face
from recognition.quality import REFERENCE_NOISE, REFERENCE_SHARP, REFERENCE_SIZE

FindingKind = Finding.Kind


@dataclass(frozen=True, slots=True)
class ActButton:
    """A button: what it says, its key, and its picture. `go` is a link, not an act of the service."""

    name: str
    key: str
    label: str | Promise
    icon: str

    @property
    def letter(self) -> str:
        """The key as it stands on the keyboard."""
        return self.key.upper()


KEEP_BUTTON = ActButton("keep", "y", gettext_lazy("All right"), "check")
MOVE_BUTTON = ActButton("move", "m", gettext_lazy("Move"), "right")
SOMEONE_ELSE_BUTTON = ActButton("someone", "s", gettext_lazy("Someone else"), "person")
REJECT_BUTTON = ActButton("reject", "r", gettext_lazy("Reject"), "close")
KEEP_FIRST_BUTTON = ActButton("first", "1", gettext_lazy("Keep only the first"), "left")
KEEP_SECOND_BUTTON = ActButton("second", "2", gettext_lazy("Keep only the second"), "right")
MERGE_BUTTON = ActButton("merge", "g", gettext_lazy("Merge them"), "merge")
ADD_FACE_BUTTON = ActButton("add", "a", gettext_lazy("Add the best face"), "plus")
LOOK_AGAIN_BUTTON = ActButton("again", "t", gettext_lazy("Look again"), "retry")
TWO_PEOPLE_BUTTON = ActButton("keep", "y", gettext_lazy("They are two people"), "check")
KEEP_BOTH_BUTTON = ActButton("keep", "y", gettext_lazy("Keep both"), "check")
ENOUGH_BUTTON = ActButton("keep", "y", gettext_lazy("That is enough"), "check")


@dataclass(frozen=True, slots=True)
class WorklistKind:
    name: str
    title: str | Promise
    about: str | Promise
    acts: tuple[ActButton, ...]


WORKLISTS: dict[str, WorklistKind] = {
    kind.name: kind
    for kind in (
        WorklistKind(
            FindingKind.WRONG.value,
            gettext_lazy("Likely wrong references"),
            gettext_lazy("Pictures nearer to another person than to the one they are filed under."),
            (MOVE_BUTTON, REJECT_BUTTON, KEEP_BUTTON, SOMEONE_ELSE_BUTTON, MERGE_BUTTON),
        ),
        WorklistKind(
            FindingKind.UNLIKE.value,
            gettext_lazy("Unlike the rest"),
            gettext_lazy(
                "Pictures that resemble neither their own person's other pictures nor anybody else's."
            ),
            (REJECT_BUTTON, KEEP_BUTTON, SOMEONE_ELSE_BUTTON),
        ),
        WorklistKind(
            FindingKind.DUPLICATE.value,
            gettext_lazy("Duplicates"),
            gettext_lazy("The same picture twice; under two names it names strangers."),
            (KEEP_FIRST_BUTTON, KEEP_SECOND_BUTTON, KEEP_BOTH_BUTTON, MERGE_BUTTON),
        ),
        WorklistKind(
            FindingKind.POOR.value,
            gettext_lazy("Blurred, tiny or dark"),
            gettext_lazy(
                "Poor pictures of different people are alike, so each lends its name to every poor face."
            ),
            (REJECT_BUTTON, KEEP_BUTTON, SOMEONE_ELSE_BUTTON),
        ),
        WorklistKind(
            FindingKind.FACELESS.value,
            gettext_lazy("No face found"),
            gettext_lazy(
                "Pictures that nobody can be recognised by: no face was found, or they cannot be read."
            ),
            (LOOK_AGAIN_BUTTON, REJECT_BUTTON, KEEP_BUTTON),
        ),
        WorklistKind(
            FindingKind.SINGLE.value,
            gettext_lazy("People with a single reference"),
            gettext_lazy("Nothing backs that one picture up. Add confirmed faces that are clear."),
            (ADD_FACE_BUTTON, ENOUGH_BUTTON),
        ),
        WorklistKind(
            FindingKind.BARE.value,
            gettext_lazy("People without a reference"),
            gettext_lazy("No photo can be matched to them. Add confirmed faces that are clear, or pictures."),
            (ADD_FACE_BUTTON, ENOUGH_BUTTON),
        ),
        WorklistKind(
            FindingKind.CONFUSABLE.value,
            gettext_lazy("People who look alike"),
            gettext_lazy(
                "The model can hardly tell them apart: one person under two names, or people to check by eye."
            ),
            (MERGE_BUTTON, TWO_PEOPLE_BUTTON),
        ),
    )
}


def list_worklists_with_counts(user: User) -> Sequence[tuple[WorklistKind, int]]:
    """Every list with how much is in it."""
    counts = count_worklist_items(user)
    return [(kind, counts[name]) for name, kind in WORKLISTS.items()]


def count_findings_in_worklists(lists: Sequence[tuple[WorklistKind, int]]) -> int:
    """How many findings of the check are in these lists."""
    return count_check_findings({kind.name: number for kind, number in lists})


Row = TypeVar("Row", Reference, Face)
CROPS_PER_PERSON = 5  # of a person; one of them may be the doubtful one itself
FACES_PER_PERSON = 12  # looked at for each person, of which the good ones are offered
OFFERED_FACES_PER_PERSON = 6
FACE_EYE_DISTANCE = Cast(KT("quality__size"), FloatField())  # of a face; a reference has it as a column
OFFERED_FACE_COLUMNS = (
    "person",
    "left",
    "top",
    "width",
    "height",
    "photo__name",
    "photo__sha256",
    *GOOD_FACE_COLUMNS,
)
Judgement = Reference.Judgement


def find_best_crops(user: User, persons: Collection[int]) -> dict[int, list[Reference]]:
    """Each person's largest approved references, the largest first."""
    rows = Reference.objects.visible_to(user).approved().filter(person__in=persons)
    return _group_by_person(_rank_largest(rows.only("person", "sha256"), F("eyes"), CROPS_PER_PERSON))


def find_offered_faces(user: User, persons: Collection[int]) -> dict[int, list[Face]]:
    """Each person's confirmed faces that are clear enough to be references, and are none yet."""
    made = Reference.objects.approved().filter(source_face=OuterRef("pk"))
    rows = Face.objects.visible_to(user).filter(
        ~Exists(made), person__in=persons, decision=Decision.CONFIRMED, is_usable=True
    )
    found = _group_by_person(
        _rank_largest(
            rows.select_related("photo").only(*OFFERED_FACE_COLUMNS), FACE_EYE_DISTANCE, FACES_PER_PERSON
        )
    )
    return {
        person: [face for face in faces if is_good_reference_face(face)][:OFFERED_FACES_PER_PERSON]
        for person, faces in found.items()
    }


def _rank_largest(rows: QuerySet[Row], size: F | Cast, number: int) -> QuerySet[Row]:
    order = [OrderBy(size, descending=True, nulls_last=True), F("pk").asc()]
    place = Window(RowNumber(), partition_by=F("person"), order_by=order)
    return rows.annotate(place=place).filter(place__lte=number)


def _group_by_person(rows: QuerySet[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: int(getattr(row, "place", 0))):
        found[int(row.person_id or 0)].append(row)
    return found


WORKLIST_PAGE_SIZE = 8
MAX_SHOWN_CROPS = 4
MAX_SCANNED_EVENTS = 500  # events, in search of the last about each of a page's cases


@dataclass(frozen=True, slots=True)
class WorklistCursor:
    """Where a page ended; written into the address of the next."""

    weight: float
    pk: int

    def __str__(self) -> str:
        return f"{self.weight!r}:{self.pk}"

    @staticmethod
    def read(text: str) -> WorklistCursor | None:
        weight, _colon, pk = text.partition(":")
        try:
            return WorklistCursor(float(weight), int(pk))
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class WorklistCard:
    """Something to look at, with all that is needed to decide."""

    matter: WorklistItem
    list: WorklistKind
    own: Sequence[Reference] = ()  # other crops of the person it is filed under, the best first
    other: Sequence[Reference] = ()
    faces: Sequence[Face] = ()  # what could be added
    alike: SimilarityText | None = None  # to the other person, picture or people
    own_alike: SimilarityText | None = None
    why: str = ""
    said: Event | None = None  # who dealt with it; None while it is open
    is_open: bool = True
    says: str = ""

    @property
    def acts(self) -> Sequence[ActButton]:
        """Those of its list, what leads first: to look again is the last where it cannot help."""
        reference = self.matter.reference
        is_vain = reference is not None and not is_retry_useful(reference)
        return sorted(self.list.acts, key=lambda act: is_vain and act == LOOK_AGAIN_BUTTON)


@dataclass(frozen=True, slots=True)
class WorklistPage:
    kind: WorklistKind
    cases: list[WorklistCard]
    after: WorklistCursor | None
    left: int


def get_worklist_page(user: User, kind: str, after: WorklistCursor | None) -> WorklistPage:
    """A page of open cases, the worst first, in a constant number of queries."""
    rows: QuerySet[Any] = get_worklist_rows(kind, user)
    if rows.model is Person:  # each would be asked for their references twice, once to be counted
        pks = list(rows.order_by("pk").values_list("pk", flat=True))
        left, rows = len(pks), Person.objects.filter(pk__in=_slice_after_cursor(pks, after))
    else:
        left = rows.count()
    is_finding = rows.model is Finding
    if after is not None:
        behind = Q(weight=after.weight, pk__gt=after.pk) | Q(weight__lt=after.weight)
        rows = rows.filter(behind if is_finding else Q(pk__gt=after.pk))
    found = list(rows.order_by(*(("-weight", "pk") if is_finding else ("pk",)))[: WORKLIST_PAGE_SIZE + 1])
    matters = build_worklist_items(kind, found[:WORKLIST_PAGE_SIZE])
    place = WorklistCursor(matters[-1].weight, matters[-1].pk) if len(found) > WORKLIST_PAGE_SIZE else None
    return WorklistPage(WORKLISTS[kind], _build_open_cards(user, kind, matters), place, left)


def _slice_after_cursor(pks: list[int], after: WorklistCursor | None) -> list[int]:
    """Of these in order, a page and one more."""
    start = bisect_right(pks, after.pk) if after else 0
    return pks[start : start + WORKLIST_PAGE_SIZE + 1]


def get_worklist_card(user: User, kind: str, pk: int) -> WorklistCard | None:
    """One case as it is now, open or dealt with; None where it is not there any more."""
    matters = find_worklist_items(kind, [pk], user)
    if not matters:
        return None
    if get_worklist_rows(kind, user).filter(pk=pk).exists():
        return _build_open_cards(user, kind, matters)[0]
    return _build_closed_cards(kind, matters)[0]


def list_closed_cards(user: User, kind: str, ids: Sequence[int]) -> list[WorklistCard]:
    """Of these, the ones that others have dealt with meanwhile."""
    still_open = set(get_worklist_rows(kind, user).filter(pk__in=ids).values_list("pk", flat=True))
    gone = [pk for pk in ids if pk not in still_open]
    return _build_closed_cards(kind, find_worklist_items(kind, gone, user))


def _build_closed_cards(kind: str, matters: Sequence[WorklistItem]) -> list[WorklistCard]:
    last = _get_last_events(matter.subject for matter in matters)
    cases = []
    for matter in matters:
        event = last.get(matter.subject)
        cases.append(
            WorklistCard(
                matter,
                WORKLISTS[kind],
                said=event,
                is_open=False,
                says=describe_event(event) if event else "",
            )
        )
    return cases


def _get_last_events(subjects: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Event]:
    wanted = Q(pk__in=[])
    for kind, pk in subjects:
        wanted |= Q(object_type=kind, object_id=pk)
    rows = EventSubject.objects.filter(wanted).select_related("event__actor").order_by("-event_id")
    return {(row.object_type, row.object_id): row.event for row in reversed(rows[:MAX_SCANNED_EVENTS])}


def _build_open_cards(user: User, kind: str, matters: Sequence[WorklistItem]) -> list[WorklistCard]:
    people = {person.pk for matter in matters for person in (matter.person, matter.other_person) if person}
    crops = find_best_crops(user, people)
    needs_faces = any(act.name == "add" for act in WORKLISTS[kind].acts)
    faces = find_offered_faces(user, people) if needs_faces else {}
    embedders = {matter.finding.embedder_id for matter in matters if matter.finding}
    tails = {embedder: get_similarity_tail(embedder) for embedder in embedders}
    return [
        WorklistCard(
            matter,
            WORKLISTS[kind],
            own=_exclude_shown_crops(
                crops.get(matter.person.pk, []), matter.reference, matter.other_reference
            ),
            other=_get_other_crops(matter, crops),
            faces=faces.get(matter.person.pk, []),
            alike=_describe_similarity(matter, tails, "similarity"),
            own_alike=_describe_similarity(matter, tails, "own_similarity"),
            why=_describe_defect(matter),
        )
        for matter in matters
    ]


def _exclude_shown_crops(crops: Sequence[Reference], *shown: Reference | None) -> list[Reference]:
    return [crop for crop in crops if crop not in shown][:MAX_SHOWN_CROPS]


def _get_other_crops(matter: WorklistItem, crops: dict[int, list[Reference]]) -> list[Reference]:
    """The other person's nearest picture first, then their best."""
    if matter.other_person is None:
        return []
    if matter.kind == Finding.Kind.DUPLICATE:
        return []
    first = [matter.other_reference] if matter.other_reference else []
    rest = _exclude_shown_crops(
        crops.get(matter.other_person.pk, []), matter.reference, matter.other_reference
    )
    return [*first, *rest][:MAX_SHOWN_CROPS]


def _describe_similarity(matter: WorklistItem, tails: dict[str, Any], column: str) -> SimilarityText | None:
    if matter.finding is None:
        return None
    return describe_similarity(getattr(matter.finding, column), "", tails[matter.finding.embedder_id])


def _describe_defect(matter: WorklistItem) -> str:
    """What is wrong with a picture, in words."""
    reference = matter.reference
    if reference is None:
        return ""
    if matter.kind == Finding.Kind.FACELESS:
        return reference.failure_text
    return _describe_poor_quality(reference.quality or {}) if matter.kind == Finding.Kind.POOR else ""


def _describe_poor_quality(quality: dict[str, Any]) -> str:
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

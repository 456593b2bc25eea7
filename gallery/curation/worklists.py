"""The pages on gallery health: each list, what can be done in it, and its items with their pictures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import Exists, F, FloatField, OrderBy, OuterRef, Q, QuerySet, Window
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, RowNumber
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.core.pagination import ScoreCursor
from gallery.curation.findings import (
    CHECKED_KINDS,
    FindingKind,
    build_finding,
    count_worklist_items,
    find_worklist_items,
    get_worklist_rows,
)
from gallery.faces.labels import SimilarityText, describe_similarity, get_similarity_tail
from gallery.history.descriptions import describe_event
from gallery.jobs.selectors import is_retry_useful
from gallery.models import Decision, Event, EventSubject, Face, Finding, Reference, User
from gallery.people.references import GOOD_FACE_COLUMNS, is_good_reference_face
from recognition.calibrate import Tail
from recognition.quality import REFERENCE_NOISE, REFERENCE_SHARP, REFERENCE_SIZE


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
APPROVE_BUTTON = ActButton("approve", "a", gettext_lazy("Approve"), "check")
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
            FindingKind.WAITING.value,
            gettext_lazy("Waiting for a decision"),
            gettext_lazy(
                "Pictures that were sent or imported, and recognise nobody before somebody approves them."
            ),
            (APPROVE_BUTTON, SOMEONE_ELSE_BUTTON, REJECT_BUTTON),
        ),
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
            FindingKind.UNSEARCHED.value,
            gettext_lazy("Not searched by the serving embedder"),
            gettext_lazy(
                "Nobody is found by these: they have no picture, or no face was found in it. So are those that"
                " a switch of embedders, which waits for a decision, would lose."
            ),
            (KEEP_BUTTON, REJECT_BUTTON),
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
    return sum(number for kind, number in lists if kind.name in CHECKED_KINDS)


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
    "photo__turn",
    *GOOD_FACE_COLUMNS,
)


def find_best_crops(user: User, persons: Collection[int]) -> dict[int, list[Reference]]:
    """Each person's largest approved references, the largest first."""
    rows = Reference.objects.visible_to(user).approved().filter(person__in=persons)
    return _list_largest_by_person(rows.only("person", "sha256"), F("eyes"), CROPS_PER_PERSON)


def find_offered_faces(user: User, persons: Collection[int]) -> dict[int, list[Face]]:
    """Each person's confirmed faces that are clear enough to be references, and are none yet."""
    made = Reference.objects.approved().filter(source_face=OuterRef("pk"))
    rows = Face.objects.visible_to(user).filter(
        ~Exists(made), person__in=persons, decision=Decision.CONFIRMED, is_usable=True
    )
    rows = rows.select_related("photo").only(*OFFERED_FACE_COLUMNS)
    found = _list_largest_by_person(rows, FACE_EYE_DISTANCE, FACES_PER_PERSON)
    return {
        person: [face for face in faces if is_good_reference_face(face)][:OFFERED_FACES_PER_PERSON]
        for person, faces in found.items()
    }


def _list_largest_by_person(rows: QuerySet[Row], size: F | Cast, number: int) -> dict[int, list[Row]]:
    order = [OrderBy(size, descending=True, nulls_last=True), F("pk").asc()]
    place = Window(RowNumber(), partition_by=F("person"), order_by=order)
    found: dict[int, list[Row]] = defaultdict(list)
    for row in rows.annotate(place=place).filter(place__lte=number).order_by("place"):
        found[int(row.person_id or 0)].append(row)
    return found


WORKLIST_PAGE_SIZE = 8
MAX_SHOWN_CROPS = 4
MAX_SCANNED_EVENTS = 500  # in search of the last about each of a page's findings


@dataclass(frozen=True, slots=True)
class FindingCard:
    """A finding with all that is needed to decide it, or with the event that did."""

    finding: Finding
    own: Sequence[Reference] = ()  # other crops of the person it is filed under, the best first
    other: Sequence[Reference] = ()
    faces: Sequence[Face] = ()  # what could be added
    alike: SimilarityText | None = None  # to the other person, picture or people
    own_alike: SimilarityText | None = None
    defect: str = ""  # what is wrong with its picture, in words
    event: Event | None = None  # by which it was dealt with
    is_open: bool = True

    @property
    def acts(self) -> Sequence[ActButton]:
        """Those of its list, what leads first: to look again is the last where it cannot help."""
        reference = self.finding.reference
        is_vain = reference is not None and not is_retry_useful(reference)
        return sorted(WORKLISTS[self.finding.kind].acts, key=lambda act: is_vain and act == LOOK_AGAIN_BUTTON)

    @property
    def event_text(self) -> str:
        return describe_event(self.event) if self.event else ""


@dataclass(frozen=True, slots=True)
class WorklistPage:
    kind: WorklistKind
    cards: Sequence[FindingCard]
    after: ScoreCursor | None
    left: int


def get_worklist_page(user: User, kind: str, after: ScoreCursor | None) -> WorklistPage:
    """A page of open cards, the worst first, in a constant number of queries."""
    rows = get_worklist_rows(kind, user)
    left, is_finding = rows.count(), rows.model is Finding
    if after is not None:
        behind = Q(weight=after.score, pk__gt=after.pk) | Q(weight__lt=after.score)
        rows = rows.filter(behind if is_finding else Q(pk__gt=after.pk))
    rows = rows.order_by(*(("-weight", "pk") if is_finding else ("pk",)))
    found = [build_finding(kind, row) for row in rows[: WORKLIST_PAGE_SIZE + 1]]
    shown = found[:WORKLIST_PAGE_SIZE]
    place = ScoreCursor(shown[-1].weight, shown[-1].item_id) if len(found) > len(shown) else None
    return WorklistPage(WORKLISTS[kind], _build_open_cards(user, kind, shown), place, left)


def get_finding_card(user: User, kind: str, pk: int) -> FindingCard | None:
    """One card as it is now, open or dealt with; None where it is not there any more."""
    findings = find_worklist_items(kind, [pk], user)
    if not findings:
        return None
    if get_worklist_rows(kind, user).filter(pk=pk).exists():
        return _build_open_cards(user, kind, findings)[0]
    return _build_closed_cards(findings)[0]


def list_closed_cards(user: User, kind: str, ids: Sequence[int]) -> list[FindingCard]:
    """Of these, the ones that others have dealt with meanwhile."""
    still_open = set(get_worklist_rows(kind, user).filter(pk__in=ids).values_list("pk", flat=True))
    gone = [pk for pk in ids if pk not in still_open]
    return _build_closed_cards(find_worklist_items(kind, gone, user))


def _build_closed_cards(findings: Sequence[Finding]) -> list[FindingCard]:
    wanted = Q(pk__in=[])
    for kind, pk in {finding.subject for finding in findings}:
        wanted |= Q(object_type=kind, object_id=pk)
    rows = EventSubject.objects.filter(wanted).select_related("event__actor").order_by("-event_id")
    last = {(row.object_type, row.object_id): row.event for row in reversed(rows[:MAX_SCANNED_EVENTS])}
    return [FindingCard(finding, event=last.get(finding.subject), is_open=False) for finding in findings]


def _build_open_cards(user: User, kind: str, findings: Sequence[Finding]) -> list[FindingCard]:
    people = {pk for finding in findings for pk in (finding.person_id, finding.other_person_id) if pk}
    crops = find_best_crops(user, people)
    faces = find_offered_faces(user, people) if ADD_FACE_BUTTON in WORKLISTS[kind].acts else {}
    embedders = {finding.embedder_id for finding in findings if finding.pk}
    tails = {embedder: get_similarity_tail(embedder) for embedder in embedders}
    return [
        FindingCard(
            finding,
            own=_exclude_shown_crops(crops, finding.person_id, finding),
            other=_list_other_crops(crops, finding),
            faces=faces.get(finding.person_id, []),
            alike=_describe_similarity(finding, finding.similarity, tails),
            own_alike=_describe_similarity(finding, finding.own_similarity, tails),
            defect=_describe_defect(finding),
        )
        for finding in findings
    ]


def _exclude_shown_crops(crops: dict[int, list[Reference]], person: int, finding: Finding) -> list[Reference]:
    shown = (finding.reference_id, finding.other_reference_id)
    return [crop for crop in crops.get(person, []) if crop.pk not in shown][:MAX_SHOWN_CROPS]


def _list_other_crops(crops: dict[int, list[Reference]], finding: Finding) -> list[Reference]:
    """The other person's nearest picture first, then their best."""
    if finding.other_person_id is None or finding.kind == FindingKind.DUPLICATE:
        return []
    first = [finding.other_reference] if finding.other_reference else []
    return [*first, *_exclude_shown_crops(crops, finding.other_person_id, finding)][:MAX_SHOWN_CROPS]


def _describe_similarity(
    finding: Finding, similarity: float | None, tails: dict[str, Tail | None]
) -> SimilarityText | None:
    return describe_similarity(similarity, "", tails[finding.embedder_id]) if finding.pk else None


def _describe_defect(finding: Finding) -> str:
    """What is wrong with a picture, in words."""
    if finding.reference and finding.kind == FindingKind.FACELESS:
        return finding.reference.failure_text
    if finding.reference and finding.kind == FindingKind.WAITING:
        return finding.reference.get_doubt_display()
    if finding.reference and finding.kind == FindingKind.POOR:
        return _describe_poor_quality(finding.reference.quality or {})
    return ""


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

"""Names that other programs wrote into photos: what taking them would do, and taking them.

A name is taken as one person everywhere. Boxes that fit a face give it the name and take its place, as somebody drew
them; others are drawn anew. What people have decided stands, and so does a face that the machine knows as somebody
else unless they say otherwise."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import ngettext_lazy

from gallery.core.erased import find_erased
from gallery.core.exceptions import CannotUndo
from gallery.faces.boxes import is_box_erased, pair_faces
from gallery.faces.decisions import decision_columns, named_columns
from gallery.faces.namesakes import find_people_called
from gallery.history.changeset import (
    ChangeSet,
    EventSubjects,
    apply_effects,
    record_event,
    reverse_groups,
    split_into_chunks,
)
from gallery.history.undo import describe_later_change
from gallery.jobs import dispatch
from gallery.models import (
    Candidate,
    Decision,
    ErasedDigest,
    Event,
    EventSubject,
    Face,
    NameInFile,
    OtherName,
    Person,
    Photo,
    Reference,
    Status,
    User,
)
from gallery.models.labels import split_label
from gallery.models.people import get_search_key

MAX_TAGS = 20_000  # names in one look; the rest follow when these are decided
MAX_PLANNED = 200  # different names in one look
MAX_SHOWN = 6  # faces of a kind
VERB = "names.take"


class Fit(StrEnum):
    SAME = "same"  # so already
    FITS = "fits"  # a face that was found
    DRAWN = "drawn"  # no face was found there: the box is drawn
    CONTRADICTED = "contradicted"  # the machine is sure that it is somebody else
    DECIDED = "decided"  # somebody has said something else
    UNPLACED = "unplaced"  # no box, and nothing else says which face


@dataclass(frozen=True, slots=True)
class NameFit:
    """What becomes of a name in a photo."""

    tag: NameInFile
    fit: Fit
    face: Face | None = None


@dataclass(slots=True)
class PlannedName:
    """One name of the files, and what taking it would do."""

    number: int  # by which forms call it
    name: str
    people: list[Person]  # who is called so
    alike: list[Person]  # who is called almost so, where nobody is
    was_erased: bool
    counts: Counter[Fit] = field(default_factory=Counter)
    fits: defaultdict[Fit, list[NameFit]] = field(default_factory=lambda: defaultdict(list))  # some of each
    tags: list[int] = field(default_factory=list)

    @property
    def person(self) -> Person | None:
        return self.people[0] if len(self.people) == 1 else None

    @property
    def is_closed(self) -> bool:
        return any(not person.may_be_recognised for person in self.people)

    @property
    def is_ambiguous(self) -> bool:
        return len(self.people) > 1 or bool(self.alike)

    @property
    def is_clear(self) -> bool:
        """Whether nothing is to be asked."""
        is_any = self.counts[Fit.FITS] + self.counts[Fit.DRAWN]
        return bool(is_any) and not (self.is_ambiguous or self.was_erased or self.is_closed)


@dataclass(slots=True)
class NamesPlan:
    names: list[PlannedName]
    photos: int
    waiting: int  # photos with names that a worker has not looked at yet
    is_more: bool


def get_waiting_names(user: User) -> QuerySet[NameInFile]:
    return NameInFile.objects.filter(photo__in=Photo.objects.visible_to(user).order_by().values("pk"))


def plan_names(user: User) -> NamesPlan:
    """What taking the names would do, those with most to do first."""
    rows = get_waiting_names(user).select_related("photo")
    tags = list(rows.filter(photo__work=Status.DONE)[: MAX_TAGS + 1])
    is_more, tags = len(tags) > MAX_TAGS, tags[:MAX_TAGS]
    called = _find_people(user, {tag.key: tag.name for tag in tags})
    planned: dict[str, PlannedName] = {}
    for fit in _fit_tags(tags, {key: {person.pk for person in people} for key, people in called.items()}):
        entry = planned.get(fit.tag.key)
        if entry is None:
            people = called[fit.tag.key]
            entry = planned[fit.tag.key] = PlannedName(fit.tag.pk, fit.tag.name, people, [], was_erased=False)
        entry.number = min(entry.number, fit.tag.pk)
        entry.tags.append(fit.tag.pk)
        entry.counts[fit.fit] += 1
        if len(entry.fits[fit.fit]) < MAX_SHOWN:
            entry.fits[fit.fit].append(fit)
    _note_questions(planned.values())
    waiting = rows.exclude(photo__work=Status.DONE).order_by().values("photo").distinct().count()
    names = sorted(planned.values(), key=lambda entry: (not entry.is_clear, -len(entry.tags), entry.number))
    is_more |= len(names) > MAX_PLANNED
    return NamesPlan(names[:MAX_PLANNED], len({tag.photo_id for tag in tags}), waiting, is_more)


def _find_people(user: User, names: Mapping[str, str]) -> dict[str, list[Person]]:
    """By the names' keys: whose label, name or other name each is."""
    found: defaultdict[str, list[Person]] = defaultdict(list)
    for some in split_into_chunks(list(names)):
        for person in Person.objects.filter(key__in=some).order_by("pk"):
            found[person.key].append(person)
        for other in OtherName.objects.filter(key__in=some).select_related("person").order_by("pk"):
            if not any(person.key == other.key for person in found[other.key]):
                found[other.key].append(other.person)
    for key, name in names.items():
        if not found[key] and split_label(name).name != name:
            found[key] = find_people_called(name, user)
    return found


def _note_questions(entries: Collection[PlannedName]) -> None:
    """Note which names were erased here, and who has almost the same name as nobody yet."""
    new = {entry.number: get_search_key(entry.name) for entry in entries if not entry.people}
    bare = {number: get_search_key(split_label(text).name) for number, text in new.items()}
    erased = find_erased(ErasedDigest.Kind.NAME, {*new.values(), *bare.values()})
    alike: defaultdict[str, list[Person]] = defaultdict(list)
    for some in split_into_chunks(sorted(set(new.values()))):
        for person in Person.objects.filter(search__in=some).order_by("pk"):
            alike[person.search].append(person)
    for entry in entries:
        if entry.number in new:
            entry.was_erased = bool({new[entry.number], bare[entry.number]} & erased.keys())
            entry.alike = alike[new[entry.number]]


def _fit_tags(tags: Iterable[NameInFile], people: Mapping[str, Collection[int]]) -> Iterable[NameFit]:
    """What each name in each photo fits; the tags come photo by photo."""
    by_photo = {photo: list(some) for photo, some in groupby(tags, lambda tag: tag.photo_id)}
    for some in split_into_chunks(list(by_photo)):
        faces: defaultdict[int, list[Face]] = defaultdict(list)
        rows = Face.objects.filter(photo__in=some).defer("embedding", "landmarks", "quality").order_by("pk")
        for face in rows.select_related("person").prefetch_related("candidates", "rejections"):
            faces[face.photo_id].append(face)
        for photo in some:
            for face in faces[photo]:
                face.photo = by_photo[photo][0].photo
            yield from fit_names(by_photo[photo], faces[photo], people)


def fit_names(
    tags: Sequence[NameInFile], faces: Sequence[Face], people: Mapping[str, Collection[int]]
) -> list[NameFit]:
    """What the names of one photo fit among its faces; `people` says by the names' keys whom they may mean."""
    placed = [tag for tag in tags if tag.box]
    pairs = pair_faces(faces, [tag.box for tag in placed if tag.box])
    fits = []
    for number, tag in enumerate(placed):
        if number in pairs:
            fits.append(_judge_face(tag, faces[pairs[number]], people.get(tag.key, ())))
        else:
            is_erased = tag.box is not None and is_box_erased(faces, tag.box)
            fits.append(NameFit(tag, Fit.DECIDED if is_erased else Fit.DRAWN))
    left = [face for number, face in enumerate(faces) if number not in pairs.values() and not face.is_decided]
    bare = [tag for tag in tags if not tag.box]
    for tag in bare:
        theirs = [face for face in left if _is_proposed(face, people.get(tag.key, ()))]
        if not theirs and len(bare) == len(left) == 1 and left[0].person_id is None:
            theirs = left
        fits.append(NameFit(tag, Fit.FITS, theirs[0]) if len(theirs) == 1 else NameFit(tag, Fit.UNPLACED))
    return fits


def _is_proposed(face: Face, people: Collection[int]) -> bool:
    """Whether the machine, too, takes the face for one of these people."""
    return face.person_id in people or any(each.person_id in people for each in face.candidates.all())


def _judge_face(tag: NameInFile, face: Face, people: Collection[int]) -> NameFit:
    if face.decision == Decision.CONFIRMED and face.person_id in people:
        return NameFit(tag, Fit.SAME, face)
    if face.is_decided or face.is_erased or any(each.person_id in people for each in face.rejections.all()):
        return NameFit(tag, Fit.DECIDED, face)
    is_other = face.person_id is not None and face.state == Face.State.KNOWN and face.person_id not in people
    return NameFit(tag, Fit.CONTRADICTED if is_other else Fit.FITS, face)


@transaction.atomic
def take_names(user: User, ids: Collection[int], answers: Iterable[Mapping[str, Any]], batch: UUID) -> int:
    """Name the faces of these rows; how many. `answers` say of the names' keys which person each is, and whether also
    where the machine knows somebody else (`all`)."""
    said = {str(answer["key"]): answer for answer in answers}
    persons = Person.objects.in_bulk([answer["person"] for answer in said.values()])
    chosen = get_waiting_names(user).filter(pk__in=ids)
    photos = sorted(set(chosen.values_list("photo_id", flat=True)))
    list(Face.objects.select_for_update().filter(photo__in=photos).order_by("pk").values_list("pk"))
    held = NameInFile.objects.select_for_update(of=("self",)).filter(photo__in=photos)
    tags = list(held.select_related("photo").order_by("photo", "pk"))
    people = {key: {answer["person"]} for key, answer in said.items()}
    wanted, changes, done = set(chosen.values_list("pk", flat=True)), ChangeSet(), list[int]()
    faces: list[Face] = []
    for fit in _fit_tags(tags, people):
        answer = said.get(fit.tag.key)
        person = persons.get(answer["person"]) if answer else None
        if fit.tag.pk not in wanted or answer is None or person is None:
            continue
        if fit.fit in (Fit.FITS, Fit.DRAWN) or (fit.fit == Fit.CONTRADICTED and answer["all"]):
            faces.append(_name_face(changes, user, fit, person))
        elif fit.fit in (Fit.UNPLACED, Fit.CONTRADICTED):
            continue
        done.append(fit.tag.pk)
    if not done:
        return 0
    changes.delete(NameInFile.objects.filter(pk__in=done))
    apply_effects(changes)
    for face in changes.list_created_ids("face"):
        dispatch.send_task("embed_face", face)
    subjects: EventSubjects = {
        "face": [face.pk for face in faces],
        "photo": [face.photo_id for face in faces],
        "person": [face.person_id for face in faces],
    }
    record_event(user, VERB, None, {"count": len(faces)}, changes, batch, subjects)
    return len(faces)


def _name_face(changes: ChangeSet, user: User, fit: NameFit, person: Person) -> Face:
    columns = {**named_columns(person), **decision_columns(user, Decision.CONFIRMED)}
    if box := fit.tag.box:
        columns |= {
            "left": box.left,
            "top": box.top,
            "width": box.width,
            "height": box.height,
            "is_drawn": True,
        }
    if fit.face is None:
        face = Face(photo=fit.tag.photo, **columns)
        changes.create(face)
        return face
    if best := Candidate.objects.filter(face=fit.face, person=person).first():
        columns["similarity"] = best.similarity
    changes.set(fit.face, **columns)
    return fit.face


@transaction.atomic
def forget_names(user: User, ids: Collection[int]) -> Event | None:
    """Leave these names out: nobody is asked about them again, unless the files come again."""
    changes = ChangeSet()
    for some in split_into_chunks(sorted(ids)):
        changes.delete(get_waiting_names(user).filter(pk__in=some))
    if not changes.groups:
        return None
    return record_event(user, "names.forget", None, {"count": len(changes.groups)}, changes)


def find_faces_named_by_files(ids: Collection[int]) -> set[int]:
    """Which of these faces have their names from files, so that perhaps nobody has looked at them."""
    taken = EventSubject.objects.filter(event__verb=VERB, event__undone_at=None, object_type="face")
    return set(taken.filter(object_id__in=ids).values_list("object_id", flat=True))


def undo_taken_names(user: User, event: Event) -> dict[str, Any]:
    """As other acts are; but references cut from faces that the act drew let go of these, which are to go."""
    groups = (event.undo or {}).get("rows", [])
    drawn = [
        pk for group in groups if group["model"] == "face" and not group["before"] for pk in group["ids"]
    ]
    held = ChangeSet()
    cut = Reference.objects.filter(source_face__in=drawn)
    held.update(cut, status=Reference.Judgement.REJECTED, source_face=None)
    changes = reverse_groups(groups)
    if not changes.groups:
        raise CannotUndo(describe_later_change(event))
    changes.groups = [*held.groups, *changes.groups]
    apply_effects(changes)
    return {"rows": changes.groups}


EVENT_DESCRIPTIONS = {
    VERB: ngettext_lazy(
        "took the name of %(count)s face from files", "took the names of %(count)s faces from files", "count"
    ),
    "names.forget": ngettext_lazy(
        "left out %(count)s name in files", "left out %(count)s names in files", "count"
    ),
}

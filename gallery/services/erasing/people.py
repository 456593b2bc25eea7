"""Erasing a person: rows, name and vectors at once, the rest by the worker."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from gallery import queue, twice
from gallery.models import (
    Candidate,
    Decision,
    Erasure,
    Event,
    Face,
    FaceRejection,
    NameChange,
    Person,
    Photo,
    Reference,
    User,
)
from gallery.models.people import name_key
from gallery.scrubbing import Gone, chunks
from gallery.services.decisions import UNNAMED
from gallery.services.erasing.begun import Todo, begin
from gallery.services.locks import hold_person
from gallery.vectors import Bytes

# A face that nobody can be recognised by again; that it is drawn, and where, stays.
BLANK: dict[str, Any] = {
    **UNNAMED,
    "decision": Decision.IGNORED,
    "is_erased": True,
    "is_twice": False,
    "is_usable": False,
    "embedding": None,
    "embedder_id": "",
    "embedded_at": None,
    "landmarks": None,
    "quality": {"is_usable": False, "reason": "erased"},
    "cluster": None,
}


def erase_person(
    user: User | None, person: Person, *, with_likely: bool = False, revision: int | None = None
) -> Erasure:
    """Erase the person; `with_likely`: also the faces that a machine only takes to be theirs, unsurely.

    Changed, and nothing erased, when the person is not as the page with this revision showed them.
    """
    with transaction.atomic():
        _hold_faces(person, with_likely)  # before the person, as every act on a face does
        held = hold_person(person, revision)
        faces = _hold_faces(held, with_likely)
        todo, counts = _gathered(held, faces)
        counts["candidates"] = Candidate.objects.filter(person=held).count()
        counts["rejections"] = FaceRejection.objects.filter(person=held).count()
        asked = _lose_proposals(held)
        _blank(user, [pk for pk, *_ in faces])
        NameChange.objects.filter(Q(old_person=held) | Q(new_person=held)).delete()
        Person.objects.filter(pk=held.pk).delete()
        for some in chunks(asked):
            queue.send("follow_faces", list(some))
        return begin(user, Erasure.Kind.PERSON, counts, todo)


Found = list[tuple[int, int, Bytes | None]]  # face, photo, vector


def _hold_faces(person: Person, with_likely: bool) -> Found:
    rows = faces_of(person, with_likely=with_likely).select_for_update(of=("self",)).order_by("pk")
    return list(rows.values_list("pk", "photo_id", "embedding"))


def faces_of(person: Person, *, with_likely: bool = False) -> QuerySet[Face]:
    """Faces that bear the name; `with_likely`, those that first of all may be the person, too."""
    named = Q(person=person) | Q(pk__in=veiled(person), person__isnull=True, is_veiled=True)
    return Face.objects.filter(named | likely(person) if with_likely else named)


def veiled(person: Person) -> list[int]:
    """Faces that bore the name until recognition was stopped; only the history knows them."""
    events = Event.objects.filter(subjects__object_type="person", subjects__object_id=person.pk)
    said = events.filter(summary__has_key="veiled").values_list("summary", flat=True)
    return sorted({pk for summary in said for pk in summary["veiled"]})


def likely(person: Person) -> Q:
    """Nobody has decided, and the person is the first that is proposed."""
    first = Candidate.objects.filter(person=person, rank=0).order_by()
    return Q(pk__in=first.values("face"), decision=Decision.NONE, person__isnull=True)


def _gathered(person: Person, faces: Found) -> tuple[Todo, dict[str, int]]:
    """What there is of the person, before it goes."""
    people = {person.pk, *merged_into(person)}
    names = frozenset(former_names(person, people))
    face_ids = frozenset(pk for pk, *_ in faces)
    todo = Todo(Gone({"person": people}, names, face_ids))
    references = list(Reference.objects.select_for_update().filter(person=person).order_by("pk"))
    vectors = todo.add_references(references)
    for _, _, vector in faces:
        if vector is not None:
            todo.add_needle(vector)
            vectors += 1
    photos = {photo for _, photo, _ in faces}
    for some in chunks(photos):
        todo.photos += Photo.objects.filter(pk__in=some).values_list("sha256", flat=True)
    todo.files += person.drafts.values_list("image", flat=True)
    todo.person_files = list(person.exports.exclude(file="").values_list("file", flat=True))
    counts = {
        "references": len(references),
        "faces": len(faces),
        "photos_with_faces": len(photos),
        "embeddings": vectors,
    }
    return todo, counts


def merged_into(person: Person) -> set[int]:
    """Numbers of people who were found to be this one, and are no more."""
    found: set[int] = set()
    fresh = {person.pk}
    while fresh:
        merges = Event.objects.filter(verb="person.merge", object_type="person", object_id__in=fresh)
        subjects = merges.filter(undone_at=None, subjects__object_type="person")
        fresh = set(subjects.values_list("subjects__object_id", flat=True)) - found - {person.pk}
        fresh -= set(Person.objects.filter(pk__in=fresh).values_list("pk", flat=True))
        found |= fresh
    return found


def former_names(person: Person, people: set[int]) -> set[str]:
    """The name, and those that the person and who was merged into them had; but nobody else's of today."""
    names = {person.name}
    events = Event.objects.filter(object_type="person", object_id__in=people)
    for verb, summary in events.values_list("verb", "summary"):
        kept = str(summary.get("verb", verb))  # an undoing says what it undid
        names |= {str(summary[key]) for key in _says_names(kept) if summary.get(key)}
    others = Person.objects.filter(key__in=[name_key(name) for name in names]).exclude(pk=person.pk)
    taken = set(others.values_list("key", flat=True))
    return {name for name in names if name_key(name) not in taken}


def _says_names(verb: str) -> tuple[str, ...]:
    return {"person.rename": ("old", "person"), "person.merge": ("source", "person")}.get(verb, ("person",))


def _lose_proposals(person: Person) -> list[int]:
    """Nobody is asked any more whether a face is the person; the faces that were, to be searched again."""
    unsure = Face.objects.filter(decision=Decision.NONE, person__isnull=True, candidates__person=person)
    asked = list(unsure.distinct().values_list("pk", flat=True))
    Candidate.objects.filter(person=person).delete()
    for some in chunks(asked):
        Face.objects.filter(pk__in=some).update(
            state=Face.State.UNKNOWN, similarity=None, reference=None, searched_change=0
        )
    return asked


def _blank(user: User | None, faces: list[int]) -> None:
    for some in chunks(faces):
        Candidate.objects.filter(Q(face__in=some) | Q(look_alike__in=some)).delete()
        rows = Face.objects.filter(pk__in=some)
        rows.update(**BLANK, decided_by=user, decided_at=timezone.now(), revision=F("revision") + 1)
        twice.mark(list(some))

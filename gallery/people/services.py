"""Changes to people: creating, renaming, hiding, consent, merging and splitting."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from gallery.core.exceptions import ActionRefused, EditConflict, NameTaken
from gallery.faces.decisions import UNNAMED_COLUMNS, decision_columns, named_columns
from gallery.history.changeset import ChangeSet, record_event
from gallery.history.effects import apply_effects
from gallery.history.locking import check_face_revision, lock_person
from gallery.models import (
    Candidate,
    Decision,
    Event,
    Face,
    FaceRejection,
    Finding,
    NameChange,
    Person,
    PersonExport,
    Reference,
    ReferenceDraft,
    User,
)
from gallery.models.people import clean_name, get_name_key, get_search_key
from gallery.models.querysets import visible_album_q
from gallery.people.selectors import find_person_by_name


def create_person(user: User | None, name: str, note: str = "") -> Person:
    """A new person; NameTaken if there is one of this name."""
    with transaction.atomic():
        person = _build_person(name, note)
        ledger = ChangeSet()
        ledger.create(person)
        _record_person_change(user, "person.create", person, {}, ledger)
    return person


def get_or_create_person(user: User, name: str) -> Person:
    """The person of this name, made if there is none: what typing a name into a page does."""
    with transaction.atomic():
        return find_person_by_name(name) or create_person(user, name)


def import_person(name: str, **columns: Any) -> tuple[Person, bool]:
    """The person of this name, and whether they are new: made with these columns, as an import of a command does."""
    defaults = {"name": clean_name(name), "search": get_search_key(name), **columns}
    return Person.objects.get_or_create(key=get_name_key(name), defaults=defaults)


def rename_person(user: User, person: Person, name: str, revision: int | None = None) -> Event | None:
    """A new name; NameTaken, with the other person, if it is somebody else's."""
    with transaction.atomic():
        held = lock_person(person, revision)
        fresh = _build_person(name, "", own=held)
        if fresh.name == held.name:
            return None
        ledger, old = ChangeSet(), held.name
        ledger.set(held, name=fresh.name, key=fresh.key, search=fresh.search)
        return _record_person_change(user, "person.rename", held, {"old": old}, ledger)


def set_person_hidden(
    user: User, person: Person, is_hidden: bool, revision: int | None = None
) -> Event | None:
    """Hidden people are left out of lists and searches; their names stay on their faces."""
    verb = "person.hide" if is_hidden else "person.show"
    return _set_person_columns(user, person, revision, verb, is_hidden=is_hidden)


def set_people_hidden(
    user: User, ids: Collection[int], is_hidden: bool, batch: uuid.UUID | None = None
) -> int:
    """Hide many people, or show them again, as one act; how many it changed."""
    with transaction.atomic():
        ledger = ChangeSet()
        rows = Person.objects.filter(pk__in=ids).exclude(is_hidden=is_hidden)
        changed = ledger.update(rows, is_hidden=is_hidden)
        if changed:
            verb = "people.hide" if is_hidden else "people.show"
            summary, subjects = {"count": len(changed)}, {"person": changed}
            record_event(user, verb, None, summary, undo=ledger, batch=batch, subjects=subjects)
    return len(changed)


def set_person_note(user: User, person: Person, note: str, revision: int | None = None) -> Event | None:
    return _set_person_columns(user, person, revision, "person.note", note=note.strip())


def set_person_recognised(
    user: User, person: Person, is_recognised: bool, revision: int | None = None
) -> Event | None:
    """Whether photos are searched for this person; their references stay."""
    verb = "person.recognise" if is_recognised else "person.stop_recognising"
    return _set_person_columns(user, person, revision, verb, is_recognised=is_recognised)


def set_person_consent(
    user: User, person: Person, note: str, until: date | None, revision: int | None = None
) -> Event | None:
    """What the person agreed to, and until when; recognition stops by itself the day after."""
    return _set_person_columns(
        user, person, revision, "person.consent", consent_note=note.strip(), consent_until=until
    )


def set_person_cover(
    user: User, person: Person, reference: Reference, revision: int | None = None
) -> Event | None:
    """The reference shown wherever the person is."""
    if reference.person_id != person.pk:
        raise ActionRefused(_("That picture is of somebody else. Choose one of this person's references."))
    return _set_person_columns(user, person, revision, "person.cover", cover_id=reference.pk)


def _set_person_columns(
    user: User, person: Person, revision: int | None, verb: str, **columns: Any
) -> Event | None:
    with transaction.atomic():
        held = lock_person(person, revision)
        if all(getattr(held, name) == value for name, value in columns.items()):
            return None
        ledger = ChangeSet()
        ledger.set(held, **columns)
        return _record_person_change(user, verb, held, {}, ledger)


@dataclass(frozen=True, slots=True)
class MergePreview:
    """What a merge would move from one person to the other."""

    references: int
    faces: int  # faces that carry the name
    decided: int  # of them, named by people
    photos: int
    rejections: int  # faces said not to be the person


def preview_merge(source: Person, user: User | None = None) -> MergePreview:
    """What a merge will change; for a user, as far as that user may know of it."""
    faces, references = Face.objects.filter(person=source), Reference.objects.filter(person=source)
    if user is not None:
        faces = faces.filter(visible_album_q(user, "photo__album"))
        references = references.filter(visible_album_q(user, "source_face__photo__album"))
    return MergePreview(
        references=references.count(),
        faces=faces.count(),
        decided=faces.exclude(decision=Decision.NONE).count(),
        photos=faces.values("photo_id").distinct().count(),
        rejections=_count_rejections(source, user),
    )


def _count_rejections(source: Person, user: User | None) -> int:
    said = FaceRejection.objects.filter(person=source)
    return (said.filter(visible_album_q(user, "face__photo__album")) if user else said).count()


def merge_people(user: User, source: Person, target: Person, revision: int | None = None) -> Event:
    """Both are one: everything of `source` becomes `target`'s, and `source` is no more.

    `revision` is the source's, as the page showed it.
    """
    if source.pk == target.pk:
        raise ActionRefused(_("Choose somebody else to merge with."))
    with transaction.atomic():
        held, into = lock_person(source, revision), lock_person(target, None)
        ledger, counts = ChangeSet(), preview_merge(held)
        photos = set(Face.objects.filter(person=held).values_list("photo_id", flat=True))
        move_person_rows(ledger, held, into)
        ledger.delete(Person.objects.filter(pk=held.pk))
        summary = {"source": held.name, "faces": counts.faces, "references": counts.references}
        return _record_person_change(
            user, "person.merge", into, summary, ledger, people=[held.pk], photos=photos
        )


def split_person(
    user: User, faces: Collection[Face], new_name: str, seen: Mapping[int, int] | None = None
) -> Event:
    """These faces of one person are somebody else: a new person, or an existing one of that name.

    `seen` are the revisions the page showed; Changed, and nothing done, where a face is no longer so.
    """
    ids = sorted(face.pk for face in faces)
    with transaction.atomic():
        held = list(Face.objects.select_for_update(of=("self",)).filter(pk__in=ids).select_related("person"))
        sources = {face.person for face in held}
        source = next(iter(sources), None)
        if len(sources) != 1 or source is None or len(held) != len(ids):
            raise EditConflict(
                _("These faces no longer all belong to one person. Nothing was changed; look again.")
            )
        for face in held:
            check_face_revision(face, (seen or {}).get(face.pk))
        ledger = ChangeSet()
        person = find_person_by_name(new_name)
        if person is None:
            person = _build_person(new_name, "")
            ledger.create(person)
        if person.pk == source.pk:
            raise ActionRefused(_("Write a name other than the one these faces have now."))
        _move_split_faces(user, ledger, ids, source, person)
        summary = {"source": source.name, "count": len(ids)}
        photos = {face.photo_id for face in held}
        return _record_person_change(
            user, "person.split", person, summary, ledger, people=[source.pk], photos=photos, faces=ids
        )


def _move_split_faces(user: User, ledger: ChangeSet, ids: list[int], source: Person, person: Person) -> None:
    ledger.delete(FaceRejection.objects.filter(face__in=ids, person=person))
    ledger.update(
        Face.objects.filter(pk__in=ids),
        **named_columns(person),
        **decision_columns(user, Decision.CONFIRMED),
    )
    ledger.update(Reference.objects.filter(person=source, source_face_id__in=ids), person=person)


def _build_person(name: str, note: str, own: Person | None = None) -> Person:
    """An unsaved person of this name, if it is a name and nobody else's."""
    if not clean_name(name):
        raise ActionRefused(_("Write a name."))
    person = Person(note=note)
    person.set_name(name)
    if len(person.name) > 200 or len(person.key) > 400:
        raise ActionRefused(_("This name is too long; 200 characters are the most."))
    other = Person.objects.filter(key=person.key).first()
    if other is not None and other != own:
        raise NameTaken(other)
    return person


def _record_person_change(
    user: User | None,
    verb: str,
    person: Person,
    summary: dict[str, Any],
    ledger: ChangeSet,
    people: Collection[int] = (),
    photos: Collection[int] = (),
    faces: Collection[int] = (),
) -> Event:
    apply_effects(ledger)
    return record_event(
        user,
        verb,
        person,
        {"person": person.name, "person_id": person.pk, **summary},
        undo=ledger,
        subjects={"person": people, "photo": photos, "face": faces},
    )


def move_person_rows(ledger: ChangeSet, source: Person, target: Person) -> None:
    own = Reference.objects.approved().filter(person=target).first()
    ledger.update(Reference.objects.filter(person=source), person=target)
    ledger.update(Face.objects.filter(person=source), person=target)
    _move_rejections(ledger, source, target)
    _move_candidates(ledger, source, target)
    _move_findings(ledger, source, target)
    ledger.update(NameChange.objects.filter(old_person=source), old_person=target)
    ledger.update(NameChange.objects.filter(new_person=source), new_person=target)
    PersonExport.objects.filter(person=source).delete()  # what it says is no longer all; its file is swept
    same = ReferenceDraft.objects.filter(person=target).values("sha256")
    ledger.delete(ReferenceDraft.objects.filter(person=source, sha256__in=same))
    ledger.update(ReferenceDraft.objects.filter(person=source), person=target)
    _merge_person_columns(ledger, source, target, own)


def _move_findings(ledger: ChangeSet, source: Person, target: Person) -> None:
    """The next check finds anew; but what somebody said is all right with a reference is said of that picture."""
    found = Finding.objects.filter(Q(person=source) | Q(other_person=source))
    kept = found.filter(dismissed_at__isnull=False, reference__isnull=False)
    of_both = kept.filter(Q(person=target) | Q(other_person=target))
    ledger.delete(found.exclude(pk__in=kept.values("pk")))
    ledger.delete(of_both)
    ledger.update(kept.filter(other_person=source), other_person=target)
    ledger.update(kept.filter(person=source), person=target)


def _move_rejections(ledger: ChangeSet, source: Person, target: Person) -> None:
    """A face is not the merged person if it was neither; but a face named by people as either is."""
    of_both = FaceRejection.objects.filter(person__in=(source, target))
    confirmed = Face.objects.filter(person=target, decision=Decision.CONFIRMED)
    ledger.delete(of_both.filter(face__in=confirmed))
    already = FaceRejection.objects.filter(person=target).values("face_id")
    ledger.delete(FaceRejection.objects.filter(person=source, face_id__in=already))
    ledger.update(FaceRejection.objects.filter(person=source), person=target)
    rejected = FaceRejection.objects.filter(person=target).values("face_id")
    guessed = Face.objects.undecided().filter(person=target, pk__in=rejected)
    ledger.update(guessed, **UNNAMED_COLUMNS)


def _move_candidates(ledger: ChangeSet, source: Person, target: Person) -> None:
    """A person is proposed once for a face, at the better rank, and not where a human said no."""
    of_source, of_target = Candidate.objects.filter(person=source), Candidate.objects.filter(person=target)
    rejected = FaceRejection.objects.filter(person=target).values("face_id")
    ledger.delete(_filter_candidates(Q(person=source) | Q(person=target)).filter(face_id__in=rejected))
    worse = [
        pk if rank > other else other_pk
        for pk, rank, other_pk, other in _find_candidates_of_both(of_source, of_target)
    ]
    ledger.delete(Candidate.objects.filter(pk__in=worse))
    ledger.update(Candidate.objects.filter(person=source), person=target)


def _filter_candidates(condition: Q) -> QuerySet[Candidate]:
    return Candidate.objects.filter(condition)


def _find_candidates_of_both(
    of_source: QuerySet[Candidate], of_target: QuerySet[Candidate]
) -> list[tuple[int, int, int, int]]:
    theirs = {face: (pk, rank) for face, pk, rank in of_target.values_list("face_id", "pk", "rank")}
    mine = of_source.values_list("face_id", "pk", "rank")
    return [(pk, rank, *theirs[face]) for face, pk, rank in mine if face in theirs]


def _merge_person_columns(ledger: ChangeSet, source: Person, target: Person, own: Reference | None) -> None:
    """What the target lacks comes from the source; nobody becomes recognisable by being merged."""
    notes = [note for note in (target.note, source.note) if note.strip()]
    consent = target if target.consent_note or target.consent_until else source
    ledger.set(
        target,
        note="\n".join(dict.fromkeys(notes)),
        is_recognised=target.is_recognised and source.is_recognised,
        consent_note=consent.consent_note,
        consent_until=consent.consent_until,
        cover_id=target.cover_id or (own.pk if own else source.cover_id),  # the face they are known by stays
    )

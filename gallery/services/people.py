"""What people do to the people of the gallery: naming, hiding, merging, splitting off."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from gallery.models import Decision, Event, Face, FaceRejection, Person, Reference, User
from gallery.models.people import clean_name, name_key
from gallery.services import followup, history
from gallery.services.decisions import decided, named
from gallery.services.errors import Changed, NameTaken, Refused
from gallery.services.ledger import Ledger
from gallery.services.locks import hold_person, must_be
from gallery.services.moves import move_everything
from gallery.visibility import seen_through


def find(name: str) -> Person | None:
    """The person of this name; case and Unicode form do not count."""
    return Person.objects.filter(key=name_key(name)).first()


def create(user: User | None, name: str, note: str = "") -> Person:
    """A new person; NameTaken if there is one of this name."""
    with transaction.atomic():
        person = _new(name, note)
        ledger = Ledger()
        ledger.create(person)
        _record(user, "person.create", person, {}, ledger)
    return person


def get_or_create(user: User, name: str) -> Person:
    """The person of this name, made if there is none: what typing a name into a page does."""
    with transaction.atomic():
        return find(name) or create(user, name)


def rename(user: User, person: Person, name: str, revision: int | None = None) -> Event | None:
    """A new name; NameTaken, with the other person, if it is somebody else's."""
    with transaction.atomic():
        held = hold_person(person, revision)
        fresh = _new(name, "", own=held)
        if fresh.name == held.name:
            return None
        ledger, old = Ledger(), held.name
        ledger.set(held, name=fresh.name, key=fresh.key, search=fresh.search)
        return _record(user, "person.rename", held, {"old": old}, ledger)


def set_hidden(user: User, person: Person, is_hidden: bool, revision: int | None = None) -> Event | None:
    """Hidden people are left out of lists and searches; their names stay on their faces."""
    verb = "person.hide" if is_hidden else "person.show"
    return _set(user, person, revision, verb, is_hidden=is_hidden)


def set_all_hidden(user: User, ids: Collection[int], is_hidden: bool, batch: uuid.UUID | None = None) -> int:
    """Hide many people, or show them again, as one act; how many it changed."""
    with transaction.atomic():
        ledger = Ledger()
        rows = Person.objects.filter(pk__in=ids).exclude(is_hidden=is_hidden)
        changed = ledger.update(rows, is_hidden=is_hidden)
        if changed:
            verb = "people.hide" if is_hidden else "people.show"
            summary, subjects = {"count": len(changed)}, {"person": changed}
            history.record(user, verb, None, summary, undo=ledger, batch=batch, subjects=subjects)
    return len(changed)


def set_note(user: User, person: Person, note: str, revision: int | None = None) -> Event | None:
    return _set(user, person, revision, "person.note", note=note.strip())


def set_recognised(
    user: User, person: Person, is_recognised: bool, revision: int | None = None
) -> Event | None:
    """Whether photos are searched for this person; their references stay."""
    verb = "person.recognise" if is_recognised else "person.stop_recognising"
    return _set(user, person, revision, verb, is_recognised=is_recognised)


def set_consent(
    user: User, person: Person, note: str, until: date | None, revision: int | None = None
) -> Event | None:
    """What the person agreed to, and until when; recognition stops by itself the day after."""
    return _set(user, person, revision, "person.consent", consent_note=note.strip(), consent_until=until)


def set_cover(user: User, person: Person, reference: Reference, revision: int | None = None) -> Event | None:
    """The reference shown wherever the person is."""
    if reference.person_id != person.pk:
        raise Refused(_("That picture is of somebody else. Choose one of this person's references."))
    return _set(user, person, revision, "person.cover", cover_id=reference.pk)


def _set(user: User, person: Person, revision: int | None, verb: str, **columns: Any) -> Event | None:
    with transaction.atomic():
        held = hold_person(person, revision)
        if all(getattr(held, name) == value for name, value in columns.items()):
            return None
        ledger = Ledger()
        ledger.set(held, **columns)
        return _record(user, verb, held, {}, ledger)


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
        faces = faces.filter(seen_through(user, "photo__album"))
        references = references.filter(seen_through(user, "source_face__photo__album"))
    return MergePreview(
        references=references.count(),
        faces=faces.count(),
        decided=faces.exclude(decision=Decision.NONE).count(),
        photos=faces.values("photo_id").distinct().count(),
        rejections=_rejections(source, user),
    )


def _rejections(source: Person, user: User | None) -> int:
    said = FaceRejection.objects.filter(person=source)
    return (said.filter(seen_through(user, "face__photo__album")) if user else said).count()


def merge(user: User, source: Person, target: Person, revision: int | None = None) -> Event:
    """Both are one: everything of `source` becomes `target`'s, and `source` is no more.

    `revision` is the source's, as the page showed it.
    """
    if source.pk == target.pk:
        raise Refused(_("Choose somebody else to merge with."))
    with transaction.atomic():
        held, into = hold_person(source, revision), hold_person(target, None)
        ledger, counts = Ledger(), preview_merge(held)
        photos = set(Face.objects.filter(person=held).values_list("photo_id", flat=True))
        move_everything(ledger, held, into)
        ledger.delete(Person.objects.filter(pk=held.pk))
        summary = {"source": held.name, "faces": counts.faces, "references": counts.references}
        return _record(user, "person.merge", into, summary, ledger, people=[held.pk], photos=photos)


def split(user: User, faces: Collection[Face], new_name: str, seen: Mapping[int, int] | None = None) -> Event:
    """These faces of one person are somebody else: a new person, or an existing one of that name.

    `seen` are the revisions the page showed; Changed, and nothing done, where a face is no longer so.
    """
    ids = sorted(face.pk for face in faces)
    with transaction.atomic():
        held = list(Face.objects.select_for_update(of=("self",)).filter(pk__in=ids).select_related("person"))
        sources = {face.person for face in held}
        source = next(iter(sources), None)
        if len(sources) != 1 or source is None or len(held) != len(ids):
            raise Changed(
                _("These faces no longer all belong to one person. Nothing was changed; look again.")
            )
        for face in held:
            must_be(face, (seen or {}).get(face.pk))
        ledger = Ledger()
        person = find(new_name)
        if person is None:
            person = _new(new_name, "")
            ledger.create(person)
        if person.pk == source.pk:
            raise Refused(_("Write a name other than the one these faces have now."))
        _split_off(user, ledger, ids, source, person)
        summary = {"source": source.name, "count": len(ids)}
        photos = {face.photo_id for face in held}
        return _record(
            user, "person.split", person, summary, ledger, people=[source.pk], photos=photos, faces=ids
        )


def _split_off(user: User, ledger: Ledger, ids: list[int], source: Person, person: Person) -> None:
    ledger.delete(FaceRejection.objects.filter(face__in=ids, person=person))
    ledger.update(
        Face.objects.filter(pk__in=ids),
        **named(person),
        **decided(user, Decision.CONFIRMED),
    )
    ledger.update(Reference.objects.filter(person=source, source_face_id__in=ids), person=person)


def _new(name: str, note: str, own: Person | None = None) -> Person:
    """An unsaved person of this name, if it is a name and nobody else's."""
    if not clean_name(name):
        raise Refused(_("Write a name."))
    person = Person(note=note)
    person.set_name(name)
    if len(person.name) > 200 or len(person.key) > 400:
        raise Refused(_("This name is too long; 200 characters are the most."))
    other = Person.objects.filter(key=person.key).first()
    if other is not None and other != own:
        raise NameTaken(other)
    return person


def _record(
    user: User | None,
    verb: str,
    person: Person,
    summary: dict[str, Any],
    ledger: Ledger,
    people: Collection[int] = (),
    photos: Collection[int] = (),
    faces: Collection[int] = (),
) -> Event:
    followup.after(ledger)
    if veiled := ledger.changed("face", "is_veiled"):
        summary["veiled"] = veiled  # see withdrawing.py: nothing else knows for whom
    return history.record(
        user,
        verb,
        person,
        {"person": person.name, "person_id": person.pk, **summary},
        undo=ledger,
        subjects={"person": people, "photo": photos, "face": faces},
    )

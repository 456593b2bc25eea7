"""Changes to people: creating, renaming, hiding, consent, merging and splitting."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from gallery.core.exceptions import ActionRefused, EditConflict, NameTaken
from gallery.faces.decisions import UNNAMED_COLUMNS, decision_columns, named_columns
from gallery.history.changeset import ChangeSet, EventSubjects, apply_effects, record_event
from gallery.history.erased import ask_before_return
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
from gallery.models.people import MAX_KEY_LENGTH, MAX_NAME_LENGTH, get_name_columns
from gallery.models.querysets import visible_photo_q
from gallery.people.selectors import find_person_by_name


@transaction.atomic
def create_person(user: User | None, name: str, note: str = "") -> Person:
    """A new person; NameTaken if there is one of this name."""
    person = Person(note=note, **_check_name(user, name))
    changes = ChangeSet()
    changes.create(person)
    _record_person_change(user, "person.create", person, {}, changes)
    return person


@transaction.atomic
def get_or_create_person(user: User, name: str) -> Person:
    """The person of this name, made if there is none: what typing a name into a page does."""
    return find_person_by_name(name) or create_person(user, name)


def import_person(name: str, **columns: Any) -> tuple[Person, bool]:
    """The person of this name, and whether they are new: made with these columns, as an import of a command does."""
    named = get_name_columns(name)
    if found := Person.objects.filter(key=named["key"]).first():
        return found, False
    ask_before_return(None, name=named["name"])
    return Person.objects.get_or_create(key=named["key"], defaults=columns | named)


@transaction.atomic
def rename_person(user: User, person: Person, name: str, revision: int | None = None) -> Event | None:
    """A new name; NameTaken, with the other person, if it is somebody else's."""
    held = lock_person(person, revision)
    columns, old = _check_name(user, name, own=held), held.name
    if columns["name"] == old:
        return None
    changes = ChangeSet()
    changes.set(held, **columns)
    return _record_person_change(user, "person.rename", held, {"old": old}, changes)


def set_person_hidden(
    user: User, person: Person, is_hidden: bool, revision: int | None = None
) -> Event | None:
    """Hidden people are left out of lists and searches; their names stay on their faces."""
    verb = "person.hide" if is_hidden else "person.show"
    return _set_person_columns(user, person, revision, verb, is_hidden=is_hidden)


@transaction.atomic
def set_people_hidden(
    user: User, ids: Collection[int], is_hidden: bool, batch: uuid.UUID | None = None
) -> int:
    """Hide many people, or show them again, as one act; how many it changed."""
    changes = ChangeSet()
    rows = Person.objects.filter(pk__in=ids).exclude(is_hidden=is_hidden)
    changed = changes.update(rows, is_hidden=is_hidden)
    if changed:
        verb = "people.hide" if is_hidden else "people.show"
        summary, subjects = {"count": len(changed)}, {"person": changed}
        record_event(user, verb, None, summary, undo=changes, batch=batch, subjects=subjects)
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


@transaction.atomic
def _set_person_columns(
    user: User, person: Person, revision: int | None, verb: str, **columns: Any
) -> Event | None:
    held = lock_person(person, revision)
    if all(getattr(held, name) == value for name, value in columns.items()):
        return None
    changes = ChangeSet()
    changes.set(held, **columns)
    return _record_person_change(user, verb, held, {}, changes)


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
    rejections = FaceRejection.objects.filter(person=source)
    if user is not None:
        faces = faces.filter(visible_photo_q(user, "photo"))
        references = references.filter(visible_photo_q(user, "source_face__photo"))
        rejections = rejections.filter(visible_photo_q(user, "face__photo"))
    return MergePreview(
        references=references.count(),
        faces=faces.count(),
        decided=faces.exclude(decision=Decision.NONE).count(),
        photos=faces.values("photo_id").distinct().count(),
        rejections=rejections.count(),
    )


@transaction.atomic
def merge_people(user: User, source: Person, target: Person, revision: int | None = None) -> Event:
    """Both are one: everything of `source` becomes `target`'s, and `source` is no more.

    `revision` is the source's, as the page showed it.
    """
    if source.pk == target.pk:
        raise ActionRefused(_("Choose somebody else to merge with."))
    held, into = lock_person(source, revision), lock_person(target, None)
    changes, counts = ChangeSet(), preview_merge(held)
    photos = set(Face.objects.filter(person=held).values_list("photo_id", flat=True))
    move_person_rows(changes, held, into)
    changes.delete(Person.objects.filter(pk=held.pk))
    summary = {"source": held.name, "faces": counts.faces, "references": counts.references}
    subjects = {"person": [held.pk], "photo": photos}
    return _record_person_change(user, "person.merge", into, summary, changes, subjects)


@transaction.atomic
def split_person(
    user: User, faces: Collection[Face], new_name: str, seen: Mapping[int, int] | None = None
) -> Event:
    """These faces of one person are somebody else: a new person, or an existing one of that name.

    `seen` are the revisions the page showed; EditConflict, and nothing done, where a face is no longer so.
    """
    ids = sorted(face.pk for face in faces)
    held = list(Face.objects.select_for_update(of=("self",)).filter(pk__in=ids).select_related("person"))
    sources = {face.person for face in held}
    source = next(iter(sources), None)
    if len(sources) != 1 or source is None or len(held) != len(ids):
        raise EditConflict(
            _("These faces no longer all belong to one person. Nothing was changed; look again.")
        )
    for face in held:
        check_face_revision(face, (seen or {}).get(face.pk))
    changes = ChangeSet()
    person = find_person_by_name(new_name)
    if person is None:
        person = Person(**_check_name(user, new_name))
        changes.create(person)
    if person.pk == source.pk:
        raise ActionRefused(_("Write a name other than the one these faces have now."))
    changes.delete(FaceRejection.objects.filter(face__in=ids, person=person))
    columns = named_columns(person) | decision_columns(user, Decision.CONFIRMED)
    changes.update(Face.objects.filter(pk__in=ids), **columns)
    changes.update(Reference.objects.filter(person=source, source_face_id__in=ids), person=person)
    summary = {"source": source.name, "count": len(ids)}
    subjects = {"person": [source.pk], "photo": {face.photo_id for face in held}, "face": ids}
    return _record_person_change(user, "person.split", person, summary, changes, subjects)


def _check_name(user: User | None, name: str, own: Person | None = None) -> dict[str, str]:
    """The columns of a person of this name, if it is a name, nobody else's, and not of somebody erased."""
    columns = get_name_columns(name)
    if not columns["name"]:
        raise ActionRefused(_("Write a name."))
    if len(columns["name"]) > MAX_NAME_LENGTH or len(columns["key"]) > MAX_KEY_LENGTH:
        raise ActionRefused(_("This name is too long; 200 characters are the most."))
    other = Person.objects.filter(key=columns["key"]).first()
    if other is not None and other != own:
        raise NameTaken(other)
    if own is None or own.search != columns["search"]:
        ask_before_return(user, name=columns["name"])
    return columns


def _record_person_change(
    user: User | None,
    verb: str,
    person: Person,
    summary: dict[str, Any],
    changes: ChangeSet,
    subjects: EventSubjects | None = None,
) -> Event:
    apply_effects(changes)
    summary = {"person": person.name, "person_id": person.pk, **summary}
    return record_event(user, verb, person, summary, undo=changes, subjects=subjects)


def move_person_rows(changes: ChangeSet, source: Person, target: Person) -> None:
    own = Reference.objects.approved().filter(person=target).first()
    changes.update(Reference.objects.filter(person=source), person=target)
    changes.update(Face.objects.filter(person=source), person=target)
    _move_rejections(changes, source, target)
    _move_candidates(changes, source, target)
    _move_findings(changes, source, target)
    changes.update(NameChange.objects.filter(old_person=source), old_person=target)
    changes.update(NameChange.objects.filter(new_person=source), new_person=target)
    PersonExport.objects.filter(person=source).delete()  # what it says is no longer all; its file is swept
    same = ReferenceDraft.objects.filter(person=target).values("sha256")
    changes.delete(ReferenceDraft.objects.filter(person=source, sha256__in=same))
    changes.update(ReferenceDraft.objects.filter(person=source), person=target)
    _merge_person_columns(changes, source, target, own)


def _move_findings(changes: ChangeSet, source: Person, target: Person) -> None:
    """The next check finds anew; but what somebody said is all right with a reference is said of that picture."""
    found = Finding.objects.filter(Q(person=source) | Q(other_person=source))
    kept = found.filter(dismissed_at__isnull=False, reference__isnull=False)
    of_both = kept.filter(Q(person=target) | Q(other_person=target))
    changes.delete(found.exclude(pk__in=kept.values("pk")))
    changes.delete(of_both)
    changes.update(kept.filter(other_person=source), other_person=target)
    changes.update(kept.filter(person=source), person=target)


def _move_rejections(changes: ChangeSet, source: Person, target: Person) -> None:
    """A face is not the merged person if it was neither; but a face named by people as either is."""
    of_both = FaceRejection.objects.filter(person__in=(source, target))
    confirmed = Face.objects.filter(person=target, decision=Decision.CONFIRMED)
    changes.delete(of_both.filter(face__in=confirmed))
    already = FaceRejection.objects.filter(person=target).values("face_id")
    changes.delete(FaceRejection.objects.filter(person=source, face_id__in=already))
    changes.update(FaceRejection.objects.filter(person=source), person=target)
    rejected = FaceRejection.objects.filter(person=target).values("face_id")
    guessed = Face.objects.undecided().filter(person=target, pk__in=rejected)
    changes.update(guessed, **UNNAMED_COLUMNS)


def _move_candidates(changes: ChangeSet, source: Person, target: Person) -> None:
    """A person is proposed once for a face, at the better rank, and not where a human said no."""
    rejected = FaceRejection.objects.filter(person=target).values("face_id")
    changes.delete(Candidate.objects.filter(person__in=(source, target), face_id__in=rejected))
    of_source, of_target = (
        {face: (rank, pk) for face, rank, pk in rows.values_list("face_id", "rank", "pk")}
        for rows in (Candidate.objects.filter(person=source), Candidate.objects.filter(person=target))
    )
    worse = [max(of_source[face], of_target[face])[1] for face in of_source.keys() & of_target.keys()]
    changes.delete(Candidate.objects.filter(pk__in=worse))
    changes.update(Candidate.objects.filter(person=source), person=target)


def _merge_person_columns(changes: ChangeSet, source: Person, target: Person, own: Reference | None) -> None:
    """What the target lacks comes from the source; nobody becomes recognisable by being merged."""
    notes = [note for note in (target.note, source.note) if note.strip()]
    consent = target if target.consent_note or target.consent_until else source
    changes.set(
        target,
        note="\n".join(dict.fromkeys(notes)),
        is_recognised=target.is_recognised and source.is_recognised,
        consent_note=consent.consent_note,
        consent_until=consent.consent_until,
        cover_id=target.cover_id or (own.pk if own else source.cover_id),  # the face they are known by stays
    )


EVENT_DESCRIPTIONS = {
    "person.create": gettext_lazy("added the person “%(person)s”"),
    "person.rename": gettext_lazy("renamed “%(old)s” to “%(person)s”"),
    "person.hide": gettext_lazy("hid “%(person)s”"),
    "person.show": gettext_lazy("showed “%(person)s” again"),
    "people.hide": ngettext_lazy("hid %(count)s person", "hid %(count)s people", "count"),
    "people.show": ngettext_lazy("showed %(count)s person again", "showed %(count)s people again", "count"),
    "people.import": ngettext_lazy(
        "took %(count)s person in from a CSV file", "took %(count)s people in from a CSV file", "count"
    ),
    "person.cover": gettext_lazy("chose the cover of “%(person)s”"),
    "person.note": gettext_lazy("changed the note on “%(person)s”"),
    "person.recognise": gettext_lazy("let “%(person)s” be recognised in photos again"),
    "person.stop_recognising": gettext_lazy("stopped recognising “%(person)s” in photos"),
    "person.consent": gettext_lazy("changed the consent of “%(person)s”"),
    "person.merge": gettext_lazy("merged “%(source)s” into “%(person)s”"),
    "person.split": ngettext_lazy(
        "split %(count)s face of “%(source)s” off as “%(person)s”",
        "split %(count)s faces of “%(source)s” off as “%(person)s”",
        "count",
    ),
}

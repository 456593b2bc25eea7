"""Changes to people: creating, renaming, hiding, consent, merging and splitting."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from gallery.core.exceptions import ActionRefused, EditConflict, NameTaken
from gallery.faces.decisions import UNNAMED_COLUMNS, decision_columns, named_columns
from gallery.faces.namesakes import find_person_by_name, hold_name, number_namesakes
from gallery.history.changeset import ChangeSet, EventSubjects, apply_effects, record_event
from gallery.history.erased import ask_before_return
from gallery.history.locking import check_face_revision, lock_for_removal, lock_people_with_faces, lock_person
from gallery.models import (
    Candidate,
    Decision,
    Event,
    Face,
    FaceRejection,
    Finding,
    Membership,
    NameChange,
    OtherName,
    Person,
    PersonExport,
    Reference,
    ReferenceDraft,
    User,
)
from gallery.models.labels import MAX_DISTINCTION_LENGTH, LabelParts, format_label, split_label
from gallery.models.people import (
    MAX_KEY_LENGTH,
    MAX_NAME_LENGTH,
    clean_name,
    get_name_columns,
    get_name_key,
    get_search_key,
    validate_born,
)
from gallery.models.querysets import visible_photo_q


@transaction.atomic
def create_person(
    user: User | None, name: LabelParts | str, note: str = "", *, is_another: bool = False
) -> Person:
    """A new person; NameTaken if there are some of this name and nobody said that this is another."""
    parts = LabelParts(name) if isinstance(name, str) else name
    columns = _check_name(user, parts.name, parts.distinction, is_another=is_another)
    person = Person(note=note, born=_check_born(parts.born), **columns)
    changes = ChangeSet()
    changes.create(person)
    _record_person_change(user, "person.create", person, {}, changes)
    return person


@transaction.atomic
def get_or_create_person(user: User, text: str, *, is_another: bool = False) -> Person:
    """The person of this name or label, made if there is none: what typing a name into a page does.

    NameAmbiguous where it is the name of several. `is_another`: a new person is meant, whoever has the name.
    """
    parts = split_label(text)
    hold_name(parts.name)
    found = None if is_another else find_person_by_name(text, user)
    return found or create_person(user, parts, is_another=True)


@transaction.atomic
def import_person(label: str) -> tuple[Person, bool]:
    """The person of this name or label, made if there is none, and whether they are new. May be NameAmbiguous."""
    parts = split_label(clean_name(label))
    hold_name(parts.name)
    if found := find_person_by_name(label):
        return found, False
    return store_imported_person(parts), True


def store_imported_person(parts: LabelParts, **columns: Any) -> Person:
    """Somebody whom an import of a command makes, whoever has the name."""
    ask_before_return(None, name=format_label(parts.name, parts.distinction))
    named = get_name_columns(parts.name, parts.distinction)
    person = Person.objects.create(**named, born=parts.born, **columns)
    number_namesakes([person.key])
    return person


@transaction.atomic
def rename_person(
    user: User,
    person: Person,
    name: str,
    revision: int | None = None,
    *,
    distinction: str | None = None,
    is_another: bool = False,
) -> Event | None:
    """Another name, or another word that tells them apart; NameTaken if the name is somebody else's, too."""
    held = lock_person(person, revision)
    word = held.distinction if distinction is None else distinction
    columns, old = _check_name(user, name, word, own=held, is_another=is_another), held.label
    if all(getattr(held, column) == value for column, value in columns.items()):
        return None
    changes = ChangeSet()
    changes.set(held, **columns)
    return _record_person_change(user, "person.rename", held, {"old": old}, changes)


@transaction.atomic
def set_other_names(user: User, person: Person, names: Iterable[str]) -> Event | None:
    """What else they are called, instead of what was known so far."""
    held = lock_person(person, None)
    wanted = {get_name_key(name): clean_name(name) for name in names if clean_name(name)}
    kept = held.other_names.filter(key__in=wanted)
    gone, known = held.other_names.exclude(pk__in=kept.values("pk")), set(kept.values_list("key", flat=True))
    changes = ChangeSet()
    changes.delete(gone)
    for key, name in wanted.items():
        if key not in known:
            changes.create(OtherName(person=held, **_check_other_name(user, name)))
    if not changes.groups:
        return None
    return _record_person_change(user, "person.other_names", held, {}, changes)


def _check_other_name(user: User, name: str) -> dict[str, str]:
    columns = {"name": name, "key": get_name_key(name), "search": get_search_key(name)}
    if len(name) > MAX_NAME_LENGTH or max(map(len, columns.values())) > MAX_KEY_LENGTH:
        raise ActionRefused(_("This name is too long; 200 characters are the most."))
    ask_before_return(user, name=name)
    return columns


def set_person_born(user: User, person: Person, born: str, revision: int | None = None) -> Event | None:
    """When they were born: a year, a month or a day."""
    return _set_person_columns(user, person, revision, "person.born", born=_check_born(born))


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


def set_favourite(user: User, person: Person, is_favourite: bool) -> None:
    """Whether the user wants to see this person first. Nobody else is told."""
    if is_favourite:
        user.favourite_people.add(person)
    else:
        user.favourite_people.remove(person)


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
    lock_people_with_faces(source, target)
    held, into = lock_person(source, revision), lock_person(target, None)
    lock_for_removal(held)
    changes, counts = ChangeSet(), preview_merge(held)
    photos = set(Face.objects.filter(person=held).values_list("photo_id", flat=True))
    move_person_rows(changes, held, into)
    changes.delete(Person.objects.filter(pk=held.pk))
    summary = {"source": held.label, "faces": counts.faces, "references": counts.references}
    subjects = {"person": [held.pk], "photo": photos}
    return _record_person_change(user, "person.merge", into, summary, changes, subjects)


@transaction.atomic
def split_person(
    user: User, faces: Collection[Face], into: Person | str, seen: Mapping[int, int] | None = None
) -> Event:
    """These faces of one person are somebody else: a person that there is, or one of this name, made if need be.

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
    person = find_person_by_name(into, user) if isinstance(into, str) else into
    if person is None:
        parts = split_label(str(into))
        person = Person(**_check_name(user, parts.name, parts.distinction, is_another=True), born=parts.born)
        changes.create(person)
    if person.pk == source.pk:
        raise ActionRefused(_("Write a name other than the one these faces have now."))
    changes.delete(FaceRejection.objects.filter(face__in=ids, person=person))
    columns = named_columns(person) | decision_columns(user, Decision.CONFIRMED)
    changes.update(Face.objects.filter(pk__in=ids), **columns)
    changes.update(Reference.objects.filter(person=source, source_face_id__in=ids), person=person)
    summary = {"source": source.label, "count": len(ids)}
    subjects = {"person": [source.pk], "photo": {face.photo_id for face in held}, "face": ids}
    return _record_person_change(user, "person.split", person, summary, changes, subjects)


def check_person_name(
    name: str, distinction: str, own: Person | None = None, *, is_another: bool = False
) -> dict[str, str]:
    """The columns of a person of this name, if it is a name, and theirs alone or meant to be another's, too."""
    columns = get_name_columns(name, distinction)
    if not columns["name"]:
        raise ActionRefused(_("Write a name."))
    if (
        len(columns["name"]) > MAX_NAME_LENGTH
        or max(len(columns["key"]), len(columns["search"])) > MAX_KEY_LENGTH
    ):
        raise ActionRefused(_("This name is too long; 200 characters are the most."))
    if len(columns["distinction"]) > MAX_DISTINCTION_LENGTH:
        raise ActionRefused(_("The word that tells them apart is too long; 40 characters are the most."))
    label, key = format_label(columns["name"], columns["distinction"]), columns["key"]
    hold_name(name)
    others = Person.objects.exclude(pk=own.pk if own else 0).order_by("pk")
    namesakes = list(others.filter(key=key))
    called = namesakes or list(others.filter(other_names__key=key))
    if called and not is_another and (own is None or own.key != key):
        raise NameTaken(called, columns["name"])
    if columns["distinction"] and get_name_key(label) in {get_name_key(other.label) for other in namesakes}:
        said = _("“%(name)s” is in the gallery already. Choose another word to tell them apart.")
        raise ActionRefused(said % {"name": label})
    return columns


def _check_name(
    user: User | None, name: str, distinction: str, own: Person | None = None, *, is_another: bool = False
) -> dict[str, str]:
    """The columns of a person of this name, if they may have it, and it is not that of somebody erased."""
    columns = check_person_name(name, distinction, own, is_another=is_another)
    if own is None or own.search != columns["search"]:
        ask_before_return(user, name=format_label(columns["name"], columns["distinction"]))
    return columns


def _check_born(born: str) -> str:
    try:
        validate_born(born.strip())
    except ValidationError as error:
        raise ActionRefused(error.message) from error
    return born.strip()


def _record_person_change(
    user: User | None,
    verb: str,
    person: Person,
    summary: dict[str, Any],
    changes: ChangeSet,
    subjects: EventSubjects | None = None,
) -> Event:
    apply_effects(changes)
    person.refresh_from_db(fields=["namesake_number"])
    summary = {"person": person.label, "person_id": person.pk, **summary}
    return record_event(user, verb, person, summary, undo=changes, subjects=subjects)


def move_person_rows(changes: ChangeSet, source: Person, target: Person) -> None:
    own = Reference.objects.approved().filter(person=target).first()
    changes.update(Reference.objects.filter(person=source), person=target)
    changes.update(Face.objects.filter(person=source), person=target)
    stars = Person.favourite_of.through._default_manager
    changes.delete(stars.filter(person=source, user__in=target.favourite_of.all()))
    changes.update(stars.filter(person=source), person=target)
    memberships = Membership.objects.filter(person=source)
    changes.delete(memberships.filter(group__in=Membership.objects.filter(person=target).values("group")))
    changes.update(memberships, person=target)
    same_name = Q(key=target.key) | Q(key__in=target.other_names.values("key"))
    changes.delete(source.other_names.filter(same_name))
    changes.update(source.other_names.all(), person=target)
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
    is_namesake = source.key == target.key
    word = target.distinction or (source.distinction if is_namesake else "")
    changes.set(
        target,
        **get_name_columns(target.name, word),
        born=target.born or source.born,
        note="\n".join(dict.fromkeys(notes)),
        is_recognised=target.is_recognised and source.is_recognised,
        consent_note=consent.consent_note,
        consent_until=consent.consent_until,
        cover_id=target.cover_id or (own.pk if own else source.cover_id),  # the face they are known by stays
    )


EVENT_DESCRIPTIONS = {
    "person.create": gettext_lazy("added the person “%(person)s”"),
    "person.rename": gettext_lazy("renamed “%(old)s” to “%(person)s”"),
    "person.born": gettext_lazy("wrote when “%(person)s” was born"),
    "person.other_names": gettext_lazy("wrote what else “%(person)s” is called"),
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

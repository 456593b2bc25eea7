"""References of people: added, judged, moved, or made from confirmed faces.

Searching processes learn of each change at once."""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from gallery.core.exceptions import ActionRefused, CannotUndo, EditConflict
from gallery.core.limits import get_upload_limits
from gallery.core.throttling import throttle_upload
from gallery.faces.decisions import confirm_face, summarise_person
from gallery.history.changeset import (
    ChangeSet,
    apply_effects,
    record_event,
    reverse_groups,
    split_into_chunks,
)
from gallery.history.erased import ask_before_return
from gallery.history.locking import hold_words, lock_face, lock_person, lock_references
from gallery.history.switches import AUTOMATIC_REFERENCES
from gallery.history.undo import describe_later_change
from gallery.jobs import dispatch
from gallery.jobs.services import requeue_rows
from gallery.models import Decision, Event, Face, Person, Reference, User
from gallery.models.clock import get_database_time
from gallery.models.people import clean_name
from gallery.models.querysets import recognisable_q, recognition_off_q
from gallery.models.storage import build_reference_name, remove_file, write_file
from gallery.people.crops import read_reference_crop
from gallery.people.names_in_files import find_faces_named_by_files
from gallery.photos.services import FILE_EXTENSIONS
from recognition.errors import ImageError
from recognition.images.sandbox import probe_photo

Judgement = Reference.Judgement
log = logging.getLogger(__name__)


def add_reference(
    user: User | None, person: Person, content: bytes, name: str = "", status: str = Judgement.APPROVED
) -> Reference | None:
    """Store a picture as a reference of the person; the worker finds its face and embeds it.

    None where the same picture is a reference of theirs already. Raises ImageError, or ActionRefused past the
    hour's limit.
    """
    with throttle_upload(user, len(content)):
        info = probe_photo(content, get_upload_limits())
    sha256 = hashlib.sha256(content).hexdigest()
    found = Reference.objects.filter(person=person, source_sha256=sha256).first()
    if found:
        # Somebody sends again what was rejected, or taken back: it counts again. An import does not change that.
        may = user is not None and (user.is_curator or found.added_by_id == user.pk)
        is_back = may and found.status == Judgement.REJECTED and judge_references(user, [found], status)
        return found if is_back else None
    ask_before_return(user, sha256s=[sha256], file=clean_name(name))
    file = build_reference_name(FILE_EXTENSIONS[info.kind])
    write_file(file, content)
    try:
        made = _create_reference(user, person, file, sha256, clean_name(name)[:255], status)
    except IntegrityError:
        remove_file(file)
        raise ActionRefused(_("This person is no longer there.")) from None
    if made is None:
        remove_file(file)
    return made


def send_reference(user: User, person: Person, content: bytes, name: str) -> tuple[Reference, bool]:
    """The reference that the picture became or is already, and whether it is new; a contributor's waits."""
    status = Judgement.APPROVED if user.is_curator else Judgement.PENDING
    added = add_reference(user, person, content, name, status)
    if added is not None:
        return added, True
    sha256 = hashlib.sha256(content).hexdigest()
    return Reference.objects.get(person=person, source_sha256=sha256), False


@transaction.atomic
def _create_reference(
    user: User | None, person: Person, file: str, sha256: str, source: str, status: str
) -> Reference | None:
    """None where the same picture has just come by somebody else."""
    hold_words(f"reference of {person.pk}: {sha256}")
    if Reference.objects.filter(person=person, source_sha256=sha256).exists():
        return None
    columns = {"image": file, "sha256": sha256, "source_sha256": sha256, "source_path": source}
    reference = create_queued_reference(person, user, status=status, **columns)
    record_event(
        user,
        "reference.add",
        reference,
        {"person": person.label, "person_id": person.pk},
        undo={"reference": reference.pk},
        subjects={"person": [person.pk]},
    )
    return reference


def create_queued_reference(
    person: Person, user: User | None, *, status: str = Judgement.APPROVED, **columns: Any
) -> Reference:
    """A reference that waits for the worker to embed it; call inside a transaction."""
    reference = Reference.objects.create(
        person=person, added_by=user, status=status, queued_at=get_database_time(), **columns
    )
    dispatch.send_task("embed_reference", reference.pk)
    return reference


def undo_added_references(user: User, event: Event) -> dict[str, Any]:
    """Reject the references that the act added, or what was so taken back in turn.

    They are kept, with their pictures: so it can be undone, and nothing makes them again by itself. One that
    somebody has judged, moved or chosen as the cover since stays.
    """
    undo = event.undo or {}
    if "rows" in undo:
        changes = reverse_groups(undo["rows"])
    else:
        added = Reference.objects.filter(pk__in=undo.get("references") or [undo.get("reference", 0)])
        covers = Person.objects.filter(cover__in=added).values("cover")
        changes = ChangeSet()
        changes.update(added.filter(revision=0).exclude(pk__in=covers), status=Judgement.REJECTED)
        if not changes.groups and covers:
            raise CannotUndo(
                _("This picture has become the cover of its person. Choose another cover first.")
            )
    if not changes.groups:
        raise CannotUndo(describe_later_change(event))
    apply_effects(changes)
    return {"rows": changes.groups}


def reject_references(user: User, references: Iterable[Reference]) -> int:
    return judge_references(user, references, Judgement.REJECTED)


@transaction.atomic
def judge_references(
    user: User | None, references: Iterable[Reference], status: str, batch: uuid.UUID | None = None
) -> int:
    """Approve, reject or set back to pending; the number of references it changed."""
    changes = ChangeSet()
    for rows in _lock_in_chunks(references):
        changes.update(rows.exclude(status=status), status=status)
    return _record_reference_change(user, f"reference.{status}", changes, {}, batch)


@transaction.atomic
def move_references(
    user: User, references: Iterable[Reference], person: Person, batch: uuid.UUID | None = None
) -> int:
    """Give the references to another person."""
    lock_person(person)  # before the references, as whoever erases the person does
    changes = ChangeSet()
    for rows in _lock_in_chunks(references):
        moving = rows.exclude(person=person)
        changes.update(Person.objects.filter(cover__in=moving), cover=None)
        changes.update(moving, person=person)
    summary = {"person": person.label, "person_id": person.pk}
    return _record_reference_change(user, "reference.move", changes, summary, batch)


def _lock_in_chunks(references: Iterable[Reference]) -> Iterator[QuerySet[Reference]]:
    for ids in split_into_chunks(sorted({reference.pk for reference in references})):
        lock_references(ids)
        yield Reference.objects.filter(pk__in=ids)


def _record_reference_change(
    user: User | None, verb: str, changes: ChangeSet, summary: dict[str, object], batch: uuid.UUID | None
) -> int:
    changed = changes.list_written_ids("reference")
    if changed:
        apply_effects(changes)
        persons = {
            pk
            for some in split_into_chunks(changed)
            for pk in Reference.objects.filter(pk__in=some).values_list("person_id", flat=True)
        }
        subjects = {"reference": changed, "person": persons}
        summary = {"count": len(changed), **summary}
        record_event(user, verb, None, summary, undo=changes, batch=batch, subjects=subjects)
    return len(changed)


@transaction.atomic
def embed_references_again(
    user: User, references: QuerySet[Reference], batch: uuid.UUID | None = None
) -> int:
    """Have the worker make their vectors anew; until then the ones they have are searched. How many will be.

    Taken back, those that have not been begun no longer wait, and are as they were: done, or failed with its reason.
    """
    changes = ChangeSet()
    requeue_rows(changes, references)
    return _record_reference_change(user, "reference.embed", changes, {}, batch)


MAX_AUTOMATIC_REFERENCES = 10  # approved references from which no more are added by themselves
# See recognition.types.Quality.
MIN_EYE_DISTANCE, MAX_FACE_YAW, MIN_FACE_SHARPNESS = 24.0, 35.0, 0.02
FACE_EXPOSURE_RANGE = 0.15, 0.85


def use_face_as_reference(user: User | None, face: Face, *, is_unseen: bool = False) -> Event | None:
    """Keep a crop of the face among its person's references; None if it is there already.

    `is_unseen`: nobody has looked at the face, so it is compared with the others before it counts.

    A name the machine gave counts as confirmed by this. Raises ActionRefused, ImageError, or OSError on a full disk.
    """
    if face.person is None:
        raise ActionRefused(_("Say first who this is, then use the face as a reference."))
    if not face.person.may_be_recognised:
        raise ActionRefused(_("This person may not be recognised, so no face becomes a reference of theirs."))
    if not face.photo.may_be_recognised:
        raise ActionRefused(_("Nobody is to be recognised in this photo, so its faces become no references."))
    if not face.landmarks:
        raise ActionRefused(_("No face was found in this box, so it cannot serve as a reference."))
    same = Reference.objects.filter(source_face=face, person=face.person).order_by("pk")
    if same.approved().exists():
        return None
    rejected = same.filter(status=Judgement.REJECTED).last()
    if user is not None and rejected is not None:
        return _approve_reference_again(user, face, rejected)
    box = [face.left, face.top, face.width, face.height]
    columns = {"box": box, "landmarks": face.landmarks, "quality": face.quality, "score": face.score}
    stored = read_reference_crop(face.photo.picture, columns).store()
    stored |= {"status": Judgement.PENDING, "doubt": Reference.Doubt.UNSEEN} if is_unseen else {}
    try:
        with transaction.atomic():
            held, person = _hold_confirmed_face(user, face)
            if same.approved().exists():  # somebody else has made it one meanwhile
                remove_file(stored["image"])
                return None
            reference = create_queued_reference(
                person, user, source_path=held.photo.name, source_face=held, turn=face.photo.turn, **stored
            )
            return _record_face_reference(user, held, reference, {"reference": reference.pk})
    except ActionRefused:
        remove_file(stored["image"])
        raise


def _hold_confirmed_face(user: User | None, face: Face) -> tuple[Face, Person]:
    """The face, confirmed to be the person it has the name of; EditConflict where that is no longer so."""
    held = lock_face(face)
    was_taken_back = face.decision == Decision.CONFIRMED and held.decision != Decision.CONFIRMED
    if held.person is None or held.person_id != face.person_id or was_taken_back or held.box != face.box:
        raise EditConflict(_("Somebody has changed this face's name meanwhile. Look again."))
    if user is not None and held.decision != Decision.CONFIRMED:
        confirm_face(user, held, held.person)
    return held, held.person


@transaction.atomic
def _approve_reference_again(user: User, face: Face, reference: Reference) -> Event:
    """A reference cut from the face before, and rejected or taken back since."""
    held, _person = _hold_confirmed_face(user, face)
    changes = ChangeSet()
    changes.set(reference, status=Judgement.APPROVED)
    apply_effects(changes)
    return _record_face_reference(user, held, reference, {"rows": changes.groups})


def _record_face_reference(
    user: User | None, face: Face, reference: Reference, undo: Mapping[str, Any]
) -> Event:
    return record_event(
        user,
        "face.use_as_reference",
        face,
        {"photo": face.photo.name, "photo_id": face.photo_id, **summarise_person(face.person)},
        undo=undo,
        subjects={"photo": [face.photo_id], "person": [face.person_id or 0], "reference": [reference.pk]},
    )


GOOD_FACE_COLUMNS = ("quality", "landmarks", "is_usable")  # what is_good_reference_face reads


def is_good_reference_face(face: Face) -> bool:
    """Whether the face is clear enough to recognise others by; figures, not opinions."""
    quality = face.quality
    if not (face.is_usable and face.landmarks and quality):
        return False
    return bool(
        quality["size"] >= MIN_EYE_DISTANCE
        and abs(quality["yaw"]) <= MAX_FACE_YAW
        and quality["sharpness"] >= MIN_FACE_SHARPNESS
        and FACE_EXPOSURE_RANGE[0] <= quality["exposure"] <= FACE_EXPOSURE_RANGE[1]
    )


def choose_reference_faces(face_ids: Collection[int]) -> list[Face]:
    """The best of these confirmed faces, as many as their people still need."""
    if not AUTOMATIC_REFERENCES.is_on():
        return []
    made = Reference.objects.filter(source_face__in=face_ids).values_list("source_face_id", flat=True)
    rows = Face.objects.outside_trash().filter(pk__in=face_ids, decision=Decision.CONFIRMED)
    rows = (
        rows.filter(recognisable_q("person")).exclude(recognition_off_q("photo")).exclude(pk__in=list(made))
    )
    good = [
        face for face in rows.select_related("photo", "person", "decided_by") if is_good_reference_face(face)
    ]
    approved: dict[int | None, int] = {}
    wanted = []
    for face in sorted(good, key=lambda face: float((face.quality or {})["size"]), reverse=True):
        person = face.person_id
        if person not in approved:
            counted = Q(status=Judgement.APPROVED) | Q(status=Judgement.PENDING, doubt=Reference.Doubt.UNSEEN)
            approved[person] = Reference.objects.filter(counted, person=person).count()
        if approved[person] < MAX_AUTOMATIC_REFERENCES:
            approved[person] += 1
            wanted.append(face)
    return wanted


def add_references_from_faces(face_ids: Collection[int]) -> int:
    """What the setting does after decisions: the good ones among these faces become references; how many."""
    made, unseen = 0, find_faces_named_by_files(face_ids)
    for face in choose_reference_faces(face_ids):
        try:
            made += use_face_as_reference(face.decided_by, face, is_unseen=face.pk in unseen) is not None
        except (ActionRefused, ImageError) as error:
            log.info("face %s did not become a reference: %s", face.pk, error)
    return made


EVENT_DESCRIPTIONS = {
    "face.use_as_reference": gettext_lazy("made a face a reference of “%(person)s”"),
    "reference.add": gettext_lazy("added a reference of “%(person)s”"),
    "references.add": ngettext_lazy(
        "added %(count)s reference of “%(person)s”", "added %(count)s references of “%(person)s”", "count"
    ),
    "reference.approved": ngettext_lazy(
        "approved %(count)s reference", "approved %(count)s references", "count"
    ),
    "reference.rejected": ngettext_lazy(
        "rejected %(count)s reference", "rejected %(count)s references", "count"
    ),
    "reference.pending": ngettext_lazy(
        "set %(count)s reference back", "set %(count)s references back", "count"
    ),
    "reference.move": ngettext_lazy(
        "gave %(count)s reference to “%(person)s”", "gave %(count)s references to “%(person)s”", "count"
    ),
    "reference.embed": ngettext_lazy(
        "had %(count)s reference embedded again", "had %(count)s references embedded again", "count"
    ),
}

"""References of people: added, judged, moved, or made from confirmed faces.

Searching processes learn of each change at once."""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from gallery.core.exceptions import ActionRefused, CannotUndo, EditConflict
from gallery.core.limits import get_upload_limits
from gallery.core.throttling import get_quota_message, is_over_upload_quota, record_refused_upload
from gallery.faces.decisions import (
    confirm_face,
    summarise_person,
)
from gallery.history.changeset import ChangeSet, record_event, reverse_groups, split_into_chunks
from gallery.history.effects import apply_effects
from gallery.history.locking import lock_face, lock_references
from gallery.history.undo import describe_later_change
from gallery.jobs import dispatch
from gallery.jobs.services import requeue_rows
from gallery.models import Decision, Event, Face, Person, Reference, SiteSetting, User
from gallery.models.history import get_site_setting
from gallery.models.people import clean_name
from gallery.models.querysets import recognisable_q, recognition_off_q
from gallery.models.storage import (
    ReceivedFile,
    build_reference_name,
    receive_file,
    remove_file,
    write_file,
)
from gallery.people.crops import MAX_REGION_SIDE, REGION_MARGIN, place_face_in_region
from gallery.photos.services import FILE_EXTENSIONS
from recognition import images
from recognition.errors import ImageError
from recognition.images import Region
from recognition.images.sandbox import probe_photo, read_region

Judgement = Reference.Judgement


@dataclass(frozen=True, slots=True)
class AddedReference:
    reference: Reference
    is_duplicate: bool


def add_reference(
    user: User | None,
    person: Person,
    content: bytes,
    *,
    extension: str,
    source: str = "",
    status: str = Judgement.APPROVED,
) -> AddedReference:
    """Store an image as a reference of the person; the worker finds its face and embeds it.

    The same image again for the same person is recognised and returned as it is. Refused past the hour's limit.
    """
    if user is not None and is_over_upload_quota(user, len(content)):
        raise ActionRefused(get_quota_message())
    received = receive_file([content], len(content))
    found = Reference.objects.filter(person=person, source_sha256=received.sha256).first()
    if found:
        received.drop()
        return AddedReference(found, is_duplicate=not _restore_rejected_reference(user, found, status))
    name = received.keep(build_reference_name(extension))
    try:
        return _create_reference(user, person, received, name, source, status)
    except IntegrityError:
        remove_file(name)
        raise ActionRefused(_("This person is no longer there.")) from None


def _restore_rejected_reference(user: User | None, reference: Reference, status: str) -> bool:
    """Somebody sends again what was rejected, or taken back: it counts again. An import changes no such word."""
    may = user is not None and (user.is_curator or reference.added_by_id == user.pk)
    if user is None or not may or reference.status != Judgement.REJECTED:
        return False
    return judge_references(user, [reference], status) > 0


def undo_added_references(user: User, event: Event) -> dict[str, Any]:
    """Reject the references that the act added, or what was so taken back in turn.

    They are kept, with their pictures: so it can be undone, and nothing makes them again by itself. One that
    somebody has judged, moved or chosen as the cover since stays.
    """
    undo = event.undo or {}
    if "rows" in undo:
        ledger = reverse_groups(undo["rows"])
    else:
        added = Reference.objects.filter(pk__in=undo.get("references") or [undo.get("reference", 0)])
        covers = Person.objects.filter(cover__in=added).values("cover")
        ledger = ChangeSet()
        ledger.update(added.filter(revision=0).exclude(pk__in=covers), status=Judgement.REJECTED)
        if not ledger.groups and covers:
            raise CannotUndo(
                _("This picture has become the cover of its person. Choose another cover first.")
            )
    if not ledger.groups:
        raise CannotUndo(describe_later_change(event))
    apply_effects(ledger)
    return {"rows": ledger.groups}


def _create_reference(
    user: User | None, person: Person, received: ReceivedFile, name: str, source: str, status: str
) -> AddedReference:
    with transaction.atomic():
        reference = Reference.objects.create(
            person=person,
            image=name,
            sha256=received.sha256,
            source_sha256=received.sha256,
            source_path=source,
            status=status,
            added_by=user,
        )
        record_event(
            user,
            "reference.add",
            reference,
            {"person": person.name, "person_id": person.pk},
            undo={"reference": reference.pk},
            subjects={"person": [person.pk]},
        )
        dispatch.send_task("embed_reference", reference.pk)
    return AddedReference(reference, is_duplicate=False)


def upload_reference(user: User, person: Person, content: bytes, name: str, status: str) -> AddedReference:
    """A reference from a file that somebody sent: told by its content, within the limits of photos.

    Raises ImageError or Refused with a sentence for people.
    """
    try:
        info = probe_photo(content, get_upload_limits())
    except ImageError:
        record_refused_upload(user)
        raise
    return add_reference(
        user,
        person,
        content,
        extension=FILE_EXTENSIONS[info.kind],
        source=clean_name(name)[:255],
        status=status,
    )


def approve_references(user: User, references: Iterable[Reference]) -> int:
    return judge_references(user, references, Judgement.APPROVED)


def reject_references(user: User, references: Iterable[Reference]) -> int:
    return judge_references(user, references, Judgement.REJECTED)


@transaction.atomic
def judge_references(
    user: User, references: Iterable[Reference], status: str, batch: uuid.UUID | None = None
) -> int:
    """Approve, reject or set back to pending; the number of references it changed."""
    ledger = ChangeSet()
    for some in split_into_chunks(_get_sorted_ids(references)):
        lock_references(some)
        ledger.update(Reference.objects.filter(pk__in=some).exclude(status=status), status=status)
    return _record_reference_change(user, f"reference.{status}", ledger, {}, batch)


@transaction.atomic
def move_references(
    user: User, references: Iterable[Reference], person: Person, batch: uuid.UUID | None = None
) -> int:
    """Give the references to another person."""
    ledger = ChangeSet()
    for some in split_into_chunks(_get_sorted_ids(references)):
        lock_references(some)
        moving = Reference.objects.filter(pk__in=some).exclude(person=person)
        ledger.update(Person.objects.filter(cover__in=moving), cover=None)
        ledger.update(moving, person=person)
    return _record_reference_change(
        user, "reference.move", ledger, {"person": person.name, "person_id": person.pk}, batch
    )


def _get_sorted_ids(references: Iterable[Reference]) -> list[int]:
    return sorted({reference.pk for reference in references})


def _record_reference_change(
    user: User, verb: str, ledger: ChangeSet, summary: dict[str, object], batch: uuid.UUID | None
) -> int:
    changed = ledger.touched("reference")
    if changed:
        apply_effects(ledger)
        persons = {
            pk
            for some in split_into_chunks(changed)
            for pk in Reference.objects.filter(pk__in=some).values_list("person_id", flat=True)
        }
        subjects = {"reference": changed, "person": persons}
        summary = {"count": len(changed), **summary}
        record_event(user, verb, None, summary, undo=ledger, batch=batch, subjects=subjects)
    return len(changed)


@transaction.atomic
def embed_references_again(
    user: User, references: QuerySet[Reference], batch: uuid.UUID | None = None
) -> int:
    """Have the worker make their vectors anew; until then the ones they have are searched. How many will be.

    Taken back, those that have not been begun no longer wait, and are as they were: done, or failed with its reason.
    """
    ledger = ChangeSet()
    requeue_rows(ledger, references)
    return _record_reference_change(user, "reference.embed", ledger, {}, batch)


log = logging.getLogger(__name__)

AUTOMATIC_REFERENCES_KEY = "confirmed_faces_become_references"
MAX_AUTOMATIC_REFERENCES = 10  # approved references from which no more are added by themselves
MIN_EYE_DISTANCE, MAX_FACE_YAW, MIN_FACE_SHARPNESS, FACE_EXPOSURE_RANGE = (
    24.0,
    35.0,
    0.02,
    (0.15, 0.85),
)  # see recognition.types.Quality


def use_face_as_reference(user: User | None, face: Face) -> Event | None:
    """Keep a crop of the face among its person's references; None if it is there already.

    A name the machine gave counts as confirmed by this. Raises Refused, ImageError, or OSError on a full disk.
    """
    if face.person is None:
        raise ActionRefused(_("Say first who this is, then use the face as a reference."))
    if not face.person.may_be_recognised:
        raise ActionRefused(_("This person may not be recognised, so no face becomes a reference of theirs."))
    if not face.photo.may_be_recognised:
        raise ActionRefused(_("Nobody is to be recognised in this photo, so its faces become no references."))
    if not face.landmarks:
        raise ActionRefused(_("No face was found in this box, so it cannot serve as a reference."))
    if _find_references_of_face(face).exists():
        return None
    rejected = _find_references_of_face(face, Reference.Judgement.REJECTED).last()
    if user is not None and rejected is not None:
        return _approve_reference_again(user, face, rejected)
    region = read_region(
        face.photo.file.path,
        face.box.padded(REGION_MARGIN),
        get_upload_limits(),
        max_side=MAX_REGION_SIDE,
    )
    jpeg = images.encode_pixels(region.pixels, form="JPEG", quality=95)
    name = build_reference_name(".jpg")
    write_file(name, jpeg)
    try:
        return _create_face_reference(user, face, region, name, hashlib.sha256(jpeg).hexdigest())
    except ActionRefused:
        remove_file(name)
        raise


def _find_references_of_face(face: Face, status: str = Reference.Judgement.APPROVED) -> QuerySet[Reference]:
    return Reference.objects.filter(source_face=face, person=face.person, status=status).order_by("pk")


def _hold_confirmed_face(user: User | None, face: Face) -> tuple[Face, Person]:
    """The face, confirmed to be the person it has the name of; Changed where that is no longer so."""
    held = lock_face(face)
    was_taken_back = face.decision == Decision.CONFIRMED and held.decision != Decision.CONFIRMED
    if held.person is None or held.person_id != face.person_id or was_taken_back:
        raise EditConflict(_("Somebody has changed this face's name meanwhile. Look again."))
    if user is not None and held.decision != Decision.CONFIRMED:
        confirm_face(user, held, held.person)
    return held, held.person


@transaction.atomic
def _approve_reference_again(user: User, face: Face, reference: Reference) -> Event:
    """A reference cut from the face before, and rejected or taken back since."""
    held, _person = _hold_confirmed_face(user, face)
    ledger = ChangeSet()
    ledger.set(reference, status=Reference.Judgement.APPROVED)
    apply_effects(ledger)
    return _record_face_reference(user, held, reference, {"rows": ledger.groups})


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


def _create_face_reference(user: User | None, face: Face, region: Region, name: str, sha256: str) -> Event:
    with transaction.atomic():
        held, person = _hold_confirmed_face(user, face)
        reference = Reference.objects.create(
            person=person,
            image=name,
            sha256=sha256,
            status=Reference.Judgement.APPROVED,
            source_path=held.photo.name,
            source_face=held,
            added_by=user,
            quality=held.quality,
            score=held.score,
            **place_face_in_region(held, region),
        )
        dispatch.send_task("embed_reference", reference.pk)
        return _record_face_reference(user, held, reference, {"reference": reference.pk})


def has_automatic_references() -> bool:
    return get_site_setting(AUTOMATIC_REFERENCES_KEY, True) is True


@transaction.atomic
def set_automatic_references(user: User, wanted: bool) -> Event | None:
    """Have confirmed faces become references by themselves, or not; None if it is so already."""
    before = has_automatic_references()
    if wanted == before:
        return None
    SiteSetting.objects.update_or_create(pk=AUTOMATIC_REFERENCES_KEY, defaults={"value": wanted})
    verb = "setting.references_on" if wanted else "setting.references_off"
    return record_event(user, verb, None, {"wanted": wanted}, undo={"wanted": before})


def undo_automatic_setting(user: User, event: Event) -> dict[str, bool]:
    before = has_automatic_references()
    wanted = bool(event.undo["wanted"]) if event.undo else before
    SiteSetting.objects.update_or_create(pk=AUTOMATIC_REFERENCES_KEY, defaults={"value": wanted})
    return {"wanted": before}


GOOD_FACE_COLUMNS = ("quality", "landmarks", "is_usable")  # what is_good reads of a face


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


def _get_eye_distance(face: Face) -> float:
    return float(face.quality["size"]) if face.quality else 0.0


def choose_reference_faces(face_ids: Collection[int]) -> list[Face]:
    """The best of these confirmed faces, as many as their people still need."""
    if not has_automatic_references():
        return []
    rows = Face.objects.outside_trash().filter(pk__in=face_ids, decision=Decision.CONFIRMED)
    made = Reference.objects.filter(source_face__in=face_ids).values_list("source_face_id", flat=True)
    rows = (
        rows.exclude(pk__in=list(made)).filter(recognisable_q("person")).exclude(recognition_off_q("photo"))
    )
    rows = rows.select_related("photo__album", "person", "decided_by")
    good = sorted(
        (face for face in rows if is_good_reference_face(face)), key=_get_eye_distance, reverse=True
    )
    have: dict[int | None, int] = {}
    wanted = []
    for face in good:
        person = face.person_id
        if person not in have:
            approved = Reference.objects.approved().filter(person=person)
            have[person] = approved.count()
        if have[person] < MAX_AUTOMATIC_REFERENCES:
            have[person] += 1
            wanted.append(face)
    return wanted


def add_references_from_faces(face_ids: Collection[int]) -> int:
    """What the setting does after decisions: the good ones among these faces become references; how many."""
    made = 0
    for face in choose_reference_faces(face_ids):
        try:
            made += use_face_as_reference(face.decided_by, face) is not None
        except (ActionRefused, ImageError) as error:
            log.info("face %s did not become a reference: %s", face.pk, error)
    return made

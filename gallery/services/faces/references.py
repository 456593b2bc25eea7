"""Faces that become references: by a click, or by themselves once a person has confirmed them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Mapping
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from gallery import queries, queue, storage
from gallery.limits import limits
from gallery.models import Decision, Event, Face, Person, Reference, SiteSetting, User
from gallery.recognising import closed, recognisable
from gallery.services import followup, history
from gallery.services.errors import Changed, Refused
from gallery.services.faces.recording import about
from gallery.services.faces.single import confirm
from gallery.services.ledger import Ledger
from gallery.services.locks import hold_face
from recognition import images
from recognition.images import Region, sandbox
from recognition.types import Box, ImageError

log = logging.getLogger(__name__)

SETTING = "confirmed_faces_become_references"
ENOUGH = 10  # approved references from which no more are added by themselves
MARGIN, CROP_SIDE = 0.8, 640  # as other references are kept: surroundings on every side, longest side
LEAST_EYES, MOST_YAW, LEAST_SHARP, LIGHT = 24.0, 35.0, 0.02, (0.15, 0.85)  # see recognition.types.Quality


def use_as_reference(user: User | None, face: Face) -> Event | None:
    """Keep a crop of the face among its person's references; None if it is there already.

    A name the machine gave counts as confirmed by this. Raises Refused, ImageError, or OSError on a full disk.
    """
    if face.person is None:
        raise Refused(_("Say first who this is, then use the face as a reference."))
    if not face.person.may_be_recognised:
        raise Refused(_("This person may not be recognised, so no face becomes a reference of theirs."))
    if not face.photo.may_be_recognised:
        raise Refused(_("Nobody is to be recognised in this photo, so its faces become no references."))
    if not face.landmarks:
        raise Refused(_("No face was found in this box, so it cannot serve as a reference."))
    if _made_from(face).exists():
        return None
    rejected = _made_from(face, Reference.Judgement.REJECTED).last()
    if user is not None and rejected is not None:
        return _count_again(user, face, rejected)
    box = Box(face.left, face.top, face.width, face.height)
    region = sandbox.read_region(
        storage.path(face.photo.file), box.padded(MARGIN), limits(), max_side=CROP_SIDE
    )
    jpeg = images.encode(region.pixels, form="JPEG", quality=95)
    name = storage.reference_name(".jpg")
    storage.write(name, jpeg)
    try:
        return _store(user, face, region, name, hashlib.sha256(jpeg).hexdigest())
    except Refused:
        storage.remove(name)
        raise


def _made_from(face: Face, status: str = Reference.Judgement.APPROVED) -> QuerySet[Reference]:
    return Reference.objects.filter(source_face=face, person=face.person, status=status).order_by("pk")


def _held(user: User | None, face: Face) -> tuple[Face, Person]:
    """The face, confirmed to be the person it has the name of; Changed where that is no longer so."""
    held = hold_face(face)
    was_taken_back = face.decision == Decision.CONFIRMED and held.decision != Decision.CONFIRMED
    if held.person is None or held.person_id != face.person_id or was_taken_back:
        raise Changed(_("Somebody has changed this face's name meanwhile. Look again."))
    if user is not None and held.decision != Decision.CONFIRMED:
        confirm(user, held, held.person)
    return held, held.person


@transaction.atomic
def _count_again(user: User, face: Face, reference: Reference) -> Event:
    """A reference cut from the face before, and rejected or taken back since."""
    held, _person = _held(user, face)
    ledger = Ledger()
    ledger.set(reference, status=Reference.Judgement.APPROVED)
    followup.after(ledger)
    return _recorded(user, held, reference, {"rows": ledger.groups})


def _recorded(user: User | None, face: Face, reference: Reference, undo: Mapping[str, Any]) -> Event:
    return history.record(
        user,
        "face.use_as_reference",
        face,
        {"photo": face.photo.name, "photo_id": face.photo_id, **about(face.person)},
        undo=undo,
        subjects={"photo": [face.photo_id], "person": [face.person_id or 0], "reference": [reference.pk]},
    )


def _store(user: User | None, face: Face, region: Region, name: str, sha256: str) -> Event:
    with transaction.atomic():
        held, person = _held(user, face)
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
            **place_in(held, region),
        )
        queue.send("embed_reference", reference.pk)
        return _recorded(user, held, reference, {"reference": reference.pk})


def place_in(face: Face, region: Region) -> dict[str, Any]:
    """The face's box and landmarks in the crop's own pixels."""
    across = region.pixels.shape[1] / region.box.width
    down = region.pixels.shape[0] / region.box.height

    def point(left: float, top: float) -> list[float]:
        return [round((left - region.box.left) * across, 2), round((top - region.box.top) * down, 2)]

    size = [round(face.width * across, 2), round(face.height * down, 2)]
    return {
        "box": point(face.left, face.top) + size,
        "landmarks": [point(left, top) for left, top in face.landmarks or []],
    }


def is_automatic() -> bool:
    return queries.setting(SETTING, True) is True


@transaction.atomic
def set_automatic(user: User, wanted: bool) -> Event | None:
    """Have confirmed faces become references by themselves, or not; None if it is so already."""
    before = is_automatic()
    if wanted == before:
        return None
    SiteSetting.objects.update_or_create(pk=SETTING, defaults={"value": wanted})
    verb = "setting.references_on" if wanted else "setting.references_off"
    return history.record(user, verb, None, {"wanted": wanted}, undo={"wanted": before})


@history.inverse("setting.references_on", "setting.references_off")
def _set_back(user: User, event: Event) -> dict[str, bool]:
    before = is_automatic()
    wanted = bool(event.undo["wanted"]) if event.undo else before
    SiteSetting.objects.update_or_create(pk=SETTING, defaults={"value": wanted})
    return {"wanted": before}


OF_GOOD_FACES = ("quality", "landmarks", "is_usable")  # what is_good reads of a face


def is_good(face: Face) -> bool:
    """Whether the face is clear enough to recognise others by; figures, not opinions."""
    quality = face.quality
    if not (face.is_usable and face.landmarks and quality):
        return False
    return bool(
        quality["size"] >= LEAST_EYES
        and abs(quality["yaw"]) <= MOST_YAW
        and quality["sharpness"] >= LEAST_SHARP
        and LIGHT[0] <= quality["exposure"] <= LIGHT[1]
    )


def _eyes_apart(face: Face) -> float:
    return float(face.quality["size"]) if face.quality else 0.0


def wanted_as_references(face_ids: Collection[int]) -> list[Face]:
    """The best of these confirmed faces, as many as their people still need."""
    if not is_automatic():
        return []
    rows = Face.objects.filter(pk__in=face_ids, decision=Decision.CONFIRMED, photo__trashed_at__isnull=True)
    made = Reference.objects.filter(source_face__in=face_ids).values_list("source_face_id", flat=True)
    rows = rows.exclude(pk__in=list(made)).filter(recognisable("person")).exclude(closed("photo"))
    rows = rows.select_related("photo__album", "person", "decided_by")
    good = sorted((face for face in rows if is_good(face)), key=_eyes_apart, reverse=True)
    have: dict[int | None, int] = {}
    wanted = []
    for face in good:
        person = face.person_id
        if person not in have:
            approved = Reference.objects.filter(person=person, status=Reference.Judgement.APPROVED)
            have[person] = approved.count()
        if have[person] < ENOUGH:
            have[person] += 1
            wanted.append(face)
    return wanted


def make_references(face_ids: Collection[int]) -> int:
    """What the setting does after decisions: the good ones among these faces become references; how many."""
    made = 0
    for face in wanted_as_references(face_ids):
        try:
            made += use_as_reference(face.decided_by, face) is not None
        except (Refused, ImageError) as error:
            log.info("face %s did not become a reference: %s", face.pk, error)
    return made

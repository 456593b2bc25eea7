"""Finds and embeds faces: those of a photo, and those that people drew because the detector missed them.

What people decided about the faces found before is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace

import numpy as np
from django.db import transaction

from gallery.core.exceptions import JobFailed
from gallery.core.limits import get_upload_limits
from gallery.faces.boxes import is_box_erased, is_in_drawn_box, pair_faces
from gallery.faces.naming import hold_undecided_faces, name_faces
from gallery.faces.stacks import stack_photo
from gallery.index import engine
from gallery.index.engine import MISSING_ENGINE_ERRORS, MODEL_RETRY_SECONDS
from gallery.index.feed import ChangeKind, record_face_changes
from gallery.jobs.leases import LeaseLost, claim_row, finish_row, hold_lease, postpone_row
from gallery.jobs.selectors import is_processing_paused
from gallery.models import Decision, Face, Photo, Status, Work
from gallery.models.clock import get_site_time
from gallery.models.photos import TURNED_ONCE
from gallery.models.querysets import not_recognisable_q, recognition_off_q
from recognition.analysis import Analysis, analyse_photo, embed_faces
from recognition.errors import RecognitionError
from recognition.images import Region, Source
from recognition.images.sandbox import read_region
from recognition.types import Box, Detection, Embedder, Embeddings

DRAWN_BOX_MARGIN = 0.6  # of a drawn box, shown to the detector on every side
MAX_REGION_SIDE = 800  # pixels
REREADING_SECONDS = 60.0  # until `maintenance.rereading` has perhaps been at a photo


def process_photo(pk: int) -> bool:
    """Claim the photo and process it; False if it is not ours to do."""
    if is_processing_paused():
        return False
    photo = claim_row(Photo.objects.outside_trash(), pk)
    if photo is None:
        return False
    with hold_lease(photo), record_failure(photo, JobFailed("photo_file_gone")):
        is_there = photo.file.storage.exists(str(photo.file))
        if photo.reading < TURNED_ONCE and is_there:  # its boxes are moved first
            postpone_row(photo, REREADING_SECONDS)
        else:
            _process_claimed_photo(photo)
    return True


@contextmanager
def record_failure(row: Work, file_gone: JobFailed) -> Iterator[None]:
    """End a claimed row as failed where its picture is to blame; for later where a model is not there yet."""
    try:
        yield
    except FileNotFoundError:
        finish_row(row, Status.FAILED, file_gone)
    except MISSING_ENGINE_ERRORS as error:
        postpone_row(row, MODEL_RETRY_SECONDS, error)
    except RecognitionError as error:
        finish_row(row, Status.FAILED, error)


def _process_claimed_photo(photo: Photo) -> None:
    """Where nobody is to be recognised, faces are found, so that they can be hidden, and no more."""
    detector = engine.get_detector()
    embedder = engine.get_serving_embedder() if photo.may_be_recognised else None
    analysis = analyse_photo(photo.picture, engine.read_photo, detector, embedder)
    with transaction.atomic():
        held = Photo.objects.select_for_update(no_key=True).filter(pk=photo.pk).first()
        if held is None:
            raise LeaseLost(f"photo {photo.pk} was erased")
        if held.turn != photo.turn:  # somebody has turned it meanwhile, and its faces with it
            postpone_row(photo, 0)
            return
        photo.width, photo.height = analysis.width, analysis.height
        photo.milliseconds = {step: round(spent, 1) for step, spent in analysis.milliseconds.items()}
        photo.detector, photo.is_cut_off = detector.name, analysis.is_cut_off
        photo.save(update_fields=["width", "height", "milliseconds", "detector", "is_cut_off"])
        is_open = Photo.objects.filter(pk=photo.pk).exclude(recognition_off_q()).exists()
        if is_open != (embedder is not None):  # somebody has switched it meanwhile
            postpone_row(photo, 0)
            return
        faces = _save_matched_faces(photo, analysis, embedder)
        if embedder is not None:
            name_faces(faces, embedder)
        stack_photo(photo, analysis.likeness)
        finish_row(photo, Status.DONE)


def _save_matched_faces(photo: Photo, analysis: Analysis, embedder: Embedder | None) -> list[Face]:
    """The photo's faces after this pass, saved: old rows where boxes overlap, new ones, kept decisions."""
    held = Face.objects.select_for_update(of=("self",)).filter(photo=photo).order_by("pk")
    old = list(held.select_related("person"))
    record_face_changes(ChangeKind.REMOVED, old)
    pairs = pair_faces(old, [detection.box for detection in analysis.detections])
    faces = []
    for row, detection in enumerate(analysis.detections):
        if row not in pairs and is_box_erased(old, detection.box):
            continue
        face = old[pairs[row]] if row in pairs else Face(photo=photo)
        _fill_in_face(face, detection, analysis.embeddings[row], embedder)
        faces.append(face)
    unseen = (face for position, face in enumerate(old) if position not in pairs.values())
    for face in unseen:
        if face.is_decided or face.is_drawn or face.rejections.exists():
            faces.append(face)
        else:
            face.delete()
    for face in faces:
        face.save()
    record_face_changes(ChangeKind.ADDED, faces)
    return faces


def _fill_in_face(face: Face, detection: Detection, vector: Embeddings, embedder: Embedder | None) -> None:
    if face.is_erased:
        return
    if not face.is_drawn:
        face.left, face.top = detection.box.left, detection.box.top
        face.width, face.height = detection.box.width, detection.box.height
        face.score = detection.score
    face.landmarks = detection.landmarks.astype(float).round(2).tolist()
    face.quality = asdict(detection.quality) if detection.quality else None
    face.is_usable = detection.quality is None or detection.quality.is_usable
    if face.decision == Decision.NOT_A_FACE:
        return
    since = face.embedded_at if face.embedding is not None else None  # its time goes on, whoever embeds it
    face.embedding, face.embedder_id, face.embedded_at = None, "", None
    if embedder is not None and face.is_usable and face.may_be_embedded:
        face.embedding, face.embedder_id = vector, embedder.id
        face.embedded_at = since or get_site_time()


def embed_drawn_face(pk: int) -> bool:
    """Find and embed the face in a drawn box, then search it; False if there is nothing to do."""
    face = Face.objects.select_related("photo", "person").filter(pk=pk, is_drawn=True).first()
    if face is None or face.is_erased or not face.photo.may_be_recognised or not face.may_be_embedded:
        return False
    embedder = engine.get_serving_embedder()
    found, region = detect_in_drawn_box(face.photo.picture, face.box)
    vector = embed_faces(region.pixels, [found], embedder)[0] if found else None
    with transaction.atomic():
        beside = hold_undecided_faces([pk], embedder)
        rows = Face.objects.select_for_update(of=("self",)).filter(
            pk=pk, is_erased=False, photo__turn=face.photo.turn
        )
        current = rows.exclude(recognition_off_q("photo")).first()
        if current is None:
            return False
        record_face_changes(ChangeKind.REMOVED, [current])
        if found is None or vector is None:
            current.landmarks, current.score = None, 0.0
            current.quality, current.is_usable = {"is_usable": False, "reason": "no face"}, False
            current.embedding, current.embedder_id, current.embedded_at = None, "", None
        else:
            current.score = found.score
            _fill_in_face(current, place_in_photo(found, region), vector, embedder)
        current.save(
            update_fields=[
                *("landmarks", "score", "quality", "is_usable"),
                *("embedding", "embedder_id", "embedded_at"),
            ]
        )
        record_face_changes(ChangeKind.ADDED, [current])
        name_faces([current, *(face for face in beside if face.pk != pk)], embedder)
    return True


def detect_in_drawn_box(source: Source, box: Box) -> tuple[Detection | None, Region]:
    """The face that the drawn box is about, if any, in the pixels of the region that was read around it."""
    region = read_region(source, box.padded(DRAWN_BOX_MARGIN), get_upload_limits(), max_side=MAX_REGION_SIDE)
    scale = region.pixels.shape[1] / region.box.width
    drawn = box.shifted(-region.box.left, -region.box.top).scaled(scale)
    inside = (
        each for each in engine.get_detector().detect(region.pixels) if is_in_drawn_box(each.box, drawn)
    )
    return max(inside, key=lambda detection: detection.box.iou(drawn), default=None), region


def place_in_photo(found: Detection, region: Region) -> Detection:
    """The face in the pixels of the photo that the region is a part of."""
    scale = region.box.width / region.pixels.shape[1]
    left, top = region.box.left, region.box.top
    return replace(
        found,
        box=found.box.scaled(scale).shifted(left, top),
        landmarks=(found.landmarks * scale + np.array([left, top])).astype(np.float32),
        quality=replace(found.quality, size=found.quality.size * scale) if found.quality else None,
    )


def list_unembedded_drawn_faces(limit: int = 50) -> list[int]:
    """Drawn faces whose message was lost: nothing is known of them yet."""
    rows = Face.objects.filter(is_drawn=True, quality__isnull=True, landmarks__isnull=True)
    rows = rows.exclude(recognition_off_q("photo")).exclude(not_recognisable_q("person"))
    return list(rows.outside_trash().order_by("pk").values_list("pk", flat=True)[:limit])

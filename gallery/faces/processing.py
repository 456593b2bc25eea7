"""One photo: find its faces, embed them, name them, keep what people decided about the faces found before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from gallery.core.exceptions import JobFailed
from gallery.faces.matching import is_box_erased, pair_faces
from gallery.faces.naming import name_faces
from gallery.index import engine
from gallery.index.engine import MISSING_MODEL_ERRORS, MODEL_RETRY_SECONDS
from gallery.jobs.leases import LeaseLost, claim_row, finish_row, hold_lease, postpone_row
from gallery.jobs.selectors import is_processing_paused
from gallery.models import Decision, Face, Photo, Status, Work
from gallery.models.querysets import recognition_off_q
from recognition.analysis import Analysis, analyse_photo
from recognition.errors import RecognitionError
from recognition.types import Detection, Embedder, Embeddings


def process_photo(pk: int) -> bool:
    """Claim the photo and process it; False if it is not ours to do."""
    if is_processing_paused():
        return False
    photo = claim_row(Photo.objects.outside_trash(), pk)
    if photo is None:
        return False
    with hold_lease(photo), record_failure(photo, JobFailed("photo_file_gone")):
        _process_claimed_photo(photo)
    return True


@contextmanager
def record_failure(row: Work, file_gone: JobFailed) -> Iterator[None]:
    """End a claimed row as failed where its picture is to blame; for later where a model is not there yet."""
    try:
        yield
    except FileNotFoundError:
        finish_row(row, Status.FAILED, file_gone)
    except MISSING_MODEL_ERRORS as error:
        postpone_row(row, MODEL_RETRY_SECONDS, error)
    except RecognitionError as error:
        finish_row(row, Status.FAILED, error)


def _process_claimed_photo(photo: Photo) -> None:
    """Where nobody is to be recognised, faces are found, so that they can be hidden, and no more."""
    detector = engine.get_detector()
    embedder = engine.get_serving_embedder() if photo.may_be_recognised else None
    analysis = analyse_photo(Path(photo.file.path), engine.read_photo, detector, embedder)
    with transaction.atomic():
        if not Photo.objects.select_for_update().filter(pk=photo.pk).exists():
            raise LeaseLost(f"photo {photo.pk} was erased")
        photo.width, photo.height = analysis.width, analysis.height
        photo.milliseconds = {step: round(spent, 1) for step, spent in analysis.milliseconds.items()}
        photo.detector = detector.name
        photo.save(update_fields=["width", "height", "milliseconds", "detector"])
        if _is_photo_open(photo.pk) != (embedder is not None):  # somebody has switched it meanwhile
            postpone_row(photo, 0)
            return
        faces = _save_matched_faces(photo, analysis, embedder)
        if embedder is not None:
            name_faces(faces, embedder)
        finish_row(photo, Status.DONE)


def _is_photo_open(pk: int) -> bool:
    return Photo.objects.filter(pk=pk).exclude(recognition_off_q()).exists()


def _save_matched_faces(photo: Photo, analysis: Analysis, embedder: Embedder | None) -> list[Face]:
    """The photo's faces after this pass, saved: old rows where boxes overlap, new ones, kept decisions."""
    old = list(Face.objects.select_for_update(of=("self",)).filter(photo=photo).select_related("person"))
    pairs = pair_faces(old, [detection.box for detection in analysis.detections])
    faces = []
    for row, detection in enumerate(analysis.detections):
        if row not in pairs and is_box_erased(old, detection.box):
            continue
        face = old[pairs[row]] if row in pairs else Face(photo=photo)
        _fill_in_face(face, detection, analysis.embeddings[row], embedder)
        faces.append(face)
    seen = set(pairs.values())
    for position, face in enumerate(old):
        if position in seen:
            continue
        if face.is_decided or face.is_drawn or face.rejections.exists():
            faces.append(face)
        else:
            face.delete()
    for face in faces:
        face.save()
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
        face.embedded_at = since or timezone.now()

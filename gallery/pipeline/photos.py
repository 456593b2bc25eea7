"""One photo: find its faces, embed them, name them, keep what people decided about the faces found before."""

from __future__ import annotations

from dataclasses import asdict

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from gallery import engine, queries, queue, storage
from gallery.models import Decision, Face, Photo, Status
from gallery.pipeline import matching
from gallery.pipeline.naming import name_faces
from gallery.recognising import closed, keeps_no_vector
from gallery.vectors import to_bytes
from recognition.analysis import Analysis, analyse
from recognition.types import Detection, Embedder, Embeddings, ImageError, RecognitionError


def process_photo(pk: int) -> bool:
    """Claim the photo and process it; False if it is not ours to do."""
    if queries.is_paused():
        return False
    photo = queue.claim(Photo.objects.filter(trashed_at__isnull=True), pk)
    if photo is None:
        return False
    with queue.held(photo):
        try:
            _process(photo)
        except FileNotFoundError:
            queue.finish(photo, Status.FAILED, _("The photo's file is gone from the disk. Upload it again."))
        except engine.MISSING as error:
            queue.put_back(photo, engine.MISSING_LATER, str(error))
        except (ImageError, RecognitionError) as error:
            queue.finish(photo, Status.FAILED, str(error))
    return True


def _process(photo: Photo) -> None:
    """Where nobody is to be recognised, faces are found, so that they can be hidden, and no more."""
    embedder = engine.serving() if photo.may_be_recognised else None
    analysis = analyse(storage.path(photo.file), engine.read, engine.detector(), embedder)
    with transaction.atomic():
        if not Photo.objects.select_for_update().filter(pk=photo.pk).exists():
            raise queue.LeaseLost(f"photo {photo.pk} was erased")
        photo.width, photo.height = analysis.width, analysis.height
        photo.milliseconds = {step: round(spent, 1) for step, spent in analysis.milliseconds.items()}
        photo.detector = engine.detector().name
        photo.save(update_fields=["width", "height", "milliseconds", "detector"])
        if _is_open(photo.pk) != (embedder is not None):  # somebody has switched it meanwhile
            queue.put_back(photo, 0)
            return
        faces = _matched(photo, analysis, embedder)
        if embedder is not None:
            name_faces(faces, embedder)
        queue.finish(photo, Status.DONE)


def _is_open(pk: int) -> bool:
    return Photo.objects.filter(pk=pk).exclude(closed()).exists()


def _matched(photo: Photo, analysis: Analysis, embedder: Embedder | None) -> list[Face]:
    """The photo's faces after this pass, saved: old rows where boxes overlap, new ones, kept decisions."""
    old = list(Face.objects.select_for_update(of=("self",)).filter(photo=photo).select_related("person"))
    pairs = matching.pair(old, [detection.box for detection in analysis.detections])
    faces = []
    for row, detection in enumerate(analysis.detections):
        if row not in pairs and matching.is_erased(old, detection.box):
            continue
        face = old[pairs[row]] if row in pairs else Face(photo=photo)
        _fill(face, detection, analysis.embeddings[row], embedder)
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


def _fill(face: Face, detection: Detection, vector: Embeddings, embedder: Embedder | None) -> None:
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
    if embedder is not None and face.is_usable and not keeps_no_vector(face):
        face.embedding, face.embedder_id = to_bytes(vector), embedder.id
        face.embedded_at = since or timezone.now()

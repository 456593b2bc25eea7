"""One reference: find its face, keep a crop, embed it, let searching processes know."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from django.db import transaction
from django.utils.translation import gettext_noop as _
from PIL import Image as Pillow

from gallery import changes, engine, queue, storage
from gallery.models import Reference, ReferenceVector, Status
from gallery.vectors import to_bytes
from recognition import images
from recognition.mainface import main_face
from recognition.types import Box, Detection, Embedder, FaceCrop, Image, RecognitionError

MARGIN = 0.8  # of the box, kept on every side, so that any embedder finds the surroundings it wants
CROP_SIDE = 640
QUALITY = 95


@dataclass(frozen=True, slots=True)
class Crop:
    """A face cut out for keeping: the JPEG that is stored, and where the face is in it."""

    jpeg: bytes
    box: Box
    landmarks: np.ndarray[Any, np.dtype[np.float32]]
    detection: Detection


def resized(pixels: Image, factor: float) -> Image:
    """Reduced by the factor, each new pixel the mean of those it covers; as it is for a factor of 1."""
    if factor >= 1:
        return pixels
    size = max(1, round(pixels.shape[1] * factor)), max(1, round(pixels.shape[0] * factor))
    return np.asarray(Pillow.fromarray(np.ascontiguousarray(pixels)).resize(size, Pillow.Resampling.LANCZOS))


def cut(pixels: Image, detection: Detection) -> Crop:
    """The face with its surroundings, at most CROP_SIDE pixels, as it will be stored."""
    height, width = pixels.shape[:2]
    left, top, across, down = detection.box.padded(MARGIN).clipped(width, height).as_ints()
    part = pixels[top : top + down, left : left + across]
    factor = min(1.0, CROP_SIDE / max(part.shape[:2]))
    jpeg = images.encode(resized(part, factor), form="JPEG", quality=QUALITY)
    landmarks = ((detection.landmarks - np.array([left, top])) * factor).astype(np.float32)
    return Crop(jpeg, detection.box.shifted(-left, -top).scaled(factor), landmarks, detection)


def describe(reference: Reference, crop: Crop) -> None:
    """Write what is known of the crop into the reference's columns, unsaved."""
    reference.box = [
        round(value, 2) for value in (crop.box.left, crop.box.top, crop.box.width, crop.box.height)
    ]
    reference.landmarks = crop.landmarks.astype(float).round(2).tolist()
    quality = crop.detection.quality
    reference.quality = asdict(quality) if quality else None
    reference.score = crop.detection.score


def face_of(reference: Reference, pixels: Image) -> FaceCrop:
    """The reference's face as an embedder takes it, from its stored crop."""
    left, top, width, height = reference.box or (0, 0, pixels.shape[1], pixels.shape[0])
    return FaceCrop(pixels, Box(left, top, width, height), np.array(reference.landmarks, np.float32))


def store_vector(reference: Reference, embedder: Embedder, vector: np.ndarray[Any, Any]) -> None:
    """Keep the embedding and, if the reference counts, announce it; inside the caller's transaction."""
    ReferenceVector.objects.update_or_create(
        reference=reference, embedder_id=embedder.id, defaults={"vector": to_bytes(vector)}
    )
    if reference.status == Reference.Judgement.APPROVED:
        changes.record(changes.Kind.ADDED, [reference])


def embed_reference(pk: int) -> bool:
    """Claim the reference and embed it; False if it is not ours to do."""
    reference = queue.claim(Reference.objects.all(), pk)
    if reference is None:
        return False
    with queue.held(reference):
        try:
            _embed(reference)
        except FileNotFoundError:
            queue.finish(reference, Status.FAILED, _("The reference's picture is gone from the disk."))
        except engine.MISSING as error:
            queue.put_back(reference, engine.MISSING_LATER, str(error))
        except RecognitionError as error:
            queue.finish(reference, Status.FAILED, str(error))
    return True


@transaction.atomic
def _store(reference: Reference, embedder: Embedder, vector: np.ndarray[Any, Any]) -> None:
    """LeaseLost where the reference was erased, or taken over, meanwhile; nothing is written then."""
    current = Reference.objects.select_for_update().filter(pk=reference.pk).first()
    if current is None:
        raise queue.LeaseLost(f"reference {reference.pk} was erased")
    reference.save(update_fields=["box", "landmarks", "quality", "score", "image", "sha256"])
    store_vector(current, embedder, vector)
    queue.finish(reference, Status.DONE)


def _embed(reference: Reference) -> None:
    embedder = engine.serving()
    old_image, new_image = reference.image, ""
    pixels = engine.read(storage.path(old_image)).pixels
    if reference.box is None:
        crop = cut(pixels, main_face(pixels, engine.detector()))
        describe(reference, crop)
        new_image = storage.reference_name(".jpg")
        reference.sha256 = storage.write(new_image, crop.jpeg)
        reference.image = new_image
        pixels = engine.read(storage.path(new_image)).pixels
    vector = embedder.embed([face_of(reference, pixels)])[0]
    try:
        _store(reference, embedder, vector)
    except queue.LeaseLost:
        storage.remove(new_image)
        raise
    if new_image:
        storage.remove(old_image)
    from gallery.pipeline.builds import gallery_changed

    gallery_changed("references changed")

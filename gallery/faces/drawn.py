"""Embeds faces that people drew because the detector missed them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np
from django.db import transaction
from django.utils import timezone

from gallery.core.limits import get_upload_limits
from gallery.faces.naming import name_faces
from gallery.index import engine
from gallery.models import Face
from gallery.models.querysets import not_recognisable_q, recognition_off_q
from recognition.analysis import embed_faces
from recognition.images import Region
from recognition.images.sandbox import read_region
from recognition.types import Box, Detection, Embeddings

DRAWN_BOX_MARGIN = 0.6  # of a drawn box, shown to the detector on every side
MAX_REGION_SIDE = 800  # pixels
MIN_BOX_OVERLAP = 0.15  # of a drawn box and the face found in it: people draw heads, detectors find faces
EMBEDDED_FACE_FIELDS = [
    "landmarks",
    "score",
    "quality",
    "is_usable",
    "embedding",
    "embedder_id",
    "embedded_at",
]
NO_FACE_QUALITY = {"is_usable": False, "reason": "no face"}


def embed_drawn_face(pk: int) -> bool:
    """Find and embed the face in a drawn box, then search it; False if there is nothing to do."""
    face = Face.objects.select_related("photo__album", "person").filter(pk=pk, is_drawn=True).first()
    if face is None or face.is_erased or not face.photo.may_be_recognised or not face.may_be_embedded:
        return False
    box = face.box
    region = read_region(
        face.photo.file.path,
        box.padded(DRAWN_BOX_MARGIN),
        get_upload_limits(),
        max_side=MAX_REGION_SIDE,
    )
    scale = region.pixels.shape[1] / region.box.width
    inner = box.shifted(-region.box.left, -region.box.top).scaled(scale)
    found = find_best_detection(inner, engine.get_detector().detect(region.pixels))
    vector = embed_faces(region.pixels, [found], engine.get_serving_embedder())[0] if found else None
    with transaction.atomic():
        rows = Face.objects.select_for_update(of=("self",)).filter(pk=pk, is_erased=False)
        current = rows.exclude(recognition_off_q("photo")).first()
        if current is None:
            return False
        _fill_in_face(current, found, vector, region, scale)
        current.save(update_fields=EMBEDDED_FACE_FIELDS)
        name_faces([current], engine.get_serving_embedder())
    return True


def find_best_detection(box: Box, found: Sequence[Detection]) -> Detection | None:
    """The detection that the drawn box is about, if any."""

    def is_inside(detection: Detection) -> bool:
        across = detection.box.left + detection.box.width / 2
        down = detection.box.top + detection.box.height / 2
        return box.left <= across <= box.right and box.top <= down <= box.bottom

    inside = [detection for detection in found if is_inside(detection)]
    best = max(inside, key=lambda detection: detection.box.iou(box), default=None)
    return best if best and best.box.iou(box) >= MIN_BOX_OVERLAP else None


def _fill_in_face(
    face: Face, found: Detection | None, vector: Embeddings | None, region: Region, scale: float
) -> None:
    face.landmarks, face.score, face.quality, face.is_usable = None, 0.0, dict(NO_FACE_QUALITY), False
    since = face.embedded_at if face.embedding is not None else None
    face.embedding, face.embedder_id, face.embedded_at = None, "", None
    if found is None or vector is None:
        return
    corner = np.array([region.box.left, region.box.top])
    face.landmarks = np.round(found.landmarks / scale + corner, 2).tolist()
    face.score = found.score
    quality = replace(found.quality, size=found.quality.size / scale) if found.quality else None
    face.quality = asdict(quality) if quality else None
    face.is_usable = quality is None or quality.is_usable
    if face.is_usable:
        face.embedding, face.embedder_id = vector, engine.get_serving_embedder().id
        face.embedded_at = since or timezone.now()


def list_unembedded_drawn_faces(limit: int = 50) -> list[int]:
    """Drawn faces whose message was lost: nothing is known of them yet."""
    rows = Face.objects.filter(is_drawn=True, quality__isnull=True, landmarks__isnull=True)
    rows = rows.exclude(recognition_off_q("photo")).exclude(not_recognisable_q("person"))
    return list(rows.outside_trash().order_by("pk").values_list("pk", flat=True)[:limit])

"""What the worker does to single faces: embed a drawn one, and take people's decisions further."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, replace

import numpy as np
from django.db import transaction
from django.utils import timezone

from gallery import engine, storage
from gallery.limits import limits
from gallery.models import Candidate, Decision, Face
from gallery.pipeline import likeness, live
from gallery.pipeline.matching import box_of
from gallery.pipeline.naming import name_faces
from gallery.recognising import closed, keeps_no_vector, masked
from gallery.vectors import to_bytes
from recognition.analysis import embed
from recognition.images import Region, sandbox
from recognition.types import Box, Detection, Embeddings

AROUND = 0.6  # of a drawn box, shown to the detector on every side
REGION_SIDE = 800  # pixels
LEAST_OVERLAP = 0.15  # of a drawn box and the face found in it: people draw heads, detectors find faces
PART = 200  # faces searched in one transaction
FILLED = ["landmarks", "score", "quality", "is_usable", "embedding", "embedder_id", "embedded_at"]
NOTHING_FOUND = {"is_usable": False, "reason": "no face"}


def embed_face(pk: int) -> bool:
    """Find and embed the face in a drawn box, then search it; False if there is nothing to do."""
    face = Face.objects.select_related("photo__album", "person").filter(pk=pk, is_drawn=True).first()
    if face is None or face.is_erased or not face.photo.may_be_recognised or keeps_no_vector(face):
        return False
    box = box_of(face)
    region = sandbox.read_region(
        storage.path(face.photo.file), box.padded(AROUND), limits(), max_side=REGION_SIDE
    )
    scale = region.pixels.shape[1] / region.box.width
    inner = box.shifted(-region.box.left, -region.box.top).scaled(scale)
    found = best_in(inner, engine.detector().detect(region.pixels))
    vector = embed(region.pixels, [found], engine.serving())[0] if found else None
    with transaction.atomic():
        rows = Face.objects.select_for_update(of=("self",)).filter(pk=pk, is_erased=False)
        current = rows.exclude(closed("photo")).first()
        if current is None:
            return False
        _fill(current, found, vector, region, scale)
        current.save(update_fields=FILLED)
        name_faces([current], engine.serving())
    return True


def best_in(box: Box, found: Sequence[Detection]) -> Detection | None:
    """The detection that the drawn box is about, if any."""

    def is_inside(detection: Detection) -> bool:
        across = detection.box.left + detection.box.width / 2
        down = detection.box.top + detection.box.height / 2
        return box.left <= across <= box.right and box.top <= down <= box.bottom

    inside = [detection for detection in found if is_inside(detection)]
    best = max(inside, key=lambda detection: detection.box.iou(box), default=None)
    return best if best and best.box.iou(box) >= LEAST_OVERLAP else None


def _fill(
    face: Face, found: Detection | None, vector: Embeddings | None, region: Region, scale: float
) -> None:
    face.landmarks, face.score, face.quality, face.is_usable = None, 0.0, dict(NOTHING_FOUND), False
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
        face.embedding, face.embedder_id = to_bytes(vector), engine.serving().id
        face.embedded_at = since or timezone.now()


def search_again(face_ids: Collection[int]) -> int:
    """Search faces without a decision from their stored embeddings; how many there were."""
    embedder = engine.serving()
    live.follower(embedder).refresh()  # may take a while, so not in the transaction
    ids, done = sorted(face_ids), 0
    for start in range(0, len(ids), PART):
        with transaction.atomic():
            rows = Face.objects.select_for_update().filter(pk__in=ids[start : start + PART])
            faces = list(rows.filter(decision=Decision.NONE, embedder_id=embedder.id))
            name_faces(faces, embedder)
            done += len(faces)
    return done


def spread(face_ids: Collection[int]) -> int:
    """Take decisions to the look-alikes of these faces; how many of them were searched anew.

    Look-alikes of confirmed faces are proposed the name. Proposals that rest on a face which is no longer
    confirmed as that person are withdrawn.
    """
    embedder = engine.serving()
    resting = set(Candidate.objects.filter(look_alike__in=face_ids).values_list("face_id", flat=True))
    proposals = likeness.look_alikes(face_ids, embedder, engine.bounds(embedder).unsure)
    ids, done = sorted(resting | set(proposals)), 0
    live.follower(embedder).refresh()
    for start in range(0, len(ids), PART):
        with transaction.atomic():
            rows = Face.objects.select_for_update().filter(pk__in=ids[start : start + PART])
            faces = list(rows.filter(decision=Decision.NONE, embedder_id=embedder.id))
            name_faces(faces, embedder, proposals)
            done += len(faces)
    return done


def unfinished_drawings(limit: int = 50) -> list[int]:
    """Drawn faces whose message was lost: nothing is known of them yet."""
    rows = Face.objects.filter(is_drawn=True, quality__isnull=True, landmarks__isnull=True)
    rows = rows.exclude(closed("photo")).exclude(masked("person"))
    return list(
        rows.filter(photo__trashed_at__isnull=True).order_by("pk").values_list("pk", flat=True)[:limit]
    )

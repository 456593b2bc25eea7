"""Face detection in drafts: which faces are in the picture, and which one is meant."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from django.db import transaction

from gallery.core.exceptions import JobFailed
from gallery.core.limits import get_upload_limits
from gallery.faces.drawn import DRAWN_BOX_MARGIN, find_best_detection
from gallery.index import engine
from gallery.jobs.leases import LeaseLost, claim_row, finish_row, hold_lease
from gallery.models import ReferenceDraft, Status
from recognition.errors import ImageError
from recognition.images import Region
from recognition.images.sandbox import read_region
from recognition.mainface import NoFaceFound, SeveralFaces, find_main_face
from recognition.types import Box, Detection

MAX_DETECTION_SIDE = 2_000  # pixels of the longer side that are looked at
MAX_DRAFT_FACES = 20
DRAFT_NO_FACE, DRAFT_SEVERAL_FACES, DRAFT_NO_FACE_IN_BOX = (
    "no face",
    "several faces",
    "no face in the box",
)  # `says`, put into words by pages


def process_draft(pk: int) -> bool:
    """Claim the picture and find its faces; False if it is not ours to do."""
    draft = claim_row(ReferenceDraft.objects.all(), pk)
    if draft is None:
        return False
    with hold_lease(draft):
        try:
            _detect_faces(draft)
            with transaction.atomic():
                finish_row(draft, Status.DONE)
                draft.save(update_fields=["faces", "chosen", "drawn", "says"])
        except FileNotFoundError:
            finish_row(draft, Status.FAILED, JobFailed("draft_file_gone"))
        except ImageError as error:
            finish_row(draft, Status.FAILED, error)
        except LeaseLost:
            pass  # another worker has it, or it was left out meanwhile
    return True


def _detect_faces(draft: ReferenceDraft) -> None:
    if draft.drawn:
        _detect_face_in_box(draft, Box(*draft.drawn))
        return
    region = _read_draft_region(draft, Box(0, 0, draft.width, draft.height), MAX_DETECTION_SIDE)
    detector = engine.get_detector()
    found = detector.detect(region.pixels)
    draft.faces, draft.chosen, draft.says = [], None, ""
    try:
        best = find_main_face(region.pixels, detector)
    except NoFaceFound:
        draft.says = DRAFT_NO_FACE
        return
    except SeveralFaces:
        best, draft.says = None, DRAFT_SEVERAL_FACES
    others = found or ([best] if best else [])
    faces = sorted(others, key=lambda face: face.box.area, reverse=True)[:MAX_DRAFT_FACES]
    draft.faces = [_convert_face_to_json(face, region) for face in faces]
    if best is not None:
        draft.chosen = max(range(len(faces)), key=lambda number: faces[number].box.iou(best.box))


def _detect_face_in_box(draft: ReferenceDraft, box: Box) -> None:
    """The face that was drawn is added to those found, and is the one that is meant."""
    region = _read_draft_region(draft, box.padded(DRAWN_BOX_MARGIN), 800)
    scale = region.pixels.shape[1] / region.box.width
    inner = box.shifted(-region.box.left, -region.box.top).scaled(scale)
    found = find_best_detection(inner, engine.get_detector().detect(region.pixels))
    draft.drawn, draft.says = None, "" if found else DRAFT_NO_FACE_IN_BOX
    if found is not None:
        draft.faces = [*draft.faces, _convert_face_to_json(found, region)][-MAX_DRAFT_FACES:]
        draft.chosen = len(draft.faces) - 1


def _read_draft_region(draft: ReferenceDraft, box: Box, side: int) -> Region:
    return read_region(draft.image.path, box, get_upload_limits(), max_side=side)


def _convert_face_to_json(face: Detection, region: Region) -> dict[str, Any]:
    """The face in the picture's own pixels."""
    scale = region.pixels.shape[1] / region.box.width
    box = face.box.scaled(1 / scale).shifted(region.box.left, region.box.top)
    landmarks = face.landmarks / scale + np.array([region.box.left, region.box.top])
    quality = asdict(face.quality) if face.quality else None
    if quality is not None:
        quality["size"] = quality["size"] / scale
    return {
        "box": [round(side, 2) for side in (box.left, box.top, box.width, box.height)],
        "landmarks": np.round(landmarks.astype(float), 2).tolist(),
        "score": face.score,
        "quality": quality,
    }

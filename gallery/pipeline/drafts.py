"""Looks at a picture that is to become a reference: which faces are in it, and which one is meant."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from django.db import transaction
from django.utils.translation import gettext_noop as _

from gallery import engine, queue, storage
from gallery.limits import limits
from gallery.models import ReferenceDraft, Status
from gallery.pipeline.faces import AROUND, best_in
from recognition.images import Region, sandbox
from recognition.mainface import NoFaceFound, SeveralFaces, main_face
from recognition.types import Box, Detection, ImageError

SIDE = 2_000  # pixels of the longer side that are looked at
MOST_FACES = 20
NO_FACE, SEVERAL, NONE_DRAWN = (
    "no face",
    "several faces",
    "no face in the box",
)  # `says`, put into words by pages


def look_at(pk: int) -> bool:
    """Claim the picture and find its faces; False if it is not ours to do."""
    draft = queue.claim(ReferenceDraft.objects.all(), pk)
    if draft is None:
        return False
    with queue.held(draft):
        try:
            _look(draft)
            with transaction.atomic():
                queue.finish(draft, Status.DONE)
                draft.save(update_fields=["faces", "chosen", "drawn", "says"])
        except FileNotFoundError:
            queue.finish(draft, Status.FAILED, _("The picture is gone from the disk. Send it once more."))
        except ImageError as error:
            queue.finish(draft, Status.FAILED, str(error))
        except queue.LeaseLost:
            pass  # another worker has it, or it was left out meanwhile
    return True


def _look(draft: ReferenceDraft) -> None:
    if draft.drawn:
        _look_into_box(draft, Box(*draft.drawn))
        return
    region = _region(draft, Box(0, 0, draft.width, draft.height), SIDE)
    detector = engine.detector()
    found = detector.detect(region.pixels)
    draft.faces, draft.chosen, draft.says = [], None, ""
    try:
        best = main_face(region.pixels, detector)
    except NoFaceFound:
        draft.says = NO_FACE
        return
    except SeveralFaces:
        best, draft.says = None, SEVERAL
    others = found or ([best] if best else [])
    faces = sorted(others, key=lambda face: face.box.area, reverse=True)[:MOST_FACES]
    draft.faces = [_as_json(face, region) for face in faces]
    if best is not None:
        draft.chosen = max(range(len(faces)), key=lambda number: faces[number].box.iou(best.box))


def _look_into_box(draft: ReferenceDraft, box: Box) -> None:
    """The face that was drawn is added to those found, and is the one that is meant."""
    region = _region(draft, box.padded(AROUND), 800)
    scale = region.pixels.shape[1] / region.box.width
    inner = box.shifted(-region.box.left, -region.box.top).scaled(scale)
    found = best_in(inner, engine.detector().detect(region.pixels))
    draft.drawn, draft.says = None, "" if found else NONE_DRAWN
    if found is not None:
        draft.faces = [*draft.faces, _as_json(found, region)][-MOST_FACES:]
        draft.chosen = len(draft.faces) - 1


def _region(draft: ReferenceDraft, box: Box, side: int) -> Region:
    return sandbox.read_region(storage.path(draft.image), box, limits(), max_side=side)


def _as_json(face: Detection, region: Region) -> dict[str, Any]:
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

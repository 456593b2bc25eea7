"""``mtcnn``, the default: MTCNN's networks and CenterFace, each looking where the other may be wrong.

CenterFace proposes faces over reduced views of the photo, P-Net and R-Net propose large ones; O-Net examines
all of them on the photo itself and gives boxes and landmarks. ``opinions`` says how the two are weighed. When
the upright photo shows nothing sure, it is looked at turned by quarters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from recognition.types import Detection, Image

from . import boxes as geometry
from . import cascade, views
from .cascade import Faces
from .centerface import SAME_FACE, CenterFace
from .networks import open_networks
from .opinions import LIKELY, POSSIBLE, Candidates, distinct, examine
from .resample import patches
from .results import detections

LOWEST = 0.1  # CenterFace's score from which a place is a candidate
SMALL, CROWD = 14.0, 4  # so many faces narrower than that in the finest view are worth a finer one,
CLOSER = 1.8  # by this factor
PNET_SCALE = 0.3  # of the view; P-Net proposes faces of 40 pixels in it and more
SURE = 0.97  # what P-Net, R-Net and O-Net must believe without CenterFace, to get a closer look
CROP, CROP_FACE = 160, 56.0  # pixels of the crop for a closer look, and of the face on it
MOST_CROPS = 24
SCAN = 448  # pixels of the longer side of a photo turned by quarters
CLEAR = 0.6  # under this opinion of O-Net a face shows too little of itself to be recognised


class CombinedMtcnn:
    """Safe to call from several threads."""

    name = "mtcnn"

    def __init__(self, threads: int | None = None) -> None:
        self._networks = open_networks(threads)
        self._centerface = CenterFace(threads)

    def detect(self, image: Image) -> list[Detection]:
        """All faces in a uint8 RGB image (rows, columns, 3), left to right."""
        if min(image.shape[:2]) < cascade.CELL:
            return []
        found = self._found(image)
        faces = found.faces()
        if not found.is_sure():
            found, faces = self._turned(image, found)
        return detections(image, faces, found.output < CLEAR)

    def _found(self, image: Image) -> Candidates:
        """What both opinions together take for faces in the photo as it is."""
        candidates = examine(self._networks, image, self._proposed(image))
        accepted = candidates.accepted()
        lowest = np.where(candidates.centre > 0, 0.6, SURE)
        doubtful = np.flatnonzero(~accepted & (candidates.output >= lowest))
        doubtful = doubtful[np.argsort(-candidates.output[doubtful], kind="stable")][:MOST_CROPS]
        if len(doubtful):
            accepted[doubtful] = self._closer(image, candidates.take(doubtful))
        candidates = candidates.take(accepted)
        return candidates.take(distinct(candidates.faces()))

    def _proposed(self, image: Image) -> Faces:
        """Candidates in pixels of the photo, scored by CenterFace, or 0 where only the cascade proposes."""
        scales = views.scales(*image.shape[:2])
        seen, view = self._seen(image, scales)
        narrow = (seen.boxes[:, 2] - seen.boxes[:, 0]) * scales[0] < SMALL
        if scales[0] < 1 and narrow.sum() >= CROWD:
            closer, _ = self._seen(image, [min(1.0, scales[0] * CLOSER)])
            seen = _best(_joined([seen, closer]))
        cascaded = self._cascaded(image, view, geometry.squared(seen.boxes))
        count = len(cascaded)
        alone = Faces(cascaded, np.zeros(count, np.float32), np.zeros((count, 5, 2)))
        return _joined([seen, alone])

    def _seen(self, image: Image, scales: list[float]) -> tuple[Faces, Image]:
        """What CenterFace sees at these scales, and the photo at the last of them (if that is one tile)."""
        found = []
        for scale in scales:
            for view in views.tiles(image, scale):
                found.append(view.in_photo(view.whole(self._centerface.find(view.image, LOWEST))))
        return _best(_joined(found)), view.image

    def _cascaded(self, image: Image, view: Image, known: geometry.Boxes) -> geometry.Boxes:
        """Squares that P-Net proposes on the coarse levels of a view and R-Net agrees to, but those known."""
        scale = np.array([image.shape[1] / view.shape[1], image.shape[0] / view.shape[0]])
        picture = Pillow.fromarray(view)
        found, scores = [np.empty((0, 4))], [np.empty(0, np.float32)]
        level = PNET_SCALE
        while min(view.shape[:2]) * level >= cascade.CELL:
            rows, columns = int(view.shape[0] * level), int(view.shape[1] * level)
            small = np.asarray(picture.resize((columns, rows), Pillow.Resampling.BOX), np.float32)
            planes = np.ascontiguousarray(small.transpose(2, 0, 1))
            boxes, score = cascade.cells(*self._networks.propose(planes), cascade.PROPOSED)
            found.append(boxes / level)
            scores.append(score)
            level *= cascade.STEP
        boxes = np.concatenate(found)
        boxes = boxes[geometry.best_first(np.concatenate(scores))]
        boxes = geometry.squared(boxes[geometry.survivors(boxes, 0.5)]) * np.tile(scale, 2)
        boxes = _unknown(boxes, known)
        return _unknown(cascade.refine(self._networks, image, boxes), known) if len(boxes) else boxes

    def _closer(self, image: Image, doubtful: Candidates) -> NDArray[np.bool_]:
        """Whether CenterFace takes each candidate for a face on an enlarged crop of it."""
        boxes = doubtful.refined.boxes
        side = np.maximum(boxes[:, 2:] - boxes[:, :2], 1).max(1, keepdims=True) * (CROP / CROP_FACE / 2)
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2
        crops = patches(image, np.concatenate([middle - side, middle + side], 1), CROP)
        verdicts = []
        for crop in crops.transpose(0, 2, 3, 1).astype(np.uint8):
            seen = self._centerface.find(views.brightened(crop), LIKELY)
            off = np.abs((seen.boxes[:, :2] + seen.boxes[:, 2:]) / 2 - CROP / 2).max(1)
            verdicts.append(bool((off < CROP_FACE / 3).any()))
        return np.array(verdicts, np.bool_)

    def _turned(self, image: Image, upright: Candidates) -> tuple[Candidates, Faces]:
        """What is found in the photo turned by quarters, where it shows more that way, else what was given;
        and the faces in pixels of the photo."""
        view = views.reduced(image, min(1.0, SCAN / max(image.shape[:2])))
        evidence = [self._evidence(np.ascontiguousarray(np.rot90(view, quarters))) for quarters in range(4)]
        best = int(np.argmax(evidence))
        if best and evidence[best] >= LIKELY:
            found = self._found(np.ascontiguousarray(np.rot90(image, best)))
            if found.is_sure():
                return found, turned_back(found.faces(), best, *image.shape[:2])
        return upright, upright.faces()

    def _evidence(self, view: Image) -> float:
        """How much in a small view looks like upright faces to both networks."""
        found = self._centerface.find(view, POSSIBLE)
        if not len(found):
            return 0.0
        return float((found.scores * examine(self._networks, view, found).output).sum())


def turned_back(faces: Faces, quarters: int, rows: int, columns: int) -> Faces:
    """Faces of ``np.rot90(image, quarters)`` in pixels of the image, which has these rows and columns."""
    points = np.concatenate([faces.boxes.reshape(-1, 2, 2), faces.points], 1)
    x, y = points[..., 0], points[..., 1]
    back = {1: (columns - 1 - y, x), 2: (columns - 1 - x, rows - 1 - y), 3: (y, rows - 1 - x)}[quarters]
    points = np.stack(back, -1)
    corners = np.sort(points[:, :2], axis=1)
    return Faces(corners.reshape(-1, 4), faces.scores, points[:, 2:])


def _unknown(boxes: geometry.Boxes, known: geometry.Boxes) -> geometry.Boxes:
    """The boxes that are not about where a known one is."""
    if not len(boxes) or not len(known):
        return boxes
    is_new = geometry.overlap(boxes, known).max(1) < 0.35
    return boxes[np.flatnonzero(is_new)]


def _best(faces: Faces) -> Faces:
    """Best first, without those that overlap a better one."""
    faces = faces.take(geometry.best_first(faces.scores))
    return faces.take(geometry.survivors(faces.boxes, SAME_FACE))


def _joined(parts: list[Faces]) -> Faces:
    return Faces(
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.points for part in parts]),
    )

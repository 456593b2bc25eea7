"""``mtcnn``, the default: MTCNN's networks and CenterFace, each looking where the other may be wrong.

CenterFace proposes faces over reduced views of the photo, P-Net and R-Net propose large ones; O-Net examines
all of them on the photo itself and gives boxes and landmarks. When the upright photo shows nothing sure, it
is looked at turned by quarters.

Is it a face? There are two opinions on every candidate: CenterFace's, and O-Net's on several crops of it. The
rule, measured on the photos of bench/detection.py: among candidates CenterFace scores over 0.5 nearly all are
faces, whatever O-Net says of profiles and lowered faces; under that, O-Net must agree, the more the lower the
first score is; what only the cascade believes in has to convince CenterFace on an enlarged crop.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from recognition.detector.centerface import SAME_FACE_OVERLAP, CenterFace
from recognition.detector.geometry import (
    NO_FACES,
    Boxes,
    Faces,
    apply_offsets,
    make_detections,
    measure_overlap,
    order_best_first,
    square_boxes,
    suppress_overlaps,
)
from recognition.detector.mtcnn import (
    MIN_PNET_SCORE,
    PNET_CELL,
    PYRAMID_STEP,
    MtcnnNetworks,
    decode_cells,
    open_networks,
    refine_boxes,
)
from recognition.detector.resample import (
    Planes,
    brighten_image,
    cut_patches,
    cut_tiles,
    list_view_scales,
    reduce_photo,
)
from recognition.types import Detection, Image

Array = NDArray[np.float32]
DIM_BRIGHTNESS = 60.0  # mean brightness of a patch under which it is brightened
CERTAIN_SCORE, LIKELY_SCORE, POSSIBLE_SCORE = 0.65, 0.5, 0.2  # CenterFace's score
UPRIGHT_SCORE = 0.9  # O-Net's opinion of upright faces
SAME_FACE_SHARE, FACE_PART_SHARE = 0.4, 0.75  # shares of two boxes that make them one face
AGREED_SCORES = (0.0, 0.2, 0.8)  # the lowest opinion of O-Net for each


@dataclass(frozen=True, slots=True)
class Candidates:
    """Places that may be faces: as first proposed (``centre``: CenterFace's score, 0 where it saw none), and
    as O-Net sees them (``output``: its mean score over three crops)."""

    proposed: Faces
    refined: Faces
    output: Array

    @property
    def centre(self) -> Array:
        return self.proposed.scores

    def take(self, index: NDArray[np.generic]) -> Candidates:
        return Candidates(self.proposed.take(index), self.refined.take(index), self.output[index])

    def accepted(self) -> NDArray[np.bool_]:
        accepted = np.zeros(len(self.output), np.bool_)
        for low, agreed in zip((CERTAIN_SCORE, LIKELY_SCORE, POSSIBLE_SCORE), AGREED_SCORES, strict=True):
            accepted |= (self.centre >= low) & (self.output >= agreed)
        return accepted

    def is_sure(self) -> bool:
        """Whether one of them is surely a face, and upright."""
        return bool(((self.centre >= LIKELY_SCORE) & (self.output >= UPRIGHT_SCORE)).any())

    def score(self) -> Array:
        """How sure both together are, 0 to 1: the doubts multiply."""
        together: Array = np.subtract(1, (1 - self.centre) * (1 - self.output), dtype=np.float32)
        return together

    def faces(self) -> Faces:
        """O-Net's box and landmarks where it agrees that this is a face, else CenterFace's."""
        agree = (self.output >= 0.5)[:, None]
        boxes = np.where(agree, self.refined.boxes, self.proposed.boxes)
        points = np.where(agree[..., None], self.refined.points, self.proposed.points)
        return Faces(boxes, self.score(), points)


def examine_candidates(networks: MtcnnNetworks, image: Image, proposed: Faces) -> Candidates:
    """O-Net's opinion on the square around each proposed box, on its mirror image, and once more where it
    moved the box to."""
    if not len(proposed):
        return Candidates(NO_FACES, NO_FACES, NO_FACES.scores)
    squares = square_boxes(proposed.boxes)
    first = brighten_patches(cut_patches(image, squares, 48))
    scores, offsets, points = networks.output(np.concatenate([first, first[..., ::-1]]))
    count = len(squares)
    once = apply_offsets(squares, offsets[:count])
    again_in = square_boxes(once)
    again, offsets, points = networks.output(brighten_patches(cut_patches(image, again_in, 48)))
    size = (again_in[:, 2:] - again_in[:, :2] + 1)[:, None, :]
    landmarks = points * size + again_in[:, None, :2] - 1
    mean = (scores[:count] + scores[count:] + again) / 3
    return Candidates(proposed, Faces(once, mean, landmarks), mean)


def brighten_patches(crops: Planes) -> Planes:
    """Patches (n, 3, size, size) with the dim ones stretched in contrast."""
    mean = crops.mean((1, 2, 3), keepdims=True)
    gain = np.where(
        mean < DIM_BRIGHTNESS, np.minimum(DIM_BRIGHTNESS * 1.6 / np.maximum(mean, 1.0), 8.0), 1.0
    ).astype(np.float32)
    return np.minimum(crops * gain, 255)


def find_distinct_faces(faces: Faces) -> NDArray[np.intp]:
    """Indices of the faces, best first, that are not another one over again or a part of it."""
    order = np.argsort(-faces.scores, kind="stable")
    boxes = faces.boxes[order]
    again = (measure_overlap(boxes, boxes) > SAME_FACE_SHARE) | (
        measure_overlap(boxes, boxes, of_smaller=True) > FACE_PART_SHARE
    )
    kept = np.zeros(len(order), np.bool_)
    for index in range(len(order)):
        kept[index] = not (again[index, :index] & kept[:index]).any()
    return order[kept]


LOWEST_SCORE = 0.1  # CenterFace's score from which a place is a candidate
SMALL_FACE, SMALL_FACE_CROWD = (
    14.0,
    4,
)  # so many faces narrower than that in the finest view are worth a finer one,
CLOSER_FACTOR = 1.8  # by this factor
PNET_SCALE = 0.3  # of the view; P-Net proposes faces of 40 pixels in it and more
SURE_CASCADE_SCORE = 0.97  # what P-Net, R-Net and O-Net must believe without CenterFace, to get a closer look
CROP_SIDE, CROP_FACE_SIDE = 160, 56.0  # pixels of the crop for a closer look, and of the face on it
MAX_CROPS = 24
TURNED_VIEW_SIDE = 448  # pixels of the longer side of a photo turned by quarters
MIN_CLEAR_SCORE = 0.6  # under this opinion of O-Net a face shows too little of itself to be recognised


class CombinedMtcnn:
    """Safe to call from several threads."""

    name = "mtcnn"

    def __init__(self, threads: int | None = None) -> None:
        self._networks = open_networks(threads)
        self._centerface = CenterFace(threads)

    def detect(self, image: Image) -> list[Detection]:
        """All faces in a uint8 RGB image (rows, columns, 3), left to right."""
        if min(image.shape[:2]) < PNET_CELL:
            return []
        found = self._found(image)
        faces = found.faces()
        if not found.is_sure():
            found, faces = self._turned(image, found)
        return make_detections(image, faces, found.output < MIN_CLEAR_SCORE)

    def _found(self, image: Image) -> Candidates:
        """What both opinions together take for faces in the photo as it is."""
        candidates = examine_candidates(self._networks, image, self._proposed(image))
        accepted = candidates.accepted()
        lowest = np.where(candidates.centre > 0, 0.6, SURE_CASCADE_SCORE)
        doubtful = np.flatnonzero(~accepted & (candidates.output >= lowest))
        doubtful = doubtful[np.argsort(-candidates.output[doubtful], kind="stable")][:MAX_CROPS]
        if len(doubtful):
            accepted[doubtful] = self._closer(image, candidates.take(doubtful))
        candidates = candidates.take(accepted)
        return candidates.take(find_distinct_faces(candidates.faces()))

    def _proposed(self, image: Image) -> Faces:
        """Candidates in pixels of the photo, scored by CenterFace, or 0 where only the cascade proposes."""
        scales = list_view_scales(*image.shape[:2])
        seen, view = self._seen(image, scales)
        narrow = (seen.boxes[:, 2] - seen.boxes[:, 0]) * scales[0] < SMALL_FACE
        if scales[0] < 1 and narrow.sum() >= SMALL_FACE_CROWD:
            closer, _ = self._seen(image, [min(1.0, scales[0] * CLOSER_FACTOR)])
            seen = _keep_best(_join_faces([seen, closer]))
        cascaded = self._cascaded(image, view, square_boxes(seen.boxes))
        count = len(cascaded)
        alone = Faces(cascaded, np.zeros(count, np.float32), np.zeros((count, 5, 2)))
        return _join_faces([seen, alone])

    def _seen(self, image: Image, scales: list[float]) -> tuple[Faces, Image]:
        """What CenterFace sees at these scales, and the photo at the last of them (if that is one tile)."""
        found = []
        for scale in scales:
            for view in cut_tiles(image, scale):
                found.append(view.in_photo(view.whole(self._centerface.find(view.image, LOWEST_SCORE))))
        return _keep_best(_join_faces(found)), view.image

    def _cascaded(self, image: Image, view: Image, known: Boxes) -> Boxes:
        """Squares that P-Net proposes on the coarse levels of a view and R-Net agrees to, but those known."""
        scale = np.array([image.shape[1] / view.shape[1], image.shape[0] / view.shape[0]])
        picture = Pillow.fromarray(view)
        found, scores = [np.empty((0, 4))], [np.empty(0, np.float32)]
        level = PNET_SCALE
        while min(view.shape[:2]) * level >= PNET_CELL:
            rows, columns = int(view.shape[0] * level), int(view.shape[1] * level)
            small = np.asarray(picture.resize((columns, rows), Pillow.Resampling.BOX), np.float32)
            planes = np.ascontiguousarray(small.transpose(2, 0, 1))
            boxes, score = decode_cells(*self._networks.propose(planes), MIN_PNET_SCORE)
            found.append(boxes / level)
            scores.append(score)
            level *= PYRAMID_STEP
        boxes = np.concatenate(found)
        boxes = boxes[order_best_first(np.concatenate(scores))]
        boxes = square_boxes(boxes[suppress_overlaps(boxes, 0.5)]) * np.tile(scale, 2)
        boxes = _drop_known(boxes, known)
        return _drop_known(refine_boxes(self._networks, image, boxes), known) if len(boxes) else boxes

    def _closer(self, image: Image, doubtful: Candidates) -> NDArray[np.bool_]:
        """Whether CenterFace takes each candidate for a face on an enlarged crop of it."""
        boxes = doubtful.refined.boxes
        side = np.maximum(boxes[:, 2:] - boxes[:, :2], 1).max(1, keepdims=True) * (
            CROP_SIDE / CROP_FACE_SIDE / 2
        )
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2
        crops = cut_patches(image, np.concatenate([middle - side, middle + side], 1), CROP_SIDE)
        verdicts = []
        for crop in crops.transpose(0, 2, 3, 1).astype(np.uint8):
            seen = self._centerface.find(brighten_image(crop), LIKELY_SCORE)
            off = np.abs((seen.boxes[:, :2] + seen.boxes[:, 2:]) / 2 - CROP_SIDE / 2).max(1)
            verdicts.append(bool((off < CROP_FACE_SIDE / 3).any()))
        return np.array(verdicts, np.bool_)

    def _turned(self, image: Image, upright: Candidates) -> tuple[Candidates, Faces]:
        """What is found in the photo turned by quarters, where it shows more that way, else what was given;
        and the faces in pixels of the photo."""
        view = reduce_photo(image, min(1.0, TURNED_VIEW_SIDE / max(image.shape[:2])))
        evidence = [self._evidence(np.ascontiguousarray(np.rot90(view, quarters))) for quarters in range(4)]
        best = int(np.argmax(evidence))
        if best and evidence[best] >= LIKELY_SCORE:
            found = self._found(np.ascontiguousarray(np.rot90(image, best)))
            if found.is_sure():
                return found, turn_faces_back(found.faces(), best, *image.shape[:2])
        return upright, upright.faces()

    def _evidence(self, view: Image) -> float:
        """How much in a small view looks like upright faces to both networks."""
        found = self._centerface.find(view, POSSIBLE_SCORE)
        if not len(found):
            return 0.0
        return float((found.scores * examine_candidates(self._networks, view, found).output).sum())


def turn_faces_back(faces: Faces, quarters: int, rows: int, columns: int) -> Faces:
    """Faces of ``np.rot90(image, quarters)`` in pixels of the image, which has these rows and columns."""
    points = np.concatenate([faces.boxes.reshape(-1, 2, 2), faces.points], 1)
    x, y = points[..., 0], points[..., 1]
    back = {1: (columns - 1 - y, x), 2: (columns - 1 - x, rows - 1 - y), 3: (y, rows - 1 - x)}[quarters]
    points = np.stack(back, -1)
    corners = np.sort(points[:, :2], axis=1)
    return Faces(corners.reshape(-1, 4), faces.scores, points[:, 2:])


def _drop_known(boxes: Boxes, known: Boxes) -> Boxes:
    """The boxes that are not about where a known one is."""
    if not len(boxes) or not len(known):
        return boxes
    is_new = measure_overlap(boxes, known).max(1) < 0.35
    return boxes[np.flatnonzero(is_new)]


def _keep_best(faces: Faces) -> Faces:
    """Best first, without those that overlap a better one."""
    faces = faces.take(order_best_first(faces.scores))
    return faces.take(suppress_overlaps(faces.boxes, SAME_FACE_OVERLAP))


def _join_faces(parts: list[Faces]) -> Faces:
    return Faces(
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.points for part in parts]),
    )

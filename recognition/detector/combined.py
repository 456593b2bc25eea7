"""``mtcnn``, the default: YuNet proposes, MTCNN's O-Net examines on the photo itself and gives boxes and landmarks.

Is it a face? There are two opinions on every place: YuNet's score, and O-Net's on several crops of it. The rule,
measured on the photos of bench/detection.py: what YuNet scores over 0.8 is a face, whatever O-Net says of profiles
and lowered faces; under that O-Net must agree, the more the lower the first score is; where they disagree, YuNet
looks again at an enlarged crop that is turned upright.

Each face is looked at the way it stands: wherever the overview, turned by a quarter, shows a sure face where none
stands upright, all of the photo is searched that way, too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recognition.detector.geometry import (
    NO_FACES,
    Boxes,
    Faces,
    apply_offsets,
    join_faces,
    make_detections,
    measure_overlap,
    square_boxes,
    turn_faces_back,
)
from recognition.detector.mtcnn import MtcnnNetworks, open_networks
from recognition.detector.resample import Planes, cut_patches
from recognition.detector.scout import Scout, scale_faces
from recognition.types import Detection, Image

Array = NDArray[np.float32]
SMALLEST_PHOTO = 12  # pixels
DIM_BRIGHTNESS = 60.0  # mean brightness of a patch under which it is brightened
ACCEPTED_SCORES = ((0.8, 0, 0), (0.7, 0.8, 0), (0.3, 0.9, 0), (0.7, 0.2, 0.5), (0, 0, 0.75))
"""Least scores of a face: YuNet's, O-Net's, and YuNet's on an enlarged crop."""
DOUBTFUL_SCORE, MAX_CROPS = (
    0.4,
    24,
)  # of either, from which a place is looked at again; so many of a photo at most
UPRIGHT_SCORE = 0.9  # O-Net's opinion of upright faces
TURNED_SCORE, CERTAIN_TURNED_SCORE = 0.6, 0.8  # YuNet's, of what makes a turned photo worth a search
SAME_FACE_SHARE, FACE_PART_SHARE = 0.4, 0.75  # shares of two boxes that make them one face
TAKEN_SHARE = 0.5  # share of a box that lies on a face that stands upright
MIRRORED_LANDMARKS = (1, 0, 2, 4, 3)  # which one each of the five is in a mirror
MIN_CLEAR_SCORE = 0.7  # under this opinion of O-Net a face shows too little of itself to be recognised


@dataclass(frozen=True, slots=True)
class Candidates:
    """Places that may be faces: as YuNet proposed them, and as O-Net sees them (``output``: its mean score over
    three crops)."""

    proposed: Faces
    refined: Faces
    output: Array

    def take(self, index: NDArray[np.generic]) -> Candidates:
        return Candidates(self.proposed.take(index), self.refined.take(index), self.output[index])

    def turn_back(self, quarters: int, rows: int, columns: int) -> Candidates:
        return Candidates(
            turn_faces_back(self.proposed, quarters, rows, columns),
            turn_faces_back(self.refined, quarters, rows, columns),
            self.output,
        )

    def accepted(self, closer: Array) -> NDArray[np.bool_]:
        """Which are faces; ``closer`` are YuNet's scores on enlarged crops, 0 where it has not looked."""
        opinions = np.stack([self.proposed.scores, self.output, closer], 1)
        reached = opinions[:, None] >= np.array(ACCEPTED_SCORES, np.float32)
        return np.asarray(reached.all(2).any(1), np.bool_)

    def measure_evidence(self) -> float:
        """How much looks like upright faces to both networks."""
        return float((self.proposed.scores * self.output).sum())

    def score(self) -> Array:
        """How sure both together are, 0 to 1: the doubts multiply."""
        together: Array = np.subtract(1, (1 - self.proposed.scores) * (1 - self.output), dtype=np.float32)
        return together

    def faces(self) -> Faces:
        """O-Net's box and landmarks where it agrees that this is a face, else YuNet's."""
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
    again, _, points = networks.output(brighten_patches(cut_patches(image, again_in, 48)))
    mean = (scores[:count] + scores[count:] + again) / 3
    return Candidates(proposed, Faces(once, mean, _place_points(points, again_in)), mean)


def settle_landmarks(networks: MtcnnNetworks, image: Image, found: Candidates) -> Candidates:
    """With O-Net's landmarks averaged with those on the mirror image of where it moves the box next.

    So they depend less on YuNet's box, and on what O-Net sees differently from the left and from the right.
    """
    if not len(found.output):
        return found
    squares = square_boxes(found.refined.boxes)
    _, offsets, _ = networks.output(brighten_patches(cut_patches(image, squares, 48)))
    squares = square_boxes(apply_offsets(squares, offsets))
    mirrored = np.ascontiguousarray(brighten_patches(cut_patches(image, squares, 48))[..., ::-1])
    _, _, points = networks.output(mirrored)
    points = points[:, MIRRORED_LANDMARKS]
    points[..., 0] = 1 - points[..., 0]
    settled = (found.refined.points + _place_points(points, squares)) / 2
    return replace(found, refined=replace(found.refined, points=settled))


def _place_points(points: Array, squares: Boxes) -> NDArray[np.float64]:
    """(n, 5, 2) points in patch sizes, in pixels of the photo."""
    size = (squares[:, 2:] - squares[:, :2] + 1)[:, None, :]
    placed: NDArray[np.float64] = points * size + squares[:, None, :2] - 1
    return placed


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
    again = _are_one_face(faces, faces)[np.ix_(order, order)]
    kept = np.zeros(len(order), np.bool_)
    for index in range(len(order)):
        kept[index] = not (again[index, :index] & kept[:index]).any()
    return order[kept]


def _are_one_face(some: Faces, others: Faces) -> NDArray[np.bool_]:
    """(len(some), len(others)): whether two boxes are about one face, or a part of it."""
    is_same = measure_overlap(some.boxes, others.boxes) > SAME_FACE_SHARE
    is_part = measure_overlap(some.boxes, others.boxes, of_smaller=True) > FACE_PART_SHARE
    return np.logical_or(is_same, is_part)


class CombinedMtcnn:
    """Safe to call from several threads."""

    name = "mtcnn"

    def __init__(self, threads: int | None = None) -> None:
        self._networks = open_networks(threads)
        self._scout = Scout(threads)

    def detect(self, image: Image) -> list[Detection]:
        """All faces in a uint8 RGB image (rows, columns, 3), left to right."""
        if min(image.shape[:2]) < SMALLEST_PHOTO:
            return []
        found, overview = self._search_photo(image)
        others = [
            self._search_photo(np.ascontiguousarray(np.rot90(image, quarters)))[0].turn_back(
                quarters, *image.shape[:2]
            )
            for quarters in self._list_turns_worth_search(image, overview, found)
        ]
        if others:
            found = _merge_turns([found, *others])
        return make_detections(image, found.faces(), found.output < MIN_CLEAR_SCORE)

    def _search_photo(self, image: Image) -> tuple[Candidates, Image]:
        """What both networks together take for faces in the photo as it is, and its overview."""
        survey = self._scout.survey_photo(image)
        candidates = examine_candidates(self._networks, image, survey.places)
        closer = np.zeros_like(candidates.output)
        accepted = candidates.accepted(closer)
        faces = candidates.faces()
        best = np.maximum(candidates.proposed.scores, candidates.output)
        is_new = ~_are_one_face(faces, faces.take(accepted)).any(1)
        doubtful = np.flatnonzero(~accepted & is_new & (best >= DOUBTFUL_SCORE))
        for index in doubtful[np.argsort(-best[doubtful], kind="stable")][:MAX_CROPS]:
            closer[index] = self._scout.look_closer(image, faces.boxes[index], faces.points[index])
        candidates = candidates.take(candidates.accepted(closer))
        found = candidates.take(find_distinct_faces(candidates.faces()))
        return settle_landmarks(self._networks, image, found), survey.overview

    def _list_turns_worth_search(self, image: Image, overview: Image, upright: Candidates) -> list[int]:
        """The quarters by which the overview shows a sure face where none stands upright."""
        # O-Net alone takes faces that lie two thirds on their side for upright ones.
        is_sure = (upright.output >= UPRIGHT_SCORE) & (upright.proposed.scores >= TURNED_SCORE)
        taken = upright.faces().boxes[is_sure]
        turns = []
        for quarters in (1, 2, 3):
            view = np.ascontiguousarray(np.rot90(overview, quarters))
            places = self._scout.look_straight(view)
            if not len(taken):
                places = join_faces([places, self._scout.look_askance(view)])
            places = places.take(places.scores >= TURNED_SCORE)
            back = turn_faces_back(places, quarters, *overview.shape[:2])
            boxes = scale_faces(back, overview.shape, image.shape).boxes
            is_taken = (measure_overlap(boxes, taken, of_smaller=True) > TAKEN_SHARE).any(1)
            new = examine_candidates(self._networks, view, places.take(~is_taken))
            if ((new.output >= UPRIGHT_SCORE) | (new.proposed.scores >= CERTAIN_TURNED_SCORE)).any():
                turns.append(quarters)
        return turns


def _merge_turns(turns: list[Candidates]) -> Candidates:
    """All that was found the way the photo shows most, and what surely stands another way."""
    best = max(turns, key=Candidates.measure_evidence)
    sure = [each if each is best else each.take(each.output >= UPRIGHT_SCORE) for each in turns]
    merged = Candidates(
        join_faces([each.proposed for each in sure]),
        join_faces([each.refined for each in sure]),
        np.concatenate([each.output for each in sure]),
    )
    return merged.take(find_distinct_faces(merged.faces()))

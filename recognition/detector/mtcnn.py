"""MTCNN's cascade exactly as the ``mtcnn`` package 1.0.0 runs it with its default settings.

Zhang et al., "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks", 2016:
P-Net proposes boxes on a pyramid of reduced images, R-Net and O-Net refine them on patches of the photo, and
O-Net adds the five landmarks. The three networks are opened from the package's weights as ONNX models.

``PlainMtcnn`` is that cascade in ONNX Runtime, nothing added; ``TensorflowMtcnn`` is the package itself,
which imports TensorFlow when it is made.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recognition.detector.geometry import (
    NO_FACES,
    Boxes,
    Faces,
    Scores,
    apply_offsets,
    make_detections,
    order_best_first,
    square_boxes,
    suppress_overlaps,
)
from recognition.detector.resample import Planes, cut_patches, resize_by_area
from recognition.runtime import Session, open_session
from recognition.types import Detection, Image
from recognition.weights import find_package_file, get_converted_model, require_package

_CONVERTER_VERSION = 3
_WEIGHTS_SHA256 = {
    "pnet": "ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5",
    "rnet": "cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee",
    "onet": "94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3",
}
_PATCH_BATCH = 32  # bounds the memory of a photo with very many candidates; more are no quicker
Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class MtcnnNetworks:
    """Runs P-Net on an image, R-Net and O-Net on patches (n, 3, size, size) of values 0 to 255."""

    _pnet: Session
    _rnet: Session
    _onet: Session

    def propose(self, planes: Planes) -> tuple[Array, Array]:
        """Scores (r, c) and offsets (r, c, 4) of the cells of one image (3, rows, columns)."""
        score, offset = self._pnet.run(["score", "offset"], {"image": planes[None]})
        return score[0], offset[0].transpose(1, 2, 0)

    def refine(self, patches: Planes) -> tuple[Array, Array]:
        """R-Net on patches of 24: scores (n,), offsets (n, 4)."""
        score, offset = _run_in_batches(self._rnet, ["score", "offset"], patches)
        return score, offset

    def output(self, patches: Planes) -> tuple[Array, Array, Array]:
        """O-Net on patches of 48: scores (n,), offsets (n, 4), points (n, 5, 2) in patch sizes."""
        score, offset, points = _run_in_batches(self._onet, ["score", "offset", "points"], patches)
        return score, offset, points.reshape(-1, 2, 5).transpose(0, 2, 1)


def _run_in_batches(net: Session, names: list[str], patches: Planes) -> list[Array]:
    starts = range(0, max(len(patches), 1), _PATCH_BATCH)
    parts = [net.run(names, {"image": patches[start : start + _PATCH_BATCH]}) for start in starts]
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


def open_networks(threads: int | None = None) -> MtcnnNetworks:
    """Raises WeightsMissing or WeightsCorrupt."""
    return MtcnnNetworks(
        *(open_session(_get_network_model(name), threads) for name in ("pnet", "rnet", "onet"))
    )


def _get_network_model(name: str) -> Path:
    source = find_package_file("mtcnn", "assets", "weights", f"{name}.lz4", sha256=_WEIGHTS_SHA256[name])

    def build(path: Path) -> None:
        import joblib
        import onnx

        from recognition.detector import graphs

        make: Callable[[Any], onnx.ModelProto] = getattr(graphs, name)
        path.write_bytes(make(joblib.load(source)).SerializeToString())

    return get_converted_model(f"mtcnn-{name}", build, key=f"{_WEIGHTS_SHA256[name]} {_CONVERTER_VERSION}")


PNET_CELL = 12  # pixels P-Net sees at once
PNET_STRIDE = 2
SMALLEST_FACE = 20
PYRAMID_STEP = 0.709  # from one level of the pyramid to the next
MIN_PNET_SCORE, MIN_RNET_SCORE, MIN_ONET_SCORE = 0.6, 0.7, 0.8  # lowest score each network lets through


def find_faces(networks: MtcnnNetworks, image: Image) -> Faces:
    """All faces the cascade finds, best first."""
    found = propose_boxes(networks, image)
    if len(found):
        found = refine_boxes(networks, image, found)
    return output_faces(networks, image, found) if len(found) else NO_FACES


def list_pyramid_scales(rows: int, columns: int) -> NDArray[np.float64]:
    shorter = min(rows, columns)
    count = round(-(np.log(shorter / PNET_CELL) / np.log(PYRAMID_STEP) + 1)) if shorter else 0
    return PNET_CELL / SMALLEST_FACE * PYRAMID_STEP ** np.arange(count)


def propose_boxes(networks: MtcnnNetworks, image: Image) -> Boxes:
    """Square boxes where P-Net sees a face at some level of the pyramid."""
    rows, columns = image.shape[:2]
    boxes, scores = [np.empty((0, 4))], [np.empty(0, np.float32)]
    for scale in list_pyramid_scales(rows, columns):
        planes = resize_by_area(image, int(rows * scale), int(columns * scale))
        level, level_scores = decode_cells(*networks.propose(planes), MIN_PNET_SCORE)
        order = order_best_first(level_scores)
        level, level_scores = level[order] / scale, level_scores[order]
        kept = suppress_overlaps(level, 0.5)
        boxes.append(level[kept])
        scores.append(level_scores[kept])
    every = np.concatenate(boxes)[order_best_first(np.concatenate(scores))]
    return square_boxes(every[suppress_overlaps(every, 0.7)])


def decode_cells(
    scores: NDArray[np.float32], offsets: NDArray[np.float32], lowest: float
) -> tuple[Boxes, Scores]:
    """The boxes of P-Net's cells over a score, in pixels of the level."""
    row, column = np.nonzero(scores > lowest)
    corner = np.stack([column, row], 1) * PNET_STRIDE + 1.0
    offset = offsets[row, column] * (PNET_CELL - 1)
    return np.concatenate([corner, corner + PNET_CELL - 1], 1) + offset, scores[row, column]


def refine_boxes(networks: MtcnnNetworks, image: Image, found: Boxes) -> Boxes:
    """R-Net's verdict on square boxes: those it takes for faces, moved, square again."""
    scores, offsets = networks.refine(cut_patches(image, found, 24))
    found = apply_offsets(found, offsets)
    found, scores = found[scores > MIN_RNET_SCORE], scores[scores > MIN_RNET_SCORE]
    found = found[order_best_first(scores)]
    return square_boxes(found[suppress_overlaps(found, 0.7)])


def output_faces(networks: MtcnnNetworks, image: Image, found: Boxes) -> Faces:
    """O-Net's verdict on square boxes: faces with landmarks, best first."""
    scores, offsets, points = networks.output(cut_patches(image, found, 48))
    size = (found[:, 2:] - found[:, :2] + 1)[:, None, :]
    faces = Faces(apply_offsets(found, offsets), scores, points * size + found[:, None, :2] - 1)
    faces = faces.take(scores > MIN_ONET_SCORE)
    faces = faces.take(order_best_first(faces.scores))
    return faces.take(suppress_overlaps(faces.boxes, 0.7, of_smaller=True))


class PlainMtcnn:
    """Finds what the ``mtcnn`` package finds. Safe to call from several threads."""

    name = "mtcnn-plain"

    def __init__(self, threads: int | None = None) -> None:
        self._networks = open_networks(threads)

    def detect(self, image: Image) -> list[Detection]:
        """All faces in a uint8 RGB image (rows, columns, 3), left to right."""
        return make_detections(image, find_faces(self._networks, image))


class TensorflowMtcnn:
    """The package on TensorFlow, one photo at a time. Boxes and landmarks are unrounded."""

    name = "mtcnn-tensorflow"

    def __init__(self, threads: int | None = None) -> None:
        require_package("mtcnn", "The detector mtcnn-tensorflow")
        require_package("tensorflow", "The detector mtcnn-tensorflow")
        import tensorflow as tf
        from mtcnn import MTCNN

        if threads:
            _limit_tensorflow_threads(tf, threads)
        self._package = MTCNN(device="GPU:0" if tf.config.list_physical_devices("GPU") else "CPU:0")
        self._lock = threading.Lock()

    def detect(self, image: Image) -> list[Detection]:
        """All faces in a uint8 RGB image (rows, columns, 3), left to right."""
        if not image.size:
            return []
        with self._lock:
            rows = np.asarray(self._package.detect_faces(image, output_type="numpy", box_format="xyxy"))
        if not len(rows):
            return make_detections(image, NO_FACES)
        points = rows[:, 6:16].reshape(-1, 2, 5).transpose(0, 2, 1)
        return make_detections(image, Faces(rows[:, 1:5], rows[:, 5].astype(np.float32), points))


def _limit_tensorflow_threads(tf: object, threads: int) -> None:
    """TensorFlow takes thread counts only before its first operation; later ones keep what it has."""
    threading_settings = tf.config.threading  # type: ignore[attr-defined] # untyped module
    try:
        threading_settings.set_intra_op_parallelism_threads(threads)
    except RuntimeError:
        return

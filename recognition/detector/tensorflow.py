"""``mtcnn-tensorflow``: the ``mtcnn`` package itself, which imports TensorFlow."""

from __future__ import annotations

import threading

import numpy as np

from recognition.types import Detection, Image
from recognition.weights import require_package

from .cascade import NONE, Faces
from .results import detections


class TensorflowMtcnn:
    """The package on TensorFlow, one photo at a time. Boxes and landmarks are unrounded."""

    name = "mtcnn-tensorflow"

    def __init__(self, threads: int | None = None) -> None:
        require_package("mtcnn", "The detector mtcnn-tensorflow")
        require_package("tensorflow", "The detector mtcnn-tensorflow")
        import tensorflow as tf
        from mtcnn import MTCNN

        if threads:
            _limit(tf, threads)
        self._package = MTCNN(device="GPU:0" if tf.config.list_physical_devices("GPU") else "CPU:0")
        self._lock = threading.Lock()

    def detect(self, image: Image) -> list[Detection]:
        """All faces in a uint8 RGB image (rows, columns, 3), left to right."""
        if not image.size:
            return []
        with self._lock:
            rows = np.asarray(self._package.detect_faces(image, output_type="numpy", box_format="xyxy"))
        if not len(rows):
            return detections(image, NONE)
        points = rows[:, 6:16].reshape(-1, 2, 5).transpose(0, 2, 1)
        return detections(image, Faces(rows[:, 1:5], rows[:, 5].astype(np.float32), points))


def _limit(tf: object, threads: int) -> None:
    """TensorFlow takes thread counts only before its first operation; later ones keep what it has."""
    threading_settings = tf.config.threading  # type: ignore[attr-defined] # untyped module
    try:
        threading_settings.set_intra_op_parallelism_threads(threads)
    except RuntimeError:
        return

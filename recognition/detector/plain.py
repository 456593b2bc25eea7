"""``mtcnn-plain``: the ``mtcnn`` package's cascade in ONNX Runtime, nothing added."""

from __future__ import annotations

from recognition.types import Detection, Image

from . import cascade
from .networks import open_networks
from .results import detections


class PlainMtcnn:
    """Finds what the ``mtcnn`` package finds. Safe to call from several threads."""

    name = "mtcnn-plain"

    def __init__(self, threads: int | None = None) -> None:
        self._networks = open_networks(threads)

    def detect(self, image: Image) -> list[Detection]:
        """All faces in a uint8 RGB image (rows, columns, 3), left to right."""
        return detections(image, cascade.find(self._networks, image))

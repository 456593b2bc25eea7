"""Detectors by name. Loading one opens its networks; importing this package loads nothing.

=====================  ==================================================================================
``mtcnn``              the default: MTCNN with a second opinion from CenterFace
``mtcnn-plain``        the ``mtcnn`` package's cascade, the same faces, in ONNX Runtime
``mtcnn-tensorflow``   the ``mtcnn`` package itself, on TensorFlow
=====================  ==================================================================================
"""

from __future__ import annotations

from recognition.types import Detector

NAMES = ("mtcnn", "mtcnn-plain", "mtcnn-tensorflow")


def load(name: str = "mtcnn", *, threads: int | None = None) -> Detector:
    """The detector of that name; ``threads`` bounds the processor threads of one call (None: one per core).

    Raises ValueError for an unknown name, WeightsMissing or WeightsCorrupt where its weights or packages are
    not as they should be.
    """
    if name in ("mtcnn", "mtcnn-plain"):
        from .plain import PlainMtcnn

        return PlainMtcnn(threads)
    if name == "mtcnn-tensorflow":
        from .tensorflow import TensorflowMtcnn

        return TensorflowMtcnn(threads)
    raise ValueError(f"There is no detector {name!r}; choose one of {', '.join(NAMES)}.")

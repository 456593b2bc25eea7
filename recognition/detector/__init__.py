"""Detectors by name. Loading one opens its networks; importing this package loads nothing.

=====================  ==================================================================================
``mtcnn``              the default: YuNet proposes faces, MTCNN's O-Net examines them
``mtcnn-plain``        the ``mtcnn`` package's cascade, the same faces, in ONNX Runtime
``mtcnn-tensorflow``   the ``mtcnn`` package itself, on TensorFlow
=====================  ==================================================================================
"""

from __future__ import annotations

import logging

from recognition.errors import WeightsCorrupt, WeightsMissing
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
    """YuNet with MTCNN; where YuNet's file is missing or damaged, MTCNN's cascade alone."""
    from recognition.detector.combined import CombinedMtcnn
    from recognition.detector.mtcnn import PlainMtcnn

    try:
        return CombinedMtcnn(threads)
    except (WeightsCorrupt, WeightsMissing) as error:
        plain = PlainMtcnn(threads)
        logging.getLogger(__name__).warning(
            "Faces are searched with MTCNN alone, which is slower, misses more and errs more: %s", error
        )
        return plain

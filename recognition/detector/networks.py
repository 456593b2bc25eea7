"""MTCNN's three networks, opened from the ``mtcnn`` package's weights as ONNX models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recognition.runtime import Session, session
from recognition.weights import converted, package_file

from .resample import Planes

_VERSION = 3
_SHA256 = {
    "pnet": "ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5",
    "rnet": "cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee",
    "onet": "94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3",
}
_BATCH = 256  # bounds the memory of a photo with very many candidates
Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Networks:
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
        score, offset = _in_batches(self._rnet, ["score", "offset"], patches)
        return score, offset

    def output(self, patches: Planes) -> tuple[Array, Array, Array]:
        """O-Net on patches of 48: scores (n,), offsets (n, 4), points (n, 5, 2) in patch sizes."""
        score, offset, points = _in_batches(self._onet, ["score", "offset", "points"], patches)
        return score, offset, points.reshape(-1, 2, 5).transpose(0, 2, 1)


def _in_batches(net: Session, names: list[str], patches: Planes) -> list[Array]:
    starts = range(0, max(len(patches), 1), _BATCH)
    parts = [net.run(names, {"image": patches[start : start + _BATCH]}) for start in starts]
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


def open_networks(threads: int | None = None) -> Networks:
    """Raises WeightsMissing or WeightsCorrupt."""
    return Networks(*(session(_model(name), threads) for name in ("pnet", "rnet", "onet")))


def _model(name: str) -> Path:
    source = package_file("mtcnn", "assets", "weights", f"{name}.lz4", sha256=_SHA256[name])

    def build(path: Path) -> None:
        import joblib
        import onnx

        from . import graphs

        make: Callable[[Any], onnx.ModelProto] = getattr(graphs, name)
        path.write_bytes(make(joblib.load(source)).SerializeToString())

    return converted(f"mtcnn-{name}", build, key=f"{_SHA256[name]} {_VERSION}")

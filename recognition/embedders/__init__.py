"""Embedders by name: faces in, unit float32 vectors out.

``available`` looks at files and installed packages only and imports no machine learning library, so that a
web process can ask. ``load`` is cheap too: the network itself is opened at the first face.
"""

from __future__ import annotations

from recognition.embedders import arcface, dlib
from recognition.types import Embedder, WeightsMissing

NAMES = ("dlib", "onnx")


def available(name: str, *, model: str = "") -> str | None:
    """None when the embedder can run here; otherwise a sentence saying what is missing and how to get it.

    ``model`` is that of ``load``.
    """
    if name == "dlib":
        return dlib.missing()
    if name == "onnx":
        return arcface.missing(model)
    return f"There is no embedder called {name}; choose one of {', '.join(NAMES)}."


def load(name: str, *, threads: int | None = None, model: str = "") -> Embedder:
    """The embedder of that name; raises WeightsMissing or WeightsCorrupt when it cannot run here.

    ``threads`` is the number of processor threads one call may use; None means one per core. ``model`` is
    the path of the model file for ``onnx``.
    """
    if reason := available(name, model=model):
        raise WeightsMissing(reason)
    if name == "onnx":
        return arcface.ArcFaceEmbedder(model, threads)
    return dlib.DlibEmbedder(threads)

"""Embedders by name: faces in, unit float32 vectors out.

``available`` looks at files and installed packages only and imports no machine learning library, so that a
web process can ask. ``load`` is cheap too: the network itself is opened at the first face. Only CLIP weights
that have a name and are not here yet are fetched by ``load``, in a process of their own.
"""

from __future__ import annotations

from recognition.embedders import arcface, clip, dlib
from recognition.types import Embedder, WeightsMissing

NAMES = ("dlib", "clip", "onnx")


def available(name: str, *, model: str = "", pretrained: str = "") -> str | None:
    """None when the embedder can run here; otherwise a sentence saying what is missing and how to get it.

    ``model`` and ``pretrained`` are those of ``load``.
    """
    if name == "dlib":
        return dlib.missing()
    if name == "clip":
        return clip.missing(model or clip.MODEL, pretrained or clip.PRETRAINED)
    if name == "onnx":
        return arcface.missing(model)
    return f"There is no embedder called {name}; choose one of {', '.join(NAMES)}."


def load(name: str, *, threads: int | None = None, model: str = "", pretrained: str = "") -> Embedder:
    """The embedder of that name; raises WeightsMissing or WeightsCorrupt when it cannot run here.

    ``threads`` is the number of processor threads one call may use; None means one per core. ``model`` is the
    path of the model file for ``onnx``, and open_clip's name of the architecture for ``clip``, whose
    ``pretrained`` is open_clip's name of the weights or the path of a checkpoint.
    """
    if reason := available(name, model=model, pretrained=pretrained):
        raise WeightsMissing(reason)
    if name == "clip":
        return clip.ClipEmbedder(model or clip.MODEL, pretrained or clip.PRETRAINED, threads)
    if name == "onnx":
        return arcface.ArcFaceEmbedder(model, threads)
    return dlib.DlibEmbedder(threads)

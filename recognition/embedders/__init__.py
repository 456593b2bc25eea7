"""Embedders by name: faces in, unit float32 vectors out.

``get_unavailable_reason`` looks at files and installed packages only and imports no machine learning library,
so that a web process can ask. ``load_embedder`` is cheap too: the network itself is opened at the first face.
Only CLIP weights that have a name and are not here yet are fetched by ``load_embedder``, in a process of
their own.
"""

from __future__ import annotations

from recognition.embedders.arcface import ArcFaceEmbedder, explain_missing_arcface
from recognition.embedders.clip import DEFAULT_MODEL, DEFAULT_PRETRAINED, ClipEmbedder, explain_missing_clip
from recognition.embedders.dlib import DlibEmbedder, explain_missing_dlib
from recognition.embedders.sface import SFaceEmbedder, explain_missing_sface
from recognition.errors import WeightsMissing
from recognition.types import Embedder

EMBEDDER_NAMES = ("sface", "dlib", "clip", "onnx")
DEFAULT_EMBEDDER = "sface"  # of a new site
FALLBACK_EMBEDDER = "dlib"  # of a new site where the default's file cannot be had


def get_unavailable_reason(name: str, *, model: str = "", pretrained: str = "") -> str | None:
    """None when the embedder can run here; otherwise a sentence saying what is missing and how to get it.

    ``model`` and ``pretrained`` are those of ``load_embedder``.
    """
    if name == "sface":
        return explain_missing_sface()
    if name == "dlib":
        return explain_missing_dlib()
    if name == "clip":
        return explain_missing_clip(model or DEFAULT_MODEL, pretrained or DEFAULT_PRETRAINED)
    if name == "onnx":
        return explain_missing_arcface(model)
    return f"There is no embedder called {name}; choose one of {', '.join(EMBEDDER_NAMES)}."


def load_embedder(
    name: str, *, threads: int | None = None, model: str = "", pretrained: str = ""
) -> Embedder:
    """The embedder of that name; raises WeightsMissing or WeightsCorrupt when it cannot run here.

    ``threads`` is the number of processor threads one call may use; None means one per core. ``model`` is the
    path of the model file for ``onnx``, and open_clip's name of the architecture for ``clip``, whose
    ``pretrained`` is open_clip's name of the weights or the path of a checkpoint.
    """
    if reason := get_unavailable_reason(name, model=model, pretrained=pretrained):
        raise WeightsMissing(reason)
    if name == "clip":
        return ClipEmbedder(model or DEFAULT_MODEL, pretrained or DEFAULT_PRETRAINED, threads)
    if name == "onnx":
        return ArcFaceEmbedder(model, threads)
    if name == "sface":
        return SFaceEmbedder(threads)
    return DlibEmbedder(threads)

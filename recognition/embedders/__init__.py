"""Embedders by name: faces in, unit float32 vectors out.

``available`` looks at files and installed packages only and imports no machine learning library, so that a
web process can ask. ``load`` is cheap too: the network itself is opened at the first face.
"""

from __future__ import annotations

from recognition.embedders import dlib
from recognition.types import Embedder, WeightsMissing

NAMES = ("dlib",)


def available(name: str) -> str | None:
    """None when the embedder can run here; otherwise a sentence saying what is missing and how to get it."""
    if name == "dlib":
        return dlib.missing()
    return f"There is no embedder called {name}; choose one of {', '.join(NAMES)}."


def load(name: str, *, threads: int | None = None) -> Embedder:
    """The embedder of that name; raises WeightsMissing when it cannot run here.

    ``threads`` is the number of processor threads one call may use; None means one per core.
    """
    if reason := available(name):
        raise WeightsMissing(reason)
    return dlib.DlibEmbedder(threads)

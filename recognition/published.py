"""The bounds each embedder is published with, apart from the embedders so that pages can show them; loads nothing."""

from __future__ import annotations

from recognition.types import Bounds, Combination

PUBLISHED_BOUNDS = {
    # docs/accuracy.md says from what
    "sface": Bounds(
        known=0.4225,
        unsure=0.36,
        margin=0.05,
        combination=Combination((0.7, 0.2, 0.1), 0.03, lone_factor=1.05),
    ),
    "dlib": Bounds(known=0.925, unsure=0.905, margin=0.015),
    # the original script's bound, not a measured one
    "clip": Bounds(known=0.8, unsure=0.75, margin=0.01),
    # from the similarities published for ArcFace models on LFW: measure your own gallery before relying on them
    "onnx": Bounds(known=0.45, unsure=0.35, margin=0.05),
}

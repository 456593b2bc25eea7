"""Builds of the index: asked for, run one at a time, made active by one write, tidied up after."""

from gallery.pipeline.builds.activate import NoEarlierBuild, roll_back
from gallery.pipeline.builds.ask import DEBOUNCE, gallery_changed, request_build
from gallery.pipeline.builds.run import run_build
from gallery.pipeline.builds.tidy import drop, tidy

__all__ = [
    "DEBOUNCE",
    "NoEarlierBuild",
    "drop",
    "gallery_changed",
    "request_build",
    "roll_back",
    "run_build",
    "tidy",
]

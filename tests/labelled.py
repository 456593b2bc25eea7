"""Labelled photos for tests on real faces, found through the environment variable FACESITE_TEST_FACES."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps

from recognition.types import Image


def folder() -> Path | None:
    """The folder of labelled photos, or None where there is none."""
    path = Path(os.environ.get("FACESITE_TEST_FACES") or "/nonexistent")
    return path if path.is_dir() else None


def photos(pattern: str) -> list[Path]:
    """The labelled photos matching a pattern, in order; empty without the folder."""
    base = folder()
    return sorted(base.glob(pattern)) if base else []


def photo(path: Path) -> Image:
    """A photo as upright RGB."""
    with Pillow.open(path) as opened:
        return np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))

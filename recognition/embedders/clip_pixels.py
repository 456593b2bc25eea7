"""Faces as CLIP's image tower takes them: open_clip's own transform for inference, in Pillow and numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from recognition.errors import WeightsMissing
from recognition.types import FaceCrop, Image

RESAMPLING_FILTERS = {"bicubic": Pillow.Resampling.BICUBIC, "bilinear": Pillow.Resampling.BILINEAR}
MAX_ASPECT_RATIO = 16  # a stripe is cut to sixteen times its shorter side, so that enlarging it stays cheap


@dataclass(frozen=True, slots=True)
class PixelRecipe:
    """What open_clip does to a picture for one set of weights; the defaults are its own."""

    side: int
    mean: tuple[float, ...] = (0.48145466, 0.4578275, 0.40821073)
    std: tuple[float, ...] = (0.26862954, 0.26130258, 0.27577711)
    interpolation: str = "bicubic"
    resize_mode: str = "shortest"  # or "squash"

    def __post_init__(self) -> None:
        if self.interpolation not in RESAMPLING_FILTERS or self.resize_mode not in ("shortest", "squash"):
            raise WeightsMissing(
                f"CLIP weights that want pictures resized by {self.interpolation}, {self.resize_mode}, are not "
                "supported; set FACESITE_CLIP_PRETRAINED to others."
            )

    def recipe(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("side", "mean", "std", "interpolation", "resize_mode")}

    def prepare(self, picture: Image) -> NDArray[np.float32]:
        """(3, side, side) float32 from a uint8 RGB picture of any size."""
        resized = self._resize(Pillow.fromarray(np.ascontiguousarray(picture)))
        values = np.asarray(resized, np.float32).transpose(2, 0, 1) / np.float32(255)
        mean, std = (np.asarray(each, np.float32).reshape(3, 1, 1) for each in (self.mean, self.std))
        return np.asarray((values - mean) / std, np.float32)

    def _resize(self, picture: Pillow.Image) -> Pillow.Image:
        how, side = RESAMPLING_FILTERS[self.interpolation], self.side
        if self.resize_mode == "squash":
            return picture.resize((side, side), how)
        width, height = picture.size
        short = min(width, height)
        size = (int(side * width / short), int(side * height / short))
        grown = picture if short == side else picture.resize(size, how)
        left, top = round((grown.width - side) / 2), round((grown.height - side) / 2)
        return grown.crop((left, top, left + side, top + side))


def cut_face(crop: FaceCrop) -> Image:
    """The part of the photo in the face's box and nothing more; at least one pixel."""
    height, width = crop.image.shape[:2]
    left, top, across, down = crop.box.clipped(width, height).as_ints()
    left, top = min(left, width - 1), min(top, height - 1)
    across, down = max(1, across), max(1, down)
    if across > MAX_ASPECT_RATIO * down:
        left, across = left + (across - MAX_ASPECT_RATIO * down) // 2, MAX_ASPECT_RATIO * down
    if down > MAX_ASPECT_RATIO * across:
        top, down = top + (down - MAX_ASPECT_RATIO * across) // 2, MAX_ASPECT_RATIO * across
    inside: Image = crop.image[top : top + down, left : left + across]
    return inside

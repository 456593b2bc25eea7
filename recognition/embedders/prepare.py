"""What is done to faces for every embedder: quarter turns until nearly upright, and light where it is dark.

Upright, lit faces pass as they are, and so do their vectors. dlib's landmark model starts from an upright shape, and
fits all faces that lie on their side alike; CLIP sees a picture as it lies. Within 45 degrees both do well.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from recognition.quality import get_dark_gain, measure_light, measure_roll
from recognition.types import Box, FaceCrop, Image

SURROUNDINGS = 1.0  # of the box, kept on every side of a face that is turned or brightened
PREPARATION = "quarter turns beyond 45 degrees, dark faces brightened"


def prepare_face(crop: FaceCrop) -> FaceCrop:
    """The face within 45 degrees of upright, and with light; the crop itself where it is so already."""
    quarters = round(measure_roll(crop.landmarks) / 90) % 4
    gain = get_dark_gain(*measure_light(crop.image, crop.landmarks))
    if not quarters and gain == 1:
        return crop
    crop = _cut_surroundings(crop)
    for _ in range(quarters):
        crop = _turn_left(crop)
    return replace(crop, image=_brighten(crop.image, gain))


def _cut_surroundings(crop: FaceCrop) -> FaceCrop:
    rows, columns = crop.image.shape[:2]
    left, top, across, down = crop.box.padded(SURROUNDINGS).clipped(columns, rows).as_ints()
    left, top = min(left, columns - 1), min(top, rows - 1)
    part = crop.image[top : top + max(down, 1), left : left + max(across, 1)]
    landmarks = (crop.landmarks - np.array([left, top])).astype(np.float32)
    return FaceCrop(part, crop.box.shifted(-left, -top), landmarks)


def _turn_left(crop: FaceCrop) -> FaceCrop:
    """A quarter against the clock. A landmark at a whole number is at the centre of a pixel, a box at its edges."""
    columns = crop.image.shape[1]
    x, y = crop.landmarks.T
    return FaceCrop(
        np.ascontiguousarray(np.rot90(crop.image)),
        Box(crop.box.top, columns - crop.box.right, crop.box.height, crop.box.width),
        np.stack([y, columns - 1 - x], axis=-1).astype(np.float32),
    )


def _brighten(image: Image, gain: float) -> Image:
    return image if gain == 1 else np.minimum(image * np.float32(gain), 255).astype(np.uint8)

"""How well a face can be recognised: size, sharpness, pose, light, measured on a small aligned chip.

The figures cost about a quarter of a millisecond a face. ``is_usable`` is meant to be conservative: it turns
false only where a name would be a guess. Pose comes from the landmarks alone, seen as a rigid head whose nose
tip stands 0.55 eye distances in front of the eyes; beyond about 60 degrees it only says "turned far".
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from recognition.types import Detection, Image, Landmarks, Quality

CHIP_SIDE = 64  # pixels, rows and columns of the chip the light and sharpness are measured on
EYES_APART = 26.0  # pixels between the eyes on the chip
EYES_DOWN = 24.0  # pixels from its top to the eyes
NOSE_DEPTH = 0.55  # eye distances

MIN_EYE_DISTANCE = 9.0  # pixels between the eyes
MAX_YAW = 62.0  # degrees
MIN_LUMINANCE, MAX_LUMINANCE = 0.06, 0.95  # mean luminance
CLIPPED_LUMINANCE, MAX_CLIPPED = 0.98, 0.6  # the share of a face that may be washed out
MIN_CONTRAST = 0.025  # standard deviation of luminance
MIN_SHARPNESS = 0.006
# A face without contrast is brightened below the first, too bright above the last, and in between still dark up to
# the second, which is over LIT_LUMINANCE: brightening did not help.
FLAT_UNLIT_LUMINANCE, FLAT_DARK_LUMINANCE, FLAT_BRIGHT_LUMINANCE = 0.35, 0.5, 0.65
# Of what can be brightened: below, a picture of 8 bits has but two or three grey levels.
MIN_BRIGHTENED_LUMINANCE = 0.009
MAX_DARK_SHARPNESS = 2.0  # of a dark face: more is noise, whatever it is brightened to
LIT_LUMINANCE = 0.4  # what a dark face is brightened to

REFERENCE_SIZE, REFERENCE_SHARP, REFERENCE_NOISE = 14.0, 0.03, 1.2
"""Least size and sharpness, and the sharpness that only noise has, of a good reference. A worse face may still be
recognised by good references, but poor pictures of different people are alike, so a poor reference lends its name
to every poor face."""


def measure_quality(image: Image, detection: Detection) -> Quality:
    """The quality of one face in the image it was found in.

    ``image`` is uint8 RGB (rows, columns, 3); the landmarks are in its pixels. ``sharpness`` is the variance
    of the chip's Laplacian over the variance of its luminance, so that dim light does not count as blur.
    """
    left, right, nose, *_mouth = detection.landmarks.astype(np.float64)
    apart = right - left
    distance = float(np.hypot(*apart))
    roll = measure_roll(detection.landmarks)
    yaw = _estimate_yaw(apart, nose - (left + right) / 2)
    chip = _cut_face_chip(image, detection.landmarks)
    contrast = float(chip.std())
    detail = chip[1:-1, :-2] + chip[1:-1, 2:] + chip[:-2, 1:-1] + chip[2:, 1:-1] - 4 * chip[1:-1, 1:-1]
    sharpness = float(detail.var()) / max(contrast**2, 1e-6)
    exposure = float(chip.mean())
    clipped = float((chip >= CLIPPED_LUMINANCE).mean())
    reason = _find_reason(_measure_size(detection.landmarks), sharpness, yaw, exposure, contrast, clipped)
    return Quality(distance, sharpness, yaw, roll, exposure, contrast, not reason, reason)


def measure_roll(landmarks: Landmarks) -> float:
    """Degrees clockwise by which the face is turned in the image, from eye to eye; 0 where they are one point."""
    across, down = (landmarks[1] - landmarks[0]).astype(np.float64)
    return math.degrees(math.atan2(down, across)) if across or down else 0.0


def measure_light(image: Image, landmarks: Landmarks) -> tuple[float, float]:
    """Exposure and contrast (mean and standard deviation of luminance, 0 to 1), as ``Quality`` has them.

    ``image`` is uint8 RGB (rows, columns, 3); the landmarks (5, 2) are in its pixels.
    """
    chip = _cut_face_chip(image, landmarks)
    return float(chip.mean()), float(chip.std())


def get_dark_gain(exposure: float, contrast: float) -> float:
    """What the pixels of a face are multiplied by before it is embedded: 1 where there is light enough."""
    is_dark = exposure < MIN_LUMINANCE or (contrast < MIN_CONTRAST and exposure < FLAT_UNLIT_LUMINANCE)
    return LIT_LUMINANCE / exposure if is_dark and exposure >= MIN_BRIGHTENED_LUMINANCE else 1.0


def _find_reason(
    size: float, sharpness: float, yaw: float, exposure: float, contrast: float, clipped: float
) -> str:
    """Why a face cannot be recognised, or an empty string."""
    if size < MIN_EYE_DISTANCE:
        return "small"
    gain = get_dark_gain(exposure, contrast)
    exposure, contrast = exposure * gain, contrast * gain
    is_flat = contrast < MIN_CONTRAST
    is_noise = gain > 1 and sharpness > MAX_DARK_SHARPNESS
    if exposure < MIN_LUMINANCE or is_noise or (is_flat and exposure < FLAT_DARK_LUMINANCE):
        return "dark"
    if exposure > MAX_LUMINANCE or clipped > MAX_CLIPPED or (is_flat and exposure > FLAT_BRIGHT_LUMINANCE):
        return "bright"
    if abs(yaw) > MAX_YAW:
        return "turned"
    return "blurred" if is_flat or sharpness < MIN_SHARPNESS else ""


def _estimate_yaw(apart: NDArray[np.float64], nose: NDArray[np.float64]) -> float:
    """Degrees; ``nose`` is measured from the middle of the eyes."""
    squared = float(apart @ apart)
    if squared == 0:
        return 90.0
    return math.degrees(math.atan(float(nose @ apart) / squared / NOSE_DEPTH))


def _measure_size(landmarks: Landmarks) -> float:
    """Pixels between the eyes, or what the face's height says of them where it is turned aside."""
    left, right, _nose, *mouth = landmarks.astype(np.float64)
    height = float(np.hypot(*((mouth[0] + mouth[1]) / 2 - (left + right) / 2)))
    return max(float(np.hypot(*(right - left))), height * 0.9)


def _cut_face_chip(image: Image, landmarks: Landmarks) -> NDArray[np.float32]:
    """(CHIP_SIDE, CHIP_SIDE) luminance, 0 to 1, of the face turned upright and brought to one size."""
    eyes = landmarks[:2].astype(np.float64)
    apart = eyes[1] - eyes[0]
    angle = math.atan2(apart[1], apart[0]) if apart.any() else 0.0
    scale = max(_measure_size(landmarks), 1.0) / EYES_APART  # image pixels per chip pixel
    step = max(1, int(scale))
    reach = CHIP_SIDE * scale
    centre = eyes.mean(0)
    rows, columns = image.shape[:2]
    top, bottom = (int(min(max(centre[1] + by, 0), rows)) for by in (-reach, reach))
    start, stop = (int(min(max(centre[0] + by, 0), columns)) for by in (-reach, reach))
    part = image[top:bottom:step, start:stop:step]
    if not part.size:
        return np.zeros((CHIP_SIDE, CHIP_SIDE), np.float32)
    grey = Pillow.fromarray(np.ascontiguousarray(part)).convert("L")
    along, across = math.cos(angle) * scale / step, math.sin(angle) * scale / step
    x0, y0 = (centre[0] - start) / step, (centre[1] - top) / step
    x0, y0 = x0 - along * CHIP_SIDE / 2 + across * EYES_DOWN, y0 - across * CHIP_SIDE / 2 - along * EYES_DOWN
    affine = (along, -across, x0, across, along, y0)
    chip = grey.transform((CHIP_SIDE, CHIP_SIDE), Pillow.Transform.AFFINE, affine, Pillow.Resampling.BILINEAR)
    return np.asarray(chip, np.float32) / 255

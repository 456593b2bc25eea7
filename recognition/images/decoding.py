"""Decoding at full or reduced scale: the decoder's own reduction where it has one, resampling where not."""

from __future__ import annotations

from PIL import Image as Pillow

from recognition.images.opening import Opened
from recognition.images.pixels import STRIP_PIXELS, flattener


def decode(opened: Opened, wanted: int | None, max_side: int | None) -> tuple[Pillow.Image, float, float]:
    """The decoded image, still as stored, and how many full pixels each of its pixels covers."""
    stored_width, stored_height = opened.image.size
    image, across, down = reduced(opened, wanted)
    longer = max(stored_width, stored_height)
    if not max_side or max(image.size) <= max_side:
        return image, across, down
    width, height = (max(1, round(side * max_side / longer)) for side in (stored_width, stored_height))
    frame = (0.0, 0.0, stored_width / across, stored_height / down)
    profile = image.info.get("icc_profile")
    image = flattener(image)(image).resize((width, height), Pillow.Resampling.LANCZOS, frame, 3.0)
    image.info = {"icc_profile": profile} if profile else {}
    return image, stored_width / width, stored_height / height


def reduced(opened: Opened, wanted: int | None) -> tuple[Pillow.Image, float, float]:
    """Decode, reduced by 1, 2, 4 or 8 so that the longer side keeps ``wanted`` pixels."""
    image = opened.image
    width, height = image.size
    factor = (
        1 if wanted is None else max((f for f in (2, 4, 8) if max(width, height) / f >= wanted), default=1)
    )
    is_done = factor > 1 and opened.info.kind == "JPEG" and _draft(image, width // factor, height // factor)
    image.load()
    if factor > 1 and not is_done:
        image = _averaged(image, factor)
    return image, float(factor), float(factor)


def _averaged(image: Pillow.Image, factor: int) -> Pillow.Image:
    """Blocks of factor x factor pixels as one, strip by strip: a flattened copy of the whole could be too large."""
    flatten = flattener(image)
    rows = max(factor, STRIP_PIXELS // image.width // factor * factor)
    mode = flatten(image.crop((0, 0, 1, 1))).mode
    result = Pillow.new(mode, (-(-image.width // factor), -(-image.height // factor)))
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        result.paste(flatten(strip).reduce(factor), (0, top // factor))
    profile = image.info.get("icc_profile")
    result.info = {"icc_profile": profile} if profile else {}
    return result


def _draft(image: Pillow.Image, width: int, height: int) -> bool:
    """Ask the JPEG decoder to work at the scale that gives at least this size; False if it cannot."""
    return image.draft(None, (max(1, width), max(1, height))) is not None

"""Parts of photos in full detail."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image as Pillow

from recognition.images.decoding import reduced
from recognition.images.limits import DEFAULT_LIMITS, Limits
from recognition.images.opening import ImageInfo, Source, open_image
from recognition.images.orientation import stored_box, upright_size
from recognition.images.photo import Region
from recognition.images.pixels import fill_upright, flattener
from recognition.images.reading import empty_pixels
from recognition.types import Box


def read_regions(
    source: Source, boxes: Sequence[Box], limits: Limits = DEFAULT_LIMITS, *, max_side: int | None = None
) -> list[Region]:
    """Cut boxes of the full upright photo out of it, in full detail, decoding the photo once.

    Boxes are widened to whole pixels and cut at the photo's edges. With ``max_side`` regions larger than that
    are reduced to it, and a JPEG is decoded at reduced scale where every region allows. Otherwise the cost is
    one full decode: 4 bytes of memory a pixel (5 for an orientation that is not upright in the larger
    regions), 400 MB for 100 megapixels. Raises ImageError, ImageTooLarge.
    """
    with open_image(source, limits) as opened:
        info = opened.info
        whole = [_whole_pixels(box, info) for box in boxes]
        factor = 1
        if max_side and whole:
            smallest = min(max(box.width, box.height) for box in whole)
            factor = max((f for f in (1, 2, 4, 8) if smallest / f >= max_side), default=1)
        stored = upright_size(info.width, info.height, info.orientation)
        wanted = max(1, math.ceil(max(stored) / factor)) if factor > 1 else None
        image, across, down = reduced(opened, wanted)
        return [_cut(image, box, info, across, down, max_side) for box in whole]


def read_region(
    source: Source, box: Box, limits: Limits = DEFAULT_LIMITS, *, max_side: int | None = None
) -> Region:
    """One region; see ``read_regions``, which decodes once for many."""
    return read_regions(source, [box], limits, max_side=max_side)[0]


def _whole_pixels(box: Box, info: ImageInfo) -> Box:
    inside = box.clipped(info.width, info.height)
    left, top = min(math.floor(inside.left), info.width - 1), min(math.floor(inside.top), info.height - 1)
    right, bottom = max(math.ceil(inside.right), left + 1), max(math.ceil(inside.bottom), top + 1)
    return Box(left, top, right - left, bottom - top)


def _cut(
    image: Pillow.Image, box: Box, info: ImageInfo, across: float, down: float, max_side: int | None
) -> Region:
    stored = stored_box(box, info.width, info.height, info.orientation)
    frame = (stored.left / across, stored.top / down, stored.right / across, stored.bottom / down)
    width, height = round(stored.width), round(stored.height)
    if max_side and max(width, height) > max_side:
        shrink = max_side / max(width, height)
        width, height = max(1, round(width * shrink)), max(1, round(height * shrink))
    if across == 1 and (width, height) == (stored.width, stored.height):
        part = image.crop(tuple(round(edge) for edge in frame))  # type: ignore[arg-type]  # four of them
    else:
        part = _resampled(image, frame, (width, height))
    pixels = empty_pixels(*upright_size(height, width, info.orientation))
    fill_upright(part, pixels, info.orientation)
    return Region(pixels, box)


def _resampled(
    image: Pillow.Image, frame: tuple[float, float, float, float], size: tuple[int, int]
) -> Pillow.Image:
    """Cut generously, flatten only that part, then resample exactly the frame."""
    left, top = max(0, math.floor(frame[0]) - 8), max(0, math.floor(frame[1]) - 8)
    right, bottom = min(image.width, math.ceil(frame[2]) + 8), min(image.height, math.ceil(frame[3]) + 8)
    part = image.crop((left, top, right, bottom))
    inner = (
        frame[0] - left,
        frame[1] - top,
        min(frame[2], image.width) - left,
        min(frame[3], image.height) - top,
    )
    resized = flattener(image)(part).resize(size, Pillow.Resampling.LANCZOS, inner, 3.0)
    profile = image.info.get("icc_profile")
    resized.info = {"icc_profile": profile} if profile else {}
    return resized

"""Photos as arrays: whole, reduced, or parts in full detail; and small copies for showing.

Decoding at a reduced scale uses the decoder's own reduction where it has one, and resampling where not.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image as Pillow

from recognition.images.limits import DEFAULT_LIMITS, Limits
from recognition.images.orientation import find_overhang, get_stored_box, get_upright_size, has_swapped_sides
from recognition.images.photo import Photo, Region
from recognition.images.pixels import STRIP_PIXELS, fill_upright, make_flattener
from recognition.images.source import ImageInfo, OpenedImage, Source, open_image
from recognition.types import Box, Image


def decode_image(
    opened: OpenedImage, wanted: int | None, max_side: int | None
) -> tuple[Pillow.Image, float, float]:
    """The decoded image, still as stored, and how many full pixels each of its pixels covers."""
    stored_width, stored_height = opened.image.size
    image, across, down = decode_reduced(opened, wanted)
    longer = max(stored_width, stored_height)
    if not max_side or max(image.size) <= max_side:
        return image, across, down
    width, height = (max(1, round(side * max_side / longer)) for side in (stored_width, stored_height))
    frame = (0.0, 0.0, stored_width / across, stored_height / down)
    profile = image.info.get("icc_profile")
    image = make_flattener(image)(image).resize((width, height), Pillow.Resampling.LANCZOS, frame, 3.0)
    image.info = {"icc_profile": profile} if profile else {}
    return image, stored_width / width, stored_height / height


def decode_reduced(opened: OpenedImage, wanted: int | None) -> tuple[Pillow.Image, float, float]:
    """Decode, reduced by 1, 2, 4 or 8 so that the longer side keeps ``wanted`` pixels."""
    image = opened.image
    width, height = image.size
    factor = (
        1 if wanted is None else max((f for f in (2, 4, 8) if max(width, height) / f >= wanted), default=1)
    )
    is_done = (
        factor > 1 and opened.info.kind == "JPEG" and _draft_jpeg(image, width // factor, height // factor)
    )
    image.load()
    if factor > 1 and not is_done:
        image = _average_blocks(image, factor)
    return image, float(factor), float(factor)


def _average_blocks(image: Pillow.Image, factor: int) -> Pillow.Image:
    """Blocks of factor x factor pixels as one, strip by strip: a flattened copy of the whole could be too large."""
    flatten = make_flattener(image)
    rows = max(factor, STRIP_PIXELS // image.width // factor * factor)
    mode = flatten(image.crop((0, 0, 1, 1))).mode
    result = Pillow.new(mode, (-(-image.width // factor), -(-image.height // factor)))
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        result.paste(flatten(strip).reduce(factor), (0, top // factor))
    profile = image.info.get("icc_profile")
    result.info = {"icc_profile": profile} if profile else {}
    return result


def _draft_jpeg(image: Pillow.Image, width: int, height: int) -> bool:
    """Ask the JPEG decoder to work at the scale that gives at least this size; False if it cannot."""
    return image.draft(None, (max(1, width), max(1, height))) is not None


Allocate = Callable[[int, int], Image]  # (height, width) -> uint8 (height, width, 3)


def probe_photo(source: Source, limits: Limits = DEFAULT_LIMITS) -> ImageInfo:
    """Check a photo and say what it is, without decoding it. Raises ImageError, ImageTooLarge."""
    with open_image(source, limits) as opened:
        return opened.info


def read_photo(
    source: Source,
    limits: Limits = DEFAULT_LIMITS,
    *,
    max_side: int | None = None,
    at_least: int | None = None,
    allocate: Allocate | None = None,
) -> Photo:
    """Decode a photo, upright and sRGB; the first frame where there are several.

    ``max_side``: resampled so that the longer side is at most this many pixels (never enlarged).
    ``at_least``: reduced by 2, 4 or 8 as long as the longer side keeps this many pixels; for JPEG the decoder
    itself works at that scale, at a fraction of the time and memory. Memory is about 7 bytes for each decoded
    pixel (4 in the decoder, 3 in the array). Raises ImageError, ImageTooLarge.
    """
    with open_image(source, limits) as opened:
        wanted = min((side for side in (max_side, at_least) if side), default=None)
        image, across, down = decode_image(opened, wanted, max_side)
        return _make_upright(image, opened, across, down, allocate or allocate_pixels)


def make_rendition(
    source: Source,
    max_side: int,
    limits: Limits = DEFAULT_LIMITS,
    *,
    form: str = "WEBP",
    quality: int = 82,
) -> bytes:
    """A smaller copy for showing: upright, sRGB, without any metadata.

    ``form`` is "WEBP", "JPEG" or "PNG". Raises ImageError, ImageTooLarge.
    """
    return encode_pixels(read_photo(source, limits, max_side=max_side).pixels, form=form, quality=quality)


def encode_pixels(pixels: Image, *, form: str = "WEBP", quality: int = 82) -> bytes:
    """An array (uint8 RGB) as a file without metadata."""
    if form not in ("WEBP", "JPEG", "PNG"):
        raise ValueError(f"no way to write {form}")
    file = io.BytesIO()
    subsampling = (
        0 if quality >= 95 else 2
    )  # of colour in JPEG; Pillow's usual 4:2:0 unless asked for the best
    Pillow.fromarray(pixels).save(file, form, quality=quality, method=2, subsampling=subsampling)
    return file.getvalue()


def shrink_pixels(pixels: Image, longest: int) -> Image:
    """Reduced (uint8 RGB) so that no side is longer; as it is where none is."""
    picture = Pillow.fromarray(np.ascontiguousarray(pixels))
    picture.thumbnail((longest, longest), Pillow.Resampling.LANCZOS, reducing_gap=None)
    return np.asarray(picture)


def allocate_pixels(height: int, width: int) -> Image:
    return np.empty((height, width, 3), np.uint8)


def _make_upright(
    image: Pillow.Image, opened: OpenedImage, across: float, down: float, allocate: Allocate
) -> Photo:
    info = opened.info
    turn = opened.turn
    width, height = get_upright_size(*image.size, turn)
    pixels = allocate(height, width)
    fill_upright(image, pixels, turn)
    full_width, full_height = get_upright_size(info.width, info.height, turn)
    beyond = image.size[0] * across - full_width, image.size[1] * down - full_height
    left, top = find_overhang(turn, *beyond)
    if has_swapped_sides(turn):
        across, down = down, across
    is_cut_off = bool(getattr(opened.image, "is_cut_off", False))
    return Photo(pixels, info, across, down, left, top, is_cut_off)


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
        whole = [_widen_to_pixels(box, info) for box in boxes]
        factor = 1
        if max_side and whole:
            smallest = min(max(box.width, box.height) for box in whole)
            factor = max((f for f in (1, 2, 4, 8) if smallest / f >= max_side), default=1)
        stored = get_upright_size(info.width, info.height, opened.turn)
        wanted = max(1, math.ceil(max(stored) / factor)) if factor > 1 else None
        image, across, down = decode_reduced(opened, wanted)
        return [_cut_region(image, box, opened, across, down, max_side) for box in whole]


def read_region(
    source: Source, box: Box, limits: Limits = DEFAULT_LIMITS, *, max_side: int | None = None
) -> Region:
    """One region; see ``read_regions``, which decodes once for many."""
    return read_regions(source, [box], limits, max_side=max_side)[0]


def _widen_to_pixels(box: Box, info: ImageInfo) -> Box:
    inside = box.clipped(info.width, info.height)
    left, top = min(math.floor(inside.left), info.width - 1), min(math.floor(inside.top), info.height - 1)
    right, bottom = max(math.ceil(inside.right), left + 1), max(math.ceil(inside.bottom), top + 1)
    return Box(left, top, right - left, bottom - top)


def _cut_region(
    image: Pillow.Image, box: Box, opened: OpenedImage, across: float, down: float, max_side: int | None
) -> Region:
    info, turn = opened.info, opened.turn
    stored = get_stored_box(box, info.width, info.height, turn)
    frame = (stored.left / across, stored.top / down, stored.right / across, stored.bottom / down)
    width, height = round(stored.width), round(stored.height)
    if max_side and max(width, height) > max_side:
        shrink = max_side / max(width, height)
        width, height = max(1, round(width * shrink)), max(1, round(height * shrink))
    if across == 1 and (width, height) == (stored.width, stored.height):
        part = image.crop(tuple(round(edge) for edge in frame))  # type: ignore[arg-type]  # four of them
    else:
        part = _resample_frame(image, frame, (width, height))
    pixels = allocate_pixels(*get_upright_size(height, width, turn))
    fill_upright(part, pixels, turn)
    return Region(pixels, box)


def _resample_frame(
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
    resized = make_flattener(image)(part).resize(size, Pillow.Resampling.LANCZOS, inner, 3.0)
    profile = image.info.get("icc_profile")
    resized.info = {"icc_profile": profile} if profile else {}
    return resized

"""Contact sheets: many small pictures on one, so that the odd one out is seen at a glance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from recognition.draw.annotation import DARK_COLOUR, STATE_COLOURS, Drawing, shorten_text
from recognition.draw.fonts import clean_text, find_font, list_font_files, load_font, replace_undrawable
from recognition.types import Image, State

TILE_SIDE, TEXT_SIZE, GAP = 128, 13, 8  # pixels
MIN_COLUMNS = 6


@dataclass(frozen=True, slots=True)
class Tile:
    picture: Image  # at most TILE_SIDE on either side
    text: str
    is_doubtful: bool = False


def make_tile(pixels: Image, text: str, *, is_doubtful: bool = False) -> Tile:
    """A tile of these pixels (uint8 RGB); a small picture is enlarged, so that it shows how little there is."""
    scale = TILE_SIDE / max(pixels.shape[:2])
    height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
    small = Pillow.fromarray(pixels).resize((width, height), Pillow.Resampling.BICUBIC, reducing_gap=3.0)
    return Tile(np.asarray(small), text, is_doubtful)


def draw_contact_sheet(tiles: Sequence[Tile]) -> Drawing:
    """The tiles in rows, each with its text below; doubtful ones come first and have a frame.

    Raises RecognitionError when no font is installed.
    """
    columns = max(MIN_COLUMNS, math.isqrt(len(tiles)))
    across, down = TILE_SIDE + GAP, TILE_SIDE + 2 * TEXT_SIZE + GAP
    rows = math.ceil(len(tiles) / columns)
    sheet = Pillow.new("RGB", (columns * across + GAP, rows * down + GAP), DARK_COLOUR)
    draw = ImageDraw.Draw(sheet)
    for place, tile in enumerate(sorted(tiles, key=lambda each: not each.is_doubtful)):
        left, top = GAP + place % columns * across, GAP + place // columns * down
        picture = Pillow.fromarray(tile.picture)
        inside = left + (TILE_SIDE - picture.width) // 2, top + (TILE_SIDE - picture.height) // 2
        sheet.paste(picture, inside)
        colour = STATE_COLOURS[State.UNSURE if tile.is_doubtful else State.UNKNOWN]
        if tile.is_doubtful:
            frame = (left - 3, top - 3, left + TILE_SIDE + 2, top + TILE_SIDE + 2)
            draw.rectangle(frame, outline=colour, width=3)
        text = clean_text(tile.text)
        font = find_font(text, TEXT_SIZE)
        text, font = (
            (text, font) if font else (replace_undrawable(text), load_font(list_font_files()[0], TEXT_SIZE))
        )
        draw.text((left, top + TILE_SIDE + 4), shorten_text(text, font, TILE_SIDE), font=font, fill=colour)
    return Drawing(sheet)

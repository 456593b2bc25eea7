"""Photos with boxes and names drawn on them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace

from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from recognition.draw.fonts import cleaned, drawable, font, font_files, font_for
from recognition.draw.lines import COLOURS, DARK, frame
from recognition.draw.placing import Place, place
from recognition.types import Box, Image, State

_TEXT_SHARE = 1 / 34  # of the picture's shorter side, unless that is too small or too large to read
_TEXT_SIZES = (13, 44)
_WIDEST_SHARE = 0.45  # of the picture's width; longer names end in an ellipsis
# How much of a name may lie on other names, and on faces; beyond, a number and a legend are clearer.
_ON_LABELS, _ON_FACES = 0.02, 0.25
_LONGEST = 300  # characters
_ORDER = {State.KNOWN: 0, State.UNSURE: 1, State.UNKNOWN: 2}


@dataclass(frozen=True, slots=True)
class Label:
    """What to draw on one face: its box in pixels of the given picture, and a line of text ("" for none)."""

    box: Box
    text: str = ""
    state: State = State.UNKNOWN


@dataclass(frozen=True, slots=True)
class Drawing:
    """The picture, and the numbers in it that stand for text (also printed below the photo)."""

    image: Pillow.Image
    legend: tuple[tuple[int, str], ...] = ()

    def encoded(self, form: str = "JPEG", quality: int = 90) -> bytes:
        file = io.BytesIO()
        self.image.save(file, form, quality=quality)
        return file.getvalue()


def annotate(pixels: Image, labels: Sequence[Label], width: int | None = None) -> Drawing:
    """Draw boxes and names on a copy of ``pixels`` (uint8, upright RGB), resized to ``width`` if given.

    Known faces get a whole line, unsure ones a dashed, unknown ones a dotted line. A name that no font has,
    or for which there is no room, becomes a number, explained in a legend below the photo. Raises
    RecognitionError when no font is installed.
    """
    picture = Pillow.fromarray(pixels)
    if width is not None and width != picture.width:
        scale = width / picture.width
        height = max(1, round(picture.height * scale))
        picture = picture.resize((width, height), Pillow.Resampling.LANCZOS, reducing_gap=3.0)
        labels = [replace(label, box=label.box.scaled(scale)) for label in labels]
    return _Annotator(picture, labels).drawing()


class _Annotator:
    """The state of one drawing: what is placed already and which numbers are given out."""

    def __init__(self, picture: Pillow.Image, labels: Sequence[Label]) -> None:
        self._picture = picture if picture.mode == "RGB" else picture.convert("RGB")
        self._labels = [replace(label, text=cleaned(label.text[:_LONGEST])) for label in labels]
        shorter = min(picture.size)
        self._size = round(min(max(shorter * _TEXT_SHARE, _TEXT_SIZES[0]), _TEXT_SIZES[1]))
        self._line = max(2, round(shorter / 320))
        self._placed: list[Box] = []
        self._legend: list[tuple[int, str]] = []

    def drawing(self) -> Drawing:
        draw = ImageDraw.Draw(self._picture)
        for label in sorted(self._labels, key=lambda one: -_ORDER[one.state]):
            frame(draw, label.box, label.state, self._line)
        waiting = []
        for label in sorted(self._labels, key=lambda one: (_ORDER[one.state], one.box.top, one.box.left)):
            if label.text and not self._write(draw, label):
                waiting.append(label)
        for number, label in enumerate(sorted(waiting, key=lambda one: (one.box.left, one.box.top)), start=1):
            self._number(draw, label, number)
        if not self._legend:
            return Drawing(self._picture)
        return Drawing(_with_legend(self._picture, self._legend, self._size), tuple(self._legend))

    def _write(self, draw: ImageDraw.ImageDraw, label: Label) -> bool:
        """Write the text itself; False when no font has it or there is no free place."""
        face = font_for(label.text, self._size)
        if face is None:
            return False
        text = shortened(label.text, face, self._picture.width * _WIDEST_SHARE)
        best = self._place(text, face, label)
        if best.on_labels > _ON_LABELS or best.on_faces > _ON_FACES or not self._holds(best.spot):
            return False
        self._plate(draw, best.spot, text, face, label.state)
        return True

    def _number(self, draw: ImageDraw.ImageDraw, label: Label, number: int) -> None:
        face = font(font_files()[0], self._size)
        spot = self._place(str(number), face, label).spot
        self._plate(draw, spot, str(number), face, label.state)
        self._legend.append((number, label.text))

    def _holds(self, spot: Box) -> bool:
        return spot.width <= self._picture.width and spot.height <= self._picture.height

    def _place(self, text: str, face: ImageFont.FreeTypeFont, label: Label) -> Place:
        size = (face.getlength(text) + self._size * 0.7, sum(face.getmetrics()) + 2)
        others = [other.box for other in self._labels]
        return place(size, label.box.padded(0.02), self._placed, others, self._picture.size)

    def _plate(
        self, draw: ImageDraw.ImageDraw, spot: Box, text: str, face: ImageFont.FreeTypeFont, state: State
    ) -> None:
        self._placed.append(spot)
        corners = (spot.left, spot.top, spot.right - 1, spot.bottom - 1)
        draw.rounded_rectangle(corners, radius=self._size // 5, fill=DARK, outline=COLOURS[state])
        draw.text((spot.left + self._size * 0.35, spot.top + 1), text, font=face, fill=(255, 255, 255))


def shortened(text: str, face: ImageFont.FreeTypeFont, widest: float) -> str:
    """``text``, cut with an ellipsis when it is wider than ``widest`` pixels."""
    if face.getlength(text) <= widest:
        return text
    fits, too_long = 0, len(text)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if face.getlength(text[:middle].rstrip() + "…") <= widest:
            fits = middle
        else:
            too_long = middle
    return text[:fits].rstrip() + "…"


def _with_legend(picture: Pillow.Image, legend: Sequence[tuple[int, str]], size: int) -> Pillow.Image:
    """The picture with a dark strip below it, the numbers explained in as many columns as fit."""
    height, margin = round(size * 1.5), size // 2
    lines = []
    for number, text in legend:
        face = font_for(text, size)
        shown = text if face else drawable(text)
        face = face or font(font_files()[0], size)
        lines.append((shortened(f"{number}  {shown}", face, picture.width - 2 * margin), face))
    widest = max(face.getlength(text) for text, face in lines) + 2 * size
    columns = max(1, int((picture.width - margin) // widest))
    rows = -(-len(lines) // columns)
    sheet = Pillow.new("RGB", (picture.width, picture.height + rows * height + 2 * margin), DARK)
    sheet.paste(picture)
    draw = ImageDraw.Draw(sheet)
    for place_number, (text, face) in enumerate(lines):
        column, row = divmod(place_number, rows)
        at = (margin + column * widest, picture.height + margin + row * height)
        draw.text(at, text, font=face, fill=(255, 255, 255))
    return sheet

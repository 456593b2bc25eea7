"""Photos with boxes and names drawn on them.

A frame is a bright line on a dark one, which shows on any background; its pattern tells the state. A label
goes beside its face, inside the picture, off other labels and faces where there is room.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from recognition.draw.fonts import clean_text, find_font, list_font_files, load_font, replace_undrawable
from recognition.types import Box, Image, State


@dataclass(frozen=True, slots=True)
class LabelPlace:
    """Where a label may go, and how much of it (0 to 1) would lie on other labels and on faces."""

    spot: Box
    on_labels: float
    on_faces: float


def find_label_place(
    size: tuple[float, float],
    face: Box,
    taken: Sequence[Box],
    faces: Sequence[Box],
    picture: tuple[int, int],
) -> LabelPlace:
    """The best place for a label of ``size`` that belongs to ``face``."""
    area = max(size[0] * size[1], 1.0)
    best, best_cost = LabelPlace(face, 1.0, 1.0), float("inf")
    for rank, spot in enumerate(_list_spots(size, face, picture)):
        on_labels = sum(_measure_shared(spot, other) for other in taken) / area
        on_faces = sum(_measure_shared(spot, other) for other in faces) / area
        cost = 100 * on_labels + 3 * on_faces + 0.01 * rank
        if cost < best_cost:
            best, best_cost = LabelPlace(spot, on_labels, on_faces), cost
    return best


def _list_spots(size: tuple[float, float], face: Box, picture: tuple[int, int]) -> Iterator[Box]:
    width, height = size
    lefts = (face.left + (face.width - width) / 2, face.left, face.right - width)
    for top in (face.bottom, face.top - height):
        for left in lefts:
            yield _keep_inside(left, top, size, picture)
    for top in (face.top, face.top + (face.height - height) / 2, face.bottom - height):
        yield _keep_inside(face.right, top, size, picture)
        yield _keep_inside(face.left - width, top, size, picture)
    yield _keep_inside(lefts[0], face.bottom - height, size, picture)


def _keep_inside(left: float, top: float, size: tuple[float, float], picture: tuple[int, int]) -> Box:
    width, height = size
    left = max(0.0, min(left, picture[0] - width))
    top = max(0.0, min(top, picture[1] - height))
    return Box(left, top, width, height)


def _measure_shared(one: Box, other: Box) -> float:
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    return across * down if across > 0 and down > 0 else 0.0


Colour = tuple[int, int, int]

STATE_COLOURS: dict[State, Colour] = {
    State.KNOWN: (64, 220, 120),
    State.UNSURE: (255, 190, 40),
    State.UNKNOWN: (245, 245, 245),
}
DARK_COLOUR: Colour = (18, 18, 22)
# How long a dash and a gap are, in line widths; None is a whole line.
_DASH_PATTERNS: dict[State, tuple[float, float] | None] = {
    State.KNOWN: None,
    State.UNSURE: (6.0, 3.0),
    State.UNKNOWN: (1.0, 2.5),
}


def draw_frame(draw: ImageDraw.ImageDraw, box: Box, state: State, width: int) -> None:
    """Draw the box of a face: whole when known, dashed when unsure, dotted when unknown."""
    left, top, across, down = box.as_ints()
    right, bottom = left + max(across, 1) - 1, top + max(down, 1) - 1
    edge = max(1, width // 2)
    around = (left - edge, top - edge, right + edge, bottom + edge)
    draw.rectangle(around, outline=DARK_COLOUR, width=width + 2 * edge)
    pattern = _DASH_PATTERNS[state]
    if pattern is None:
        draw.rectangle((left, top, right, bottom), outline=STATE_COLOURS[state], width=width)
        return
    dash, gap = (max(1, round(part * width)) for part in pattern)
    for start, end in _split_dashes(right - left + 1, dash, gap):
        draw.rectangle((left + start, top, left + end, top + width - 1), fill=STATE_COLOURS[state])
        draw.rectangle((left + start, bottom - width + 1, left + end, bottom), fill=STATE_COLOURS[state])
    for start, end in _split_dashes(bottom - top + 1, dash, gap):
        draw.rectangle((left, top + start, left + width - 1, top + end), fill=STATE_COLOURS[state])
        draw.rectangle((right - width + 1, top + start, right, top + end), fill=STATE_COLOURS[state])


def _split_dashes(length: int, dash: int, gap: int) -> Iterator[tuple[int, int]]:
    for start in range(0, length, dash + gap):
        yield start, min(start + dash, length) - 1


_TEXT_SHARE = 1 / 34  # of the picture's shorter side, unless that is too small or too large to read
_TEXT_SIZES = (13, 44)
_WIDEST_SHARE = 0.45  # of the picture's width; longer names end in an ellipsis
# How much of a name may lie on other names, and on faces; beyond, a number and a legend are clearer.
_ON_LABELS, _ON_FACES = 0.02, 0.25
_MAX_TEXT = 300  # characters
_STATE_ORDER = {State.KNOWN: 0, State.UNSURE: 1, State.UNKNOWN: 2}


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


def annotate_photo(pixels: Image, labels: Sequence[Label], width: int | None = None) -> Drawing:
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
        self._labels = [replace(label, text=clean_text(label.text[:_MAX_TEXT])) for label in labels]
        shorter = min(picture.size)
        self._size = round(min(max(shorter * _TEXT_SHARE, _TEXT_SIZES[0]), _TEXT_SIZES[1]))
        self._line = max(2, round(shorter / 320))
        self._placed: list[Box] = []
        self._legend: list[tuple[int, str]] = []

    def drawing(self) -> Drawing:
        draw = ImageDraw.Draw(self._picture)
        for label in sorted(self._labels, key=lambda one: -_STATE_ORDER[one.state]):
            draw_frame(draw, label.box, label.state, self._line)
        waiting = []
        for label in sorted(
            self._labels, key=lambda one: (_STATE_ORDER[one.state], one.box.top, one.box.left)
        ):
            if label.text and not self._write(draw, label):
                waiting.append(label)
        for number, label in enumerate(sorted(waiting, key=lambda one: (one.box.left, one.box.top)), start=1):
            self._number(draw, label, number)
        if not self._legend:
            return Drawing(self._picture)
        return Drawing(_add_legend(self._picture, self._legend, self._size), tuple(self._legend))

    def _write(self, draw: ImageDraw.ImageDraw, label: Label) -> bool:
        """Write the text itself; False when no font has it or there is no free place."""
        face = find_font(label.text, self._size)
        if face is None:
            return False
        text = shorten_text(label.text, face, self._picture.width * _WIDEST_SHARE)
        best = self._place(text, face, label)
        if best.on_labels > _ON_LABELS or best.on_faces > _ON_FACES or not self._holds(best.spot):
            return False
        self._plate(draw, best.spot, text, face, label.state)
        return True

    def _number(self, draw: ImageDraw.ImageDraw, label: Label, number: int) -> None:
        face = load_font(list_font_files()[0], self._size)
        spot = self._place(str(number), face, label).spot
        self._plate(draw, spot, str(number), face, label.state)
        self._legend.append((number, label.text))

    def _holds(self, spot: Box) -> bool:
        return spot.width <= self._picture.width and spot.height <= self._picture.height

    def _place(self, text: str, face: ImageFont.FreeTypeFont, label: Label) -> LabelPlace:
        size = (face.getlength(text) + self._size * 0.7, sum(face.getmetrics()) + 2)
        others = [other.box for other in self._labels]
        return find_label_place(size, label.box.padded(0.02), self._placed, others, self._picture.size)

    def _plate(
        self, draw: ImageDraw.ImageDraw, spot: Box, text: str, face: ImageFont.FreeTypeFont, state: State
    ) -> None:
        self._placed.append(spot)
        corners = (spot.left, spot.top, spot.right - 1, spot.bottom - 1)
        draw.rounded_rectangle(
            corners, radius=self._size // 5, fill=DARK_COLOUR, outline=STATE_COLOURS[state]
        )
        draw.text((spot.left + self._size * 0.35, spot.top + 1), text, font=face, fill=(255, 255, 255))


def shorten_text(text: str, face: ImageFont.FreeTypeFont, widest: float) -> str:
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


def _add_legend(picture: Pillow.Image, legend: Sequence[tuple[int, str]], size: int) -> Pillow.Image:
    """The picture with a dark strip below it, the numbers explained in as many columns as fit."""
    height, margin = round(size * 1.5), size // 2
    lines = []
    for number, text in legend:
        face = find_font(text, size)
        shown = text if face else replace_undrawable(text)
        face = face or load_font(list_font_files()[0], size)
        lines.append((shorten_text(f"{number}  {shown}", face, picture.width - 2 * margin), face))
    widest = max(face.getlength(text) for text, face in lines) + 2 * size
    columns = max(1, int((picture.width - margin) // widest))
    rows = -(-len(lines) // columns)
    sheet = Pillow.new("RGB", (picture.width, picture.height + rows * height + 2 * margin), DARK_COLOUR)
    sheet.paste(picture)
    draw = ImageDraw.Draw(sheet)
    for place_number, (text, face) in enumerate(lines):
        column, row = divmod(place_number, rows)
        at = (margin + column * widest, picture.height + margin + row * height)
        draw.text(at, text, font=face, fill=(255, 255, 255))
    return sheet

"""Frames around faces: a bright line on a dark one shows on any background; its pattern tells the state."""

from __future__ import annotations

from collections.abc import Iterator

from PIL import ImageDraw

from recognition.types import Box, State

Colour = tuple[int, int, int]

COLOURS: dict[State, Colour] = {
    State.KNOWN: (64, 220, 120),
    State.UNSURE: (255, 190, 40),
    State.UNKNOWN: (245, 245, 245),
}
DARK: Colour = (18, 18, 22)
# How long a dash and a gap are, in line widths; None is a whole line.
_PATTERNS: dict[State, tuple[float, float] | None] = {
    State.KNOWN: None,
    State.UNSURE: (6.0, 3.0),
    State.UNKNOWN: (1.0, 2.5),
}


def frame(draw: ImageDraw.ImageDraw, box: Box, state: State, width: int) -> None:
    """Draw the box of a face: whole when known, dashed when unsure, dotted when unknown."""
    left, top, across, down = box.as_ints()
    right, bottom = left + max(across, 1) - 1, top + max(down, 1) - 1
    edge = max(1, width // 2)
    around = (left - edge, top - edge, right + edge, bottom + edge)
    draw.rectangle(around, outline=DARK, width=width + 2 * edge)
    pattern = _PATTERNS[state]
    if pattern is None:
        draw.rectangle((left, top, right, bottom), outline=COLOURS[state], width=width)
        return
    dash, gap = (max(1, round(part * width)) for part in pattern)
    for start, end in _pieces(right - left + 1, dash, gap):
        draw.rectangle((left + start, top, left + end, top + width - 1), fill=COLOURS[state])
        draw.rectangle((left + start, bottom - width + 1, left + end, bottom), fill=COLOURS[state])
    for start, end in _pieces(bottom - top + 1, dash, gap):
        draw.rectangle((left, top + start, left + width - 1, top + end), fill=COLOURS[state])
        draw.rectangle((right - width + 1, top + start, right, top + end), fill=COLOURS[state])


def _pieces(length: int, dash: int, gap: int) -> Iterator[tuple[int, int]]:
    for start in range(0, length, dash + gap):
        yield start, min(start + dash, length) - 1

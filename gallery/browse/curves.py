"""Shapes of figures over time, drawn as the other plots are: lines and bars with round ticks, no script."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gallery.browse.plots import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Line, Plot, Tick

TICKS = 4
LABELS = 6


def curve(lines: Sequence[tuple[str, Sequence[float]]], *, ends: tuple[str, str]) -> Plot:
    """Values in order, each line with its class in the style sheet; `ends` name the first and the last."""
    top, up = _up([value for _kind, values in lines for value in values])
    drawn = tuple(Line(kind, _path(_points(values, top))) for kind, values in lines if values)
    across = (Tick(LEFT + 50, ends[0]), Tick(WIDTH - RIGHT - 50, ends[1]))
    return Plot(drawn, (), across, up)


def bars(values: Sequence[float], labels: Sequence[str]) -> Plot:
    """A bar for each value, with some of the labels below."""
    top, up = _up(values)
    wide = (WIDTH - LEFT - RIGHT) / max(1, len(values))
    drawn = "".join(
        _bar(LEFT + place * wide, wide, _y(value, top)) for place, value in enumerate(values) if value
    )
    every = max(1, math.ceil(len(labels) / LABELS))
    across = tuple(
        Tick(round(LEFT + (place + 0.5) * wide, 1), labels[place]) for place in range(0, len(labels), every)
    )
    return Plot((Line("genuine", drawn),), (), across, up)


def _bar(left: float, wide: float, top: float) -> str:
    low, edge = HEIGHT - BOTTOM, wide * 0.1
    return f"M{left + edge:.1f} {low}V{top:g}H{left + wide - edge:.1f}V{low}Z"


def _up(values: Sequence[float]) -> tuple[float, tuple[Tick, ...]]:
    """The value at the top, and round ticks below it."""
    most = max(values, default=0) or 1
    rough = most / TICKS
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * times for times in (1, 2, 5, 10) if power * times >= rough)
    number = math.ceil(most / step)
    top = step * number
    ticks = (Tick(_y(step * place, top), f"{step * place:g}") for place in range(number + 1))
    return top, tuple(ticks)


def _y(value: float, top: float) -> float:
    return round(HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM), 1)


def _points(values: Sequence[float], top: float) -> list[tuple[float, float]]:
    apart = (WIDTH - LEFT - RIGHT) / max(1, len(values) - 1)
    return [(round(LEFT + place * apart, 1), _y(value, top)) for place, value in enumerate(values)]


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points)

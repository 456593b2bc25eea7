"""Shapes of charts in the units of their own drawing; templates only write them out as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from recognition.calibrate import Calibration, Histogram

CHART_WIDTH, CHART_HEIGHT = 640, 220
MARGIN_LEFT, MARGIN_RIGHT, MARGIN_TOP, MARGIN_BOTTOM = 44, 12, 14, 30
MAX_SCALE_TICKS = 6


@dataclass(frozen=True, slots=True)
class ChartTick:
    at: float
    label: str


@dataclass(frozen=True, slots=True)
class ChartLine:
    """A drawn line or area: its class in the style sheet, and the points of a path."""

    kind: str
    path: str


@dataclass(frozen=True, slots=True)
class Chart:
    lines: tuple[ChartLine, ...]
    marks: tuple[ChartTick, ...]  # upright lines, with the class as label
    across: tuple[ChartTick, ...]
    up: tuple[ChartTick, ...]

    view = f"0 0 {CHART_WIDTH} {CHART_HEIGHT}"
    left, right, top, bottom = (
        MARGIN_LEFT,
        CHART_WIDTH - MARGIN_RIGHT,
        MARGIN_TOP,
        CHART_HEIGHT - MARGIN_BOTTOM,
    )
    under = CHART_HEIGHT - MARGIN_BOTTOM + 18


@dataclass(frozen=True, slots=True)
class ChartScale:
    low: float
    high: float

    def x(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low or 1)
        return round(MARGIN_LEFT + min(1.0, max(0.0, share)) * (CHART_WIDTH - MARGIN_LEFT - MARGIN_RIGHT), 1)

    def ticks(self) -> tuple[ChartTick, ...]:
        step = next(
            s
            for s in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
            if (self.high - self.low) / s <= MAX_SCALE_TICKS
        )
        first = -(-self.low // step)
        values = [round((first + number) * step, 4) for number in range(MAX_SCALE_TICKS + 1)]
        return tuple(ChartTick(self.x(value), f"{value:g}") for value in values if value <= self.high)


def _place_value(value: float, top: float = 1.0) -> float:
    """The height of a value between 0 and `top`."""
    return round(CHART_HEIGHT - MARGIN_BOTTOM - value / top * (CHART_HEIGHT - MARGIN_TOP - MARGIN_BOTTOM), 1)


def draw_similarity_chart(found: Calibration) -> Chart:
    """How alike pictures of one person and of different people are, each as high as its highest bin."""
    both = [h for h in (found.impostor, found.genuine) if h.counts]
    ends = [h.start for h in both] + [h.start + h.width * len(h.counts) for h in both]
    scale = ChartScale(min(ends, default=0.0), max(ends, default=1.0))
    lines = [
        ChartLine(kind, _draw_area(histogram.coarser(64), scale))
        for kind, histogram in (("impostor", found.impostor), ("genuine", found.genuine))
        if histogram.counts
    ]
    return Chart(tuple(lines), _mark_bounds(found, scale), scale.ticks(), ())


def _draw_area(histogram: Histogram, scale: ChartScale) -> str:
    most = max(histogram.counts)
    points = [(scale.x(histogram.start), _place_value(0))]
    for place, number in enumerate(histogram.counts):
        for edge in (place, place + 1):
            points.append((scale.x(histogram.start + edge * histogram.width), _place_value(number / most)))
    points.append((scale.x(histogram.start + len(histogram.counts) * histogram.width), _place_value(0)))
    return _draw_path(points) + "Z"


def draw_bounds_chart(found: Calibration) -> Chart:
    """For each bound: the share of people who keep their name, and of strangers who are given one."""
    bounds = [point.bounds.known for point in found.curve]
    scale = ChartScale(min(bounds, default=0.0), max(bounds, default=1.0))
    kept = [(scale.x(p.bounds.known), _place_value(p.kept)) for p in found.curve if p.kept is not None]
    named = [(scale.x(p.bounds.known), _place_value(p.strangers_named)) for p in found.curve]
    lines = (ChartLine("kept", _draw_path(kept)), ChartLine("named", _draw_path(named)))
    up = tuple(ChartTick(_place_value(share / 100), f"{share} %") for share in (0, 25, 50, 75, 100))
    return Chart(lines, _mark_bounds(found, scale), scale.ticks(), up)


def _mark_bounds(found: Calibration, scale: ChartScale) -> tuple[ChartTick, ...]:
    return (
        ChartTick(scale.x(found.current.bounds.known), "current"),
        ChartTick(scale.x(found.suggestion.bounds.known), "suggested"),
    )


def _draw_path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points) if points else ""


VALUE_TICKS = 4
MAX_BAR_LABELS = 6


def draw_line_chart(lines: Sequence[tuple[str, Sequence[float]]], *, ends: tuple[str, str]) -> Chart:
    """Values in order, each line with its class in the style sheet; `ends` name the first and the last."""
    top, up = _scale_values([value for _kind, values in lines for value in values])
    drawn = tuple(ChartLine(kind, _draw_path(_place_points(values, top))) for kind, values in lines if values)
    across = (ChartTick(MARGIN_LEFT + 50, ends[0]), ChartTick(CHART_WIDTH - MARGIN_RIGHT - 50, ends[1]))
    return Chart(drawn, (), across, up)


def draw_bar_chart(values: Sequence[float], labels: Sequence[str]) -> Chart:
    """A bar for each value, with some of the labels below."""
    top, up = _scale_values(values)
    wide = (CHART_WIDTH - MARGIN_LEFT - MARGIN_RIGHT) / max(1, len(values))
    drawn = "".join(
        _draw_bar(MARGIN_LEFT + place * wide, wide, _place_value(value, top))
        for place, value in enumerate(values)
        if value
    )
    every = max(1, math.ceil(len(labels) / MAX_BAR_LABELS))
    across = tuple(
        ChartTick(round(MARGIN_LEFT + (place + 0.5) * wide, 1), labels[place])
        for place in range(0, len(labels), every)
    )
    return Chart((ChartLine("genuine", drawn),), (), across, up)


def _draw_bar(left: float, wide: float, top: float) -> str:
    low, edge = CHART_HEIGHT - MARGIN_BOTTOM, wide * 0.1
    return f"M{left + edge:.1f} {low}V{top:g}H{left + wide - edge:.1f}V{low}Z"


def _scale_values(values: Sequence[float]) -> tuple[float, tuple[ChartTick, ...]]:
    """The value at the top, and round ticks below it."""
    most = max(values, default=0) or 1
    rough = most / VALUE_TICKS
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * times for times in (1, 2, 5, 10) if power * times >= rough)
    number = math.ceil(most / step)
    top = step * number
    ticks = (ChartTick(_place_value(step * place, top), f"{step * place:g}") for place in range(number + 1))
    return top, tuple(ticks)


def _place_points(values: Sequence[float], top: float) -> list[tuple[float, float]]:
    apart = (CHART_WIDTH - MARGIN_LEFT - MARGIN_RIGHT) / max(1, len(values) - 1)
    return [
        (round(MARGIN_LEFT + place * apart, 1), _place_value(value, top))
        for place, value in enumerate(values)
    ]

"""Shapes for the plots of a calibration, in the units of their own drawing; templates only write them out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recognition.calibrate import Calibration, Histogram

WIDTH, HEIGHT = 640, 220
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 14, 30
TICKS = 6


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Line:
    """A drawn line or area: its class in the style sheet, and the points of a path."""

    kind: str
    path: str


@dataclass(frozen=True, slots=True)
class Plot:
    lines: tuple[Line, ...]
    marks: tuple[Tick, ...]  # upright lines, with the class as label
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]

    view = f"0 0 {WIDTH} {HEIGHT}"
    left, right, top, bottom = LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM
    under = HEIGHT - BOTTOM + 18


@dataclass(frozen=True, slots=True)
class Scale:
    low: float
    high: float

    def x(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low or 1)
        return round(LEFT + min(1.0, max(0.0, share)) * (WIDTH - LEFT - RIGHT), 1)

    def ticks(self) -> tuple[Tick, ...]:
        step = next(
            s for s in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if (self.high - self.low) / s <= TICKS
        )
        first = -(-self.low // step)
        values = [round((first + number) * step, 4) for number in range(TICKS + 1)]
        return tuple(Tick(self.x(value), f"{value:g}") for value in values if value <= self.high)


def _y(share: float) -> float:
    return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)


def likeness_plot(found: Calibration) -> Plot:
    """How alike pictures of one person and of different people are, each as high as its highest bin."""
    both = [h for h in (found.impostor, found.genuine) if h.counts]
    ends = [h.start for h in both] + [h.start + h.width * len(h.counts) for h in both]
    scale = Scale(min(ends, default=0.0), max(ends, default=1.0))
    lines = [
        Line(kind, _area(histogram.coarser(64), scale))
        for kind, histogram in (("impostor", found.impostor), ("genuine", found.genuine))
        if histogram.counts
    ]
    return Plot(tuple(lines), _marks(found, scale), scale.ticks(), ())


def _area(histogram: Histogram, scale: Scale) -> str:
    most = max(histogram.counts)
    points = [(scale.x(histogram.start), _y(0))]
    for place, number in enumerate(histogram.counts):
        for edge in (place, place + 1):
            points.append((scale.x(histogram.start + edge * histogram.width), _y(number / most)))
    points.append((scale.x(histogram.start + len(histogram.counts) * histogram.width), _y(0)))
    return _path(points) + "Z"


def bound_plot(found: Calibration) -> Plot:
    """For each bound: the share of people who keep their name, and of strangers who are given one."""
    bounds = [point.bounds.known for point in found.curve]
    scale = Scale(min(bounds, default=0.0), max(bounds, default=1.0))
    kept = [(scale.x(p.bounds.known), _y(p.kept)) for p in found.curve if p.kept is not None]
    named = [(scale.x(p.bounds.known), _y(p.strangers_named)) for p in found.curve]
    lines = (Line("kept", _path(kept)), Line("named", _path(named)))
    up = tuple(Tick(_y(share / 100), f"{share} %") for share in (0, 25, 50, 75, 100))
    return Plot(lines, _marks(found, scale), scale.ticks(), up)


def _marks(found: Calibration, scale: Scale) -> tuple[Tick, ...]:
    return (
        Tick(scale.x(found.current.bounds.known), "current"),
        Tick(scale.x(found.suggestion.bounds.known), "suggested"),
    )


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points) if points else ""

"""Measuring a gallery with itself: how alike its people are, what bounds to set, what a similarity means.

``calibrate`` does it all; ``Calibration`` is what it found; ``interpret_similarity`` reads a similarity by
the strangers counted. How the suggested bounds come about is in ``recognition.calibrate.bounds``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recognition.calibrate.bounds import (
    NO_PRIOR,
    Prior,
    PublishedFigures,
    count_paired_persons,
    get_published_figures,
    judge_bounds,
    suggest_bounds,
)
from recognition.calibrate.comparison import Comparison, Progress, compare_references
from recognition.calibrate.histogram import Histogram, Meaning, Tail, interpret_similarity
from recognition.calibrate.report import Calibration, FalseMatch, Suggestion, Verdict
from recognition.types import Bounds, Embeddings

__all__ = [
    "FALSE_MATCH_RATES",
    "FALSE_NAME_RATE",
    "Calibration",
    "Comparison",
    "FalseMatch",
    "Histogram",
    "Meaning",
    "Prior",
    "PublishedFigures",
    "Suggestion",
    "Tail",
    "Verdict",
    "calibrate",
    "compare_references",
    "get_published_figures",
    "interpret_similarity",
    "judge_bounds",
    "suggest_bounds",
    "summarise_comparison",
]

FALSE_NAME_RATE = 0.005
"""Of the strangers in photos, how many may get a name, unless the owner chooses otherwise."""

FALSE_MATCH_RATES = (0.01, 0.001, 0.0001)
CURVE_POINTS = 60


def calibrate(
    vectors: Embeddings,
    persons: NDArray[np.int64],
    defaults: Bounds,
    *,
    embedder_id: str,
    false_name_rate: float = FALSE_NAME_RATE,
    current: Bounds | None = None,
    prior: Prior = NO_PRIOR,
    progress: Progress = lambda done, total: None,
) -> Calibration:
    """Compare all references (unit ``vectors`` (n, dimension) of ``persons`` (n,)) and suggest bounds.

    ``defaults`` are the embedder's own bounds, ``current`` those in force (the published ones by default),
    ``prior`` the spread between strangers that goes with the published bounds, if known.
    Raises ``ValueError`` where shapes do not fit or the rate is out of range.
    """
    comparison = compare_references(vectors, persons, progress, defaults.combination)
    suggestion = suggest_bounds(comparison, defaults, false_name_rate, prior)
    found = summarise_comparison(comparison, suggestion, embedder_id, current or defaults)
    if current is not None and current.combination != defaults.combination:
        others = compare_references(vectors, persons, combination=current.combination)
        found = replace(found, current=judge_bounds(others, current))
    return found


def summarise_comparison(
    comparison: Comparison, suggestion: Suggestion, embedder_id: str, current: Bounds
) -> Calibration:
    """The report on a comparison and a suggestion already made, for trying several false-name rates."""
    return Calibration(
        embedder_id=embedder_id,
        persons=len(np.unique(comparison.persons)),
        references=len(comparison.persons),
        paired_persons=count_paired_persons(comparison),
        rank1=comparison.rank1,
        genuine=Histogram.of(comparison.genuine),
        impostor=Histogram.of(comparison.impostor),
        false_matches=tuple(_measure_false_match(comparison, rate) for rate in FALSE_MATCH_RATES),
        current=judge_bounds(comparison, current),
        suggested=judge_bounds(comparison, suggestion.bounds),
        suggestion=suggestion,
        curve=_trace_curve(comparison, suggestion.bounds.margin),
    )


def _measure_false_match(comparison: Comparison, rate: float) -> FalseMatch:
    """The similarity at this rate; not said from fewer than ten pairs above it."""
    impostor, genuine = Histogram.of(comparison.impostor), Histogram.of(comparison.genuine)
    pairs = impostor.total // 2  # each is counted in both directions
    similarity = impostor.similarity_at(rate) if pairs * rate >= 10 or rate >= 0.01 else None
    if similarity is None:
        return FalseMatch(rate, None, None)
    return FalseMatch(rate, similarity, genuine.rate_at(similarity) if genuine.total else None)


def _trace_curve(comparison: Comparison, margin: float) -> tuple[Verdict, ...]:
    scores = np.concatenate([comparison.first, comparison.own])
    scores = scores[~np.isnan(scores)]
    if not scores.size:
        return ()
    low, high = np.quantile(comparison.first, 0.1) if comparison.first.size else scores.min(), scores.max()
    steps = np.linspace(float(np.nan_to_num(low, nan=scores.min())), float(high), CURVE_POINTS)
    return tuple(judge_bounds(comparison, Bounds(float(k), float(k), margin)) for k in np.clip(steps, -1, 1))

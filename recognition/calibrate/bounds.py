"""From a comparison to bounds for a false-name rate, no bolder than the number of samples allows. Pure.

What is bounded is the share of strangers who would be given a name: of all references, each with its whole
person taken out of the gallery. Two ways, by how much there is:

* **Counting**, where the strangers amount to at least ``3 / rate`` independent ones: the loosest bounds
  whose rate, at the upper end of its 95 % confidence interval, is within the wish. Of several margins the
  one that keeps most right names wins.
* **A fitted tail**, where they are fewer, because then no hit at all proves little: the similarity of the
  nearest other person is taken as normal, and the bound is the limit that covers all but the wished share
  with 95 % confidence, which moves out as samples get fewer. The mean is the gallery's own; the spread, which
  few samples tell badly, is pooled with that of the published sets (``Prior``). The margin is credited with
  no more than what it surely stops of the nearer half. The published bounds may only become stricter, and are
  never such as these very strangers break.

Below ``LEAST_REFERENCES`` or ``LEAST_PERSONS`` neither is worth the name, and the published bounds stay.

The statistics are for small samples, and need no SciPy.

``get_published_figures`` says how alike strangers are to each embedder, on labelled sets;
``bench/accuracy.py`` measures it anew. dlib: 8,937 pairs of pictures of 45 people (LFW, press photos, six
group photos, a cast photo, two portraits), all known to be different people; 790 pairs of people. SFace: 7,750
pairs of pictures, 449 of people (LFW, press photos, six group photos). An owner's
own calibration replaces it. Of an embedder that is not here no meaning is told until its owner has calibrated
it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, inf, lgamma, log, log1p, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from recognition.calibrate.comparison import Comparison, Scores
from recognition.calibrate.histogram import Histogram, Tail
from recognition.calibrate.report import Suggestion, Verdict
from recognition.types import Bounds

CONFIDENCE_LEVEL = 0.95


def limit_rate_above(hits: int, tries: int, confidence: float = CONFIDENCE_LEVEL) -> float:
    """Clopper and Pearson's upper limit (1934) of a rate seen ``hits`` times in ``tries``; 1.0 without tries.

    With no hits this is the "rule of three": about 3 / tries.
    """
    if hits >= tries:
        return 1.0
    low, high = hits / tries, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _sum_binomial(hits, tries, middle) > 1 - confidence else (low, middle)
    return high


def _sum_binomial(hits: int, tries: int, rate: float) -> float:
    """P(X <= hits) of a binomial, summed in logarithms from the largest term down."""
    if rate <= 0:
        return 1.0
    if rate >= 1:
        return 0.0
    total = 0.0
    for k in range(hits, -1, -1):
        ways = lgamma(tries + 1) - lgamma(k + 1) - lgamma(tries - k + 1)
        term = exp(ways + k * log(rate) + (tries - k) * log1p(-rate))
        total += term
        if term < total * 1e-12:
            break
    return min(1.0, total)


def count_effective_values(values: NDArray[np.float64], groups: NDArray[np.int64]) -> float:
    """How many independent values these are worth, when those of one group (person) resemble each other.

    Kish's design effect with the intraclass correlation from a one-way analysis of variance (Kish 1965);
    between the number of groups (all values of a group equal) and the number of values (no likeness).
    """
    n = len(values)
    _, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    k = len(sizes)
    if k < 2 or n == k:
        return float(n if k >= 2 else min(n, 1))
    means = np.bincount(place, values) / sizes
    between = float((sizes * (means - values.mean()) ** 2).sum()) / (k - 1)
    within = float(((values - means[place]) ** 2).sum()) / (n - k)
    typical = (n - float((sizes**2).sum()) / n) / (k - 1)
    spread = between + (typical - 1) * within
    likeness = min(1.0, max(0.0, (between - within) / spread)) if spread > 0 else 1.0
    return n / (1 + (float((sizes**2).sum()) / n - 1) * likeness)


def get_tolerance_factor(share: float, n: float, confidence: float = CONFIDENCE_LEVEL) -> float:
    """Standard deviations above the mean that leave at most ``share`` of a normal population above, as known
    from ``n`` values with this confidence (one-sided tolerance limit, Natrella 1963); inf if n is too small.
    """
    above, sure = NormalDist().inv_cdf(1 - share), NormalDist().inv_cdf(confidence)
    if n <= 2:
        return inf
    a = 1 - sure**2 / (2 * (n - 1))
    b = above**2 - sure**2 / n
    if a <= 0:
        return inf
    return (above + sqrt(max(0.0, above**2 - a * b))) / a


LEAST_REFERENCES = 25
LEAST_PERSONS = 8  # with at least two references each
MARGIN_FACTORS = (0.5, 1.0, 1.5, 2.0)
"""Tried, as multiples of the published margin, where there is enough to count."""


@dataclass(frozen=True, slots=True)
class Prior:
    """How widely similarities to the nearest other person spread between strangers, from published sets."""

    spread: float
    strangers: float  # independent strangers it was measured on


NO_PRIOR = Prior(0.0, 0.0)

UNSURE_FACTOR, UNSURE_LIMIT = 10.0, 0.2
"""A face is worth a look where this many times the false-name rate, at most this share, of strangers get."""


def judge_bounds(comparison: Comparison, bounds: Bounds) -> Verdict:
    """What these bounds would do to the references compared."""
    named = _mark_named(comparison.first, comparison.second, bounds)
    paired = ~np.isnan(comparison.own)
    own, first = comparison.own[paired], comparison.first[paired]
    runner_up = np.fmax(own, comparison.second[paired])
    kept = wrong = None
    if own.size:
        kept = float(_mark_named(own, first, bounds).mean())
        wrong = float((_mark_named(first, runner_up, bounds) & (first > own)).mean())
    return Verdict(bounds, float(named.mean()) if named.size else 0.0, kept, wrong)


def _mark_named(similarity: Scores, runner_up: Scores, bounds: Bounds) -> NDArray[np.bool_]:
    """``recognition.decide.state`` for arrays; NaN means that there is nobody."""
    lead = np.where(np.isnan(runner_up), np.inf, similarity - np.nan_to_num(runner_up))
    named: NDArray[np.bool_] = (np.nan_to_num(similarity, nan=-2.0) >= bounds.known) & (lead >= bounds.margin)
    return named


def suggest_bounds(
    comparison: Comparison, published: Bounds, rate: float, prior: Prior = NO_PRIOR
) -> Suggestion:
    """Bounds at which at most ``rate`` (0 to 0.2) of strangers are given a name."""
    if not 0 < rate <= UNSURE_LIMIT:
        raise ValueError(f"a false-name rate of {rate} is not between 0 and {UNSURE_LIMIT}")
    lack = _explain_too_few(comparison)
    if lack:
        return Suggestion(rate, published, False, lack, 0.0)
    strangers = count_effective_values(comparison.first, comparison.persons)
    if strangers >= 3 / rate:
        bounds = max(
            (
                _count_bounds(comparison, published.margin * factor, rate, strangers)
                for factor in MARGIN_FACTORS
            ),
            key=lambda b: (judge_bounds(comparison, b).kept or 0.0, b.margin),
        )
        reason = f"Counted on references worth {strangers:.0f} independent strangers."
    else:
        passing = _limit_share_ahead(comparison, published.margin, strangers)
        estimate = _estimate_known_bound(comparison, min(0.5, rate / passing), strangers, prior)
        known = min(
            1.0, max(published.known, estimate, _find_reached_similarity(comparison, published.margin, rate))
        )
        bounds = replace(published, known=known, unsure=_find_unsure_bound(comparison, known, rate))
        reason = (
            f"The references are worth {strangers:.0f} independent strangers, and {3 / rate:.0f} are needed "
            "to count so low a rate: the bound is estimated, and never looser than the published one."
        )
    return Suggestion(
        rate,
        _round_bounds(replace(bounds, combination=published.combination)),
        True,
        reason,
        round(strangers, 1),
    )


def count_paired_persons(comparison: Comparison) -> int:
    """How many people have at least two references."""
    return len(np.unique(comparison.persons[~np.isnan(comparison.own)]))


def _explain_too_few(comparison: Comparison) -> str:
    paired, references = count_paired_persons(comparison), len(comparison.persons)
    if paired >= LEAST_PERSONS and references >= LEAST_REFERENCES:
        return ""
    return (
        f"Too few to calibrate on: {references} references and {paired} people with at least two of them; "
        f"{LEAST_REFERENCES} and {LEAST_PERSONS} are the least. The published bounds stay."
    )


def _count_bounds(comparison: Comparison, margin: float, rate: float, strangers: float) -> Bounds:
    """The loosest bounds with this margin whose rate is surely within the wish."""
    lead = comparison.first - comparison.second
    ahead = np.isnan(lead) | (lead >= margin)
    scores = np.sort(comparison.first[ahead])[::-1]
    tries, share = int(strangers), strangers / len(comparison.first)
    low, high = 0, len(scores)  # how many of the nearest strangers may get a name
    while low < high:
        middle = (low + high + 1) // 2
        sure = limit_rate_above(int(np.ceil(middle * share)), tries) <= rate
        low, high = (middle, high) if sure else (low, middle - 1)
    worth_a_look = _find_unsure_bound(comparison, 1.0, rate)
    known = float(np.nextafter(scores[low], 2)) if low < len(scores) else worth_a_look
    known = min(1.0, max(known, worth_a_look))  # a lead alone is not enough for a name
    return Bounds(known, min(known, worth_a_look), margin)


def _find_unsure_bound(comparison: Comparison, known: float, rate: float) -> float:
    share = min(UNSURE_FACTOR * rate, UNSURE_LIMIT)
    return min(known, float(np.quantile(comparison.first, 1 - share)))


def _find_reached_similarity(comparison: Comparison, margin: float, rate: float) -> float:
    """The least similarity that no more than the wished share of these very strangers reach, so far ahead."""
    lead = comparison.first - comparison.second
    scores = np.sort(comparison.first[np.isnan(lead) | (lead >= margin)])[::-1]
    allowed = int(rate * len(comparison.first))
    return float(np.nextafter(scores[allowed], 2)) if allowed < len(scores) else -1.0


def _limit_share_ahead(comparison: Comparison, margin: float, strangers: float) -> float:
    """The most, with 95 % confidence, of the strangers nearest to somebody who are also that much ahead."""
    near = comparison.first >= np.median(comparison.first)
    lead = comparison.first[near] - comparison.second[near]
    share = float((np.isnan(lead) | (lead >= margin)).mean())
    tries = int(strangers / 2)
    return limit_rate_above(int(np.ceil(share * tries)), tries)


def _estimate_known_bound(comparison: Comparison, rate: float, strangers: float, prior: Prior) -> float:
    """The similarity that all but this share of strangers surely stay below, if it is normally spread."""
    everything = strangers + prior.strangers
    own = float(comparison.first.var(ddof=1))
    spread = sqrt((strangers * own + prior.strangers * prior.spread**2) / everything)
    return float(comparison.first.mean()) + get_tolerance_factor(rate, everything) * spread


def _round_bounds(bounds: Bounds) -> Bounds:
    """To four places, the known bound upward: nobody reads more, and rounding must not loosen it."""
    known = min(1.0, float(np.ceil(bounds.known * 1e4)) / 1e4)
    return replace(
        bounds, known=known, unsure=min(known, round(bounds.unsure, 4)), margin=round(bounds.margin, 4)
    )


DLIB_IMPOSTOR_COUNTS = (
    1, 1, 0, 1, 2, 3, 4, 3, 3, 7, 2, 7, 2, 8, 14, 8, 11, 10, 9, 13,
    11, 19, 23, 32, 25, 27, 26, 40, 41, 48, 43, 55, 60, 58, 70, 80, 95, 88, 87, 98,
    116, 130, 121, 129, 135, 141, 158, 146, 132, 195, 163, 180, 195, 197, 196, 209, 201, 178, 219, 234,
    224, 226, 223, 222, 231, 244, 234, 226, 199, 194, 225, 208, 181, 181, 158, 147, 140, 143, 121, 120,
    103, 102, 78, 73, 56, 41, 37, 25, 17, 12, 11, 5, 7, 5, 2, 2, 1, 0, 3,
)  # fmt: skip

SFACE_IMPOSTOR_COUNTS = (
    1, 4, 2, 3, 1, 5, 3, 2, 3, 3, 11, 8, 11, 17, 10, 10, 23, 20, 24, 18,
    32, 42, 50, 54, 58, 61, 85, 71, 79, 92, 101, 107, 129, 125, 140, 148, 160, 152, 188, 208,
    200, 186, 210, 214, 210, 209, 206, 213, 263, 230, 208, 202, 213, 181, 188, 178, 178, 162, 145, 167,
    158, 126, 105, 103, 120, 92, 70, 81, 83, 71, 50, 60, 41, 47, 29, 31, 23, 17, 18, 12,
    15, 9, 12, 6, 8, 8, 6, 4, 1, 3, 3, 0, 1, 1, 1, 1,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PublishedFigures:
    """What is known of an embedder before its owner has measured anything."""

    tail: Tail | None
    prior: Prior


def get_published_figures(name: str) -> PublishedFigures:
    """By the embedder's name (``Embedder.name``), for the recipe it ships with."""
    if name == "dlib":
        # 40 people have 780 pairs: what the pairs known to be of different people amount to
        return PublishedFigures(
            Tail(Histogram(0.68175, 0.0025, DLIB_IMPOSTOR_COUNTS), 40), Prior(spread=0.0095, strangers=37.0)
        )
    if name == "sface":
        # 30 people have 435 pairs; the spread is that of lfw10 and celeb8 as one
        return PublishedFigures(
            Tail(Histogram(-0.16175, 0.006, SFACE_IMPOSTOR_COUNTS), 30), Prior(spread=0.045, strangers=35.0)
        )
    return PublishedFigures(None, NO_PRIOR)

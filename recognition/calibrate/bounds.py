"""From a comparison to bounds for a false-name rate, no bolder than the number of samples allows. Pure.

What is bounded is the share of strangers who would be given a name: of all references, each with its whole
person taken out of the gallery. Two ways, by how much there is:

* **Counting**, where the strangers amount to at least ``3 / rate`` independent ones: the loosest bounds
  whose rate, at the upper end of its 95 % confidence interval, is within the wish. Of several margins the
  one that keeps most right names wins.
* **A fitted tail**, where they are fewer, because then no hit at all proves little: the similarity of the
  nearest other person is taken as normal, and the bound is the limit that covers all but the wished share
  with 95 % confidence, which moves out as samples get fewer. The mean is the gallery's own; the spread, which
  few samples tell badly, is pooled with that of the published sets (``Prior``). The margin is credited with no
  more than what it surely stops of the nearer half. The published bounds may only become stricter, and are
  never such as these very strangers break.

Below ``LEAST_REFERENCES`` or ``LEAST_PERSONS`` neither is worth the name, and the published bounds stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from recognition.calibrate.comparison import Comparison, Scores
from recognition.calibrate.rates import effective_number, tolerance_factor, upper_rate
from recognition.calibrate.report import Suggestion, Verdict
from recognition.types import Bounds

LEAST_REFERENCES = 25
LEAST_PERSONS = 8  # with at least two references each
MARGINS = (0.5, 1.0, 1.5, 2.0)
"""Tried, as multiples of the published margin, where there is enough to count."""


@dataclass(frozen=True, slots=True)
class Prior:
    """How widely similarities to the nearest other person spread between strangers, from published sets."""

    spread: float
    strangers: float  # independent strangers it was measured on


NO_PRIOR = Prior(0.0, 0.0)

UNSURE_FACTOR, UNSURE_LIMIT = 10.0, 0.2
"""A face is worth a look where this many times the false-name rate, at most this share, of strangers get."""


def verdict(comparison: Comparison, bounds: Bounds) -> Verdict:
    """What these bounds would do to the references compared."""
    named = _named(comparison.first, comparison.second, bounds)
    paired = ~np.isnan(comparison.own)
    own, first = comparison.own[paired], comparison.first[paired]
    runner_up = np.fmax(own, comparison.second[paired])
    kept = wrong = None
    if own.size:
        kept = float(_named(own, first, bounds).mean())
        wrong = float((_named(first, runner_up, bounds) & (first > own)).mean())
    return Verdict(bounds, float(named.mean()) if named.size else 0.0, kept, wrong)


def _named(similarity: Scores, runner_up: Scores, bounds: Bounds) -> NDArray[np.bool_]:
    """``recognition.decide.state`` for arrays; NaN means that there is nobody."""
    lead = np.where(np.isnan(runner_up), np.inf, similarity - np.nan_to_num(runner_up))
    named: NDArray[np.bool_] = (np.nan_to_num(similarity, nan=-2.0) >= bounds.known) & (lead >= bounds.margin)
    return named


def suggest(comparison: Comparison, published: Bounds, rate: float, prior: Prior = NO_PRIOR) -> Suggestion:
    """Bounds at which at most ``rate`` (0 to 0.2) of strangers are given a name."""
    if not 0 < rate <= UNSURE_LIMIT:
        raise ValueError(f"a false-name rate of {rate} is not between 0 and {UNSURE_LIMIT}")
    lack = _lack(comparison)
    if lack:
        return Suggestion(rate, published, False, lack, 0.0)
    strangers = effective_number(comparison.first, comparison.persons)
    if strangers >= 3 / rate:
        bounds = max(
            (_counted(comparison, published.margin * factor, rate, strangers) for factor in MARGINS),
            key=lambda b: (verdict(comparison, b).kept or 0.0, b.margin),
        )
        reason = f"Counted on references worth {strangers:.0f} independent strangers."
    else:
        passing = _surely_ahead(comparison, published.margin, strangers)
        estimate = _estimated(comparison, min(0.5, rate / passing), strangers, prior)
        known = min(1.0, max(published.known, estimate, _seen(comparison, published.margin, rate)))
        bounds = Bounds(known, _unsure(comparison, known, rate), published.margin)
        reason = (
            f"The references are worth {strangers:.0f} independent strangers, and {3 / rate:.0f} are needed "
            "to count so low a rate: the bound is estimated, and never looser than the published one."
        )
    return Suggestion(rate, _rounded(bounds), True, reason, round(strangers, 1))


def paired_persons(comparison: Comparison) -> int:
    """How many people have at least two references."""
    return len(np.unique(comparison.persons[~np.isnan(comparison.own)]))


def _lack(comparison: Comparison) -> str:
    paired, references = paired_persons(comparison), len(comparison.persons)
    if paired >= LEAST_PERSONS and references >= LEAST_REFERENCES:
        return ""
    return (
        f"Too few to calibrate on: {references} references and {paired} people with at least two of them; "
        f"{LEAST_REFERENCES} and {LEAST_PERSONS} are the least. The published bounds stay."
    )


def _counted(comparison: Comparison, margin: float, rate: float, strangers: float) -> Bounds:
    """The loosest bounds with this margin whose rate is surely within the wish."""
    lead = comparison.first - comparison.second
    ahead = np.isnan(lead) | (lead >= margin)
    scores = np.sort(comparison.first[ahead])[::-1]
    tries, share = int(strangers), strangers / len(comparison.first)
    low, high = 0, len(scores)  # how many of the nearest strangers may get a name
    while low < high:
        middle = (low + high + 1) // 2
        sure = upper_rate(int(np.ceil(middle * share)), tries) <= rate
        low, high = (middle, high) if sure else (low, middle - 1)
    worth_a_look = _unsure(comparison, 1.0, rate)
    known = float(np.nextafter(scores[low], 2)) if low < len(scores) else worth_a_look
    known = min(1.0, max(known, worth_a_look))  # a lead alone is not enough for a name
    return Bounds(known, min(known, worth_a_look), margin)


def _unsure(comparison: Comparison, known: float, rate: float) -> float:
    share = min(UNSURE_FACTOR * rate, UNSURE_LIMIT)
    return min(known, float(np.quantile(comparison.first, 1 - share)))


def _seen(comparison: Comparison, margin: float, rate: float) -> float:
    """The least similarity that no more than the wished share of these very strangers reach, so far ahead."""
    lead = comparison.first - comparison.second
    scores = np.sort(comparison.first[np.isnan(lead) | (lead >= margin)])[::-1]
    allowed = int(rate * len(comparison.first))
    return float(np.nextafter(scores[allowed], 2)) if allowed < len(scores) else -1.0


def _surely_ahead(comparison: Comparison, margin: float, strangers: float) -> float:
    """The most, with 95 % confidence, of the strangers nearest to somebody who are also that much ahead."""
    near = comparison.first >= np.median(comparison.first)
    lead = comparison.first[near] - comparison.second[near]
    share = float((np.isnan(lead) | (lead >= margin)).mean())
    tries = int(strangers / 2)
    return upper_rate(int(np.ceil(share * tries)), tries)


def _estimated(comparison: Comparison, rate: float, strangers: float, prior: Prior) -> float:
    """The similarity that all but this share of strangers surely stay below, if it is normally spread."""
    everything = strangers + prior.strangers
    own = float(comparison.first.var(ddof=1))
    spread = sqrt((strangers * own + prior.strangers * prior.spread**2) / everything)
    return float(comparison.first.mean()) + tolerance_factor(rate, everything) * spread


def _rounded(bounds: Bounds) -> Bounds:
    """To four places, the known bound upward: nobody reads more, and rounding must not loosen it."""
    known = min(1.0, float(np.ceil(bounds.known * 1e4)) / 1e4)
    return Bounds(known, min(known, round(bounds.unsure, 4)), round(bounds.margin, 4))

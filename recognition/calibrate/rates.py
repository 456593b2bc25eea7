"""Small-sample statistics: how few strangers still say something, and how little. Pure, without SciPy."""

from __future__ import annotations

from math import exp, inf, lgamma, log, log1p, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95


def upper_rate(hits: int, tries: int, confidence: float = CONFIDENCE) -> float:
    """Clopper and Pearson's upper limit (1934) of a rate seen ``hits`` times in ``tries``; 1.0 without tries.

    With no hits this is the "rule of three": about 3 / tries.
    """
    if hits >= tries:
        return 1.0
    low, high = hits / tries, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(hits, tries, middle) > 1 - confidence else (low, middle)
    return high


def _at_most(hits: int, tries: int, rate: float) -> float:
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


def effective_number(values: NDArray[np.float64], groups: NDArray[np.int64]) -> float:
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


def tolerance_factor(share: float, n: float, confidence: float = CONFIDENCE) -> float:
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

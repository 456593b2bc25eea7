"""Which kind of index serves a gallery: one policy, in the order recall, memory, speed.

Three kinds are weighed, all built by AutoFaiss. ``Flat`` is exact search. ``IVFn,Flat`` keeps the same
vectors in n lists and searches only some of them; it is what AutoFaiss itself chooses when asked for an index
that can be mapped into memory. ``PCAm,IVFn,Flat`` keeps the m numbers of each vector that say most.

(The kinds AutoFaiss names for little memory do not serve: with this Faiss it fails to make those with OPQ, and
those with an HNSW quantizer found 72 % of the nearest at a million however far they searched; PCA64 finds 99.)

AutoFaiss's first choice otherwise, HNSW, is not weighed: at a million clustered vectors of 128 numbers it took
seven minutes to build, where ``IVF4096,Flat`` took one, and was no faster at the same recall. docs/index.md
has the figures.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

EXACT = "Flat"
RECALL = 0.99  # share of faces whose nearest reference must be the one exact search finds
RECALL_AIM = 0.993  # what search effort is tuned to, so that a sample's luck does not decide
FACES_PER_PHOTO = 10
EXACT_NUMBERS = 5_000_000  # vectors x dimension up to which exact search takes some 3 ms a photo
COMPRESSED_FROM = 1_000  # vectors needed to learn how to compress them


class Reason(StrEnum):
    """Why an index is of its kind."""

    SMALL = "small"  # exact search is fast enough that nothing else was tried
    FASTEST = "fastest"  # it answers a photo faster than the others that are accurate enough
    RECALL = "recall"  # exact: nothing faster was accurate enough
    MEMORY = "memory"  # exact search does not fit the memory budget; its recall says what that costs
    OVER_BUDGET = "over budget"  # it does not fit either, but nothing smaller could be built


@dataclass(frozen=True, slots=True)
class Measured:
    """One built index, as measured on this machine."""

    index_key: str
    index_param: str
    recall: float  # against exact search, on a sample
    milliseconds: float  # for ten faces as one batch
    bytes: int

    @property
    def is_exact(self) -> bool:
        return self.index_key == EXACT


@dataclass(frozen=True, slots=True)
class Choice:
    measured: Measured
    reason: Reason


def choose(candidates: Sequence[Measured], max_bytes: int) -> Choice:
    """The index to serve, of those measured.

    Of the candidates within the memory budget and with a recall of at least 0.99, the one that answers ten
    faces fastest. Where none is that accurate, memory has forced it, and the most accurate within the budget
    is taken. Where none fits, exact search, or the smallest there is, although it breaks the budget.
    """
    if not candidates:
        raise ValueError("there is nothing to choose from")
    fitting = [each for each in candidates if each.bytes <= max_bytes]
    accurate = [each for each in fitting if each.is_exact or each.recall >= RECALL]
    if accurate:
        best = min(accurate, key=lambda each: each.milliseconds)
    elif fitting:
        best = max(fitting, key=lambda each: each.recall)
    else:
        exact = [each for each in candidates if each.is_exact]
        return Choice(min(exact or candidates, key=lambda each: each.bytes), Reason.OVER_BUDGET)
    if not any(each.is_exact for each in fitting):
        return Choice(best, Reason.MEMORY)
    if len(candidates) == 1:
        return Choice(best, Reason.SMALL)
    return Choice(best, Reason.FASTEST if len(accurate) > 1 else Reason.RECALL)


def keys_to_try(count: int, dimension: int, max_bytes: int) -> list[str]:
    """The kinds worth building for so many vectors, so that ``choose`` has what it needs and no more.

    Only exact search where that is fast already; only a compressed index where exact search does not fit.
    """
    if exact_bytes(count, dimension) > max_bytes:
        return [_compressed_key(count, dimension, max_bytes) or EXACT]
    if count * dimension <= EXACT_NUMBERS:
        return [EXACT]
    lists = lists_for(count)
    fits = exact_bytes(count + lists, dimension) + 8 * count <= max_bytes
    return [EXACT, f"IVF{lists},Flat"] if fits else [EXACT]


def lists_for(count: int) -> int:
    """As many as AutoFaiss takes below a million: the power of two nearest to four square roots."""
    return 1 << max(4, round(math.log2(4 * math.sqrt(count))))


def _compressed_key(count: int, dimension: int, max_bytes: int) -> str | None:
    """The compressed kind that keeps as many numbers of each vector as fit; None where too few do."""
    lists = lists_for(count)
    fixed = 4 * dimension * (lists + dimension) + 100_000
    room = (0.98 * max_bytes - fixed) / count - 8  # bytes a vector, beside its row number
    kept = min(int(room / 4), dimension - 1) // 8 * 8
    return f"PCA{kept},IVF{lists},Flat" if kept >= 8 and count >= COMPRESSED_FROM else None


def exact_bytes(count: int, dimension: int) -> int:
    """Size of the file of an exact index."""
    return 4 * count * dimension + 64


def parse_memory(text: str | int) -> int:
    """Bytes from "4GB", "512M", "1.5 g" or a number; units are powers of 1024, as AutoFaiss counts them."""
    if isinstance(text, int):
        return text
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", text, re.IGNORECASE)
    if not found:
        raise ValueError(f"{text!r} is not an amount of memory; write it like 4GB or 512MB")
    power = "_KMGT".index(found[2].upper() or "_")
    return int(float(found[1]) * 1024**power)

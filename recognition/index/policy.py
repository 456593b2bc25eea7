"""Which kind of index serves a gallery: one policy, in the order recall, memory, speed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

EXACT = "Flat"
RECALL = 0.99  # share of faces whose nearest reference must be the one exact search finds
RECALL_AIM = 0.995  # what search effort is tuned to, so that a sample's luck does not decide
FACES_PER_PHOTO = 10
EXACT_NUMBERS = 16_000_000  # vectors x dimension up to which exact search takes some 10 ms a photo


class Reason(StrEnum):
    """Why an index is of its kind."""

    SMALL = "small"  # exact search is fast enough that nothing else was tried
    FASTEST = "fastest"  # it answers a photo faster than the others that are accurate enough
    RECALL = "recall"  # exact: nothing faster was accurate enough
    MEMORY = "memory"  # exact search does not fit the memory budget; some accuracy is lost
    OVER_BUDGET = "over budget"  # exact although it does not fit: nothing else could be built


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
        if not best.is_exact:
            return Choice(best, Reason.FASTEST)
        if len(candidates) == 1:
            return Choice(best, Reason.SMALL)
        return Choice(best, Reason.FASTEST if len(accurate) > 1 else Reason.RECALL)
    if fitting:
        return Choice(max(fitting, key=lambda each: each.recall), Reason.MEMORY)
    exact = [each for each in candidates if each.is_exact]
    return Choice(min(exact or candidates, key=lambda each: each.bytes), Reason.OVER_BUDGET)


def exact_bytes(count: int, dimension: int) -> int:
    return 4 * count * dimension


def parse_memory(text: str | int) -> int:
    """Bytes from "4GB", "512M", "1.5 g" or a number; units are powers of 1024, as AutoFaiss counts them."""
    if isinstance(text, int):
        return text
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", text, re.IGNORECASE)
    if not found:
        raise ValueError(f"{text!r} is not an amount of memory; write it like 4GB or 512MB")
    power = "_KMGT".index(found[2].upper() or "_")
    return int(float(found[1]) * 1024**power)

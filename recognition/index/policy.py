"""Which kind of index serves a gallery: one policy, in the order recall, memory, speed.

Four kinds are weighed:

``Flat``
    is exact search.
``PQmx4fs``
    keeps four bits for every two numbers of a vector, and the vectors in the part files decide among the nearest
    by those. It reads a sixteenth of what exact search reads.
``IVFn(PQmx4fs),SQ8``
    looks for the nearest people first, by their mean vectors, of which AutoFaiss builds the index, and then through
    those people's references (see ``factory``). It is built where the others take longer than would be noticed and
    people have several references.
AutoFaiss's own choice
    for so many vectors within the budgets, mostly ``HNSW32``, with the least search effort that is accurate. It is
    tried on some of the people first, and built whole only where the trial shows that it could be worth it: at a
    million wide-spread vectors it took 217 s to build and 33 ms a photo, where ``PQ64x4fs`` took 2 s and 7 ms.

(Of the other kinds AutoFaiss names, ``IVFn,Flat`` was faster than ``PQmx4fs`` where references lie close together
and several times slower where they do not, and took 30 s at a million. With this Faiss, AutoFaiss fails to make
those with OPQ, and those with an HNSW quantizer found 72 % of the nearest however far they searched.)
docs/index.md has the figures.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

EXACT_KEY = "Flat"
MIN_RECALL = 0.99  # share of faces whose nearest reference must be the one exact search finds
RECALL_AIM = 0.993  # what search effort is tuned to, so that a sample's luck does not decide
SECOND_AIM = 0.97  # likewise of the nearest reference of another person, which PQmx4fs finds for 97 to 99 %
FACES_PER_PHOTO = 10
EXACT_NUMBERS = 1_000_000  # vectors x dimension up to which exact search takes 1 to 3 milliseconds a photo
CHEAP_NUMBERS = 5_000_000  # up to which nothing replaces exact search that misses one of the sample's nearest
COMPRESSED_FROM = 1_000  # vectors needed to learn how to compress them
WORTH_GROUPING = 5.0  # milliseconds a photo from which people are looked for first
MIN_REFERENCES_EACH = 4  # that they must have on average
WORTH_BUILDING = 20.0  # milliseconds a photo that AutoFaiss's own choice must save, of some eighty
TRIAL_VECTORS = 20_000  # vectors it is tried on


class Reason(StrEnum):
    """Why an index is of its kind."""

    SMALL = "small"  # exact search is fast enough that nothing else was tried
    FASTEST = "fastest"  # it answers a photo faster than the others that are accurate enough
    RECALL = "recall"  # exact: nothing faster was accurate enough
    MEMORY = "memory"  # exact search does not fit the memory budget; its recall says what that costs
    OVER_BUDGET = "over budget"  # it does not fit either, but nothing smaller could be built
    AUTOFAISS = "autofaiss"  # not weighed: AutoFaiss chose it, as the owner wants
    NAMED = "named"  # not weighed: the owner named it
    SPARK = "spark"  # not weighed: there are so many that Spark built it
    MILVUS = "milvus"  # not weighed: Milvus keeps it
    TOO_FEW = "too few"  # exact: there are too few vectors to learn the kind that the owner named


@dataclass(frozen=True, slots=True)
class MeasuredIndex:
    """One built index, as measured on this machine."""

    index_key: str
    index_param: str
    recall: float  # against exact search, on a sample
    milliseconds: float  # for ten faces as one batch
    bytes: int
    is_effort_enough: bool = True  # the search effort, of kinds that have one, finds nearest and second

    @property
    def is_exact(self) -> bool:
        return self.index_key == EXACT_KEY


@dataclass(frozen=True, slots=True)
class Choice:
    measured: MeasuredIndex
    reason: Reason


def choose_index(candidates: Sequence[MeasuredIndex], max_bytes: int) -> Choice:
    """The index to serve, of those measured.

    Of the candidates within the memory budget, with effort enough and with a recall of at least 0.99 (1 in a small
    gallery, where exact search takes little time), the one that answers ten faces fastest. Where none is that
    accurate, memory has forced it, and the most accurate within the budget is taken. Where none fits, exact search,
    or the smallest, although it breaks the budget.
    """
    if not candidates:
        raise ValueError("there is nothing to choose from")
    fitting = [each for each in candidates if each.bytes <= max_bytes]
    is_cheap = any(each.is_exact and each.bytes <= estimate_exact_bytes(CHEAP_NUMBERS, 1) for each in fitting)
    least = 1.0 if is_cheap else MIN_RECALL
    accurate = [each for each in fitting if each.is_exact or (each.is_effort_enough and each.recall >= least)]
    if accurate:
        best = min(accurate, key=lambda each: each.milliseconds)
    elif fitting:
        best = max(fitting, key=lambda each: (each.is_effort_enough, each.recall))
    else:
        exact = [each for each in candidates if each.is_exact]
        return Choice(min(exact or candidates, key=lambda each: each.bytes), Reason.OVER_BUDGET)
    if not any(each.is_exact for each in fitting):
        return Choice(best, Reason.MEMORY)
    if len(candidates) == 1:
        return Choice(best, Reason.SMALL)
    return Choice(best, Reason.FASTEST if len(accurate) > 1 else Reason.RECALL)


def list_keys_to_try(count: int, dimension: int, max_bytes: int) -> list[str]:
    """The kinds to build for so many vectors before AutoFaiss's own choice is thought of.

    Only exact search where that is fast already; only a compressed index where exact search does not fit.
    """
    compressed = _find_compressed_key(count, dimension, max_bytes)
    if estimate_exact_bytes(count, dimension) > max_bytes:
        return [compressed or EXACT_KEY]
    if count * dimension <= EXACT_NUMBERS or compressed is None:
        return [EXACT_KEY]
    return [EXACT_KEY, compressed]


def find_key_by_person(
    count: int, people: int, dimension: int, max_bytes: int, best: MeasuredIndex
) -> str | None:
    """The kind that looks for people first, where it is worth building: ``best`` is the better of the others.

    Not where nothing may be missed: its effort is not meant for that.
    """
    key = _find_compressed_key(people, dimension, max_bytes)
    is_slow = best.milliseconds > WORTH_GROUPING and count * dimension > CHEAP_NUMBERS
    worth = is_slow and count >= MIN_REFERENCES_EACH * people
    size = count * (dimension + 8) + people * (dimension + 8)  # eight bits a number, a row number; lists
    return f"IVF{people}({key}),SQ8" if key and worth and size <= max_bytes else None


def could_save_time(best: MeasuredIndex) -> bool:
    """Whether there is enough to save that AutoFaiss's own choice is worth a trial."""
    return best.milliseconds > WORTH_BUILDING


def is_worth_building(trial_ms: float, tried: int, count: int, best: MeasuredIndex) -> bool:
    """Whether AutoFaiss's own choice, that answered a photo so fast on a part of the gallery, should be built whole.

    It must promise to save a time that is noticed, and half of it, since trials promise much and a graph of a million
    takes minutes to build: between 20,000 and a million vectors the time was seen to grow with powers of the
    gallery's size from 0.4 to 1.06.
    """
    expected: float = trial_ms * count / tried
    return expected <= min(best.milliseconds - WORTH_BUILDING, best.milliseconds / 2)


def _find_compressed_key(count: int, dimension: int, max_bytes: int) -> str | None:
    """The finest compressed kind that fits; None where none does or there is too little to learn from."""
    if count < COMPRESSED_FROM:
        return None
    for numbers in (2, 4, 8):  # that four bits stand for
        codes = dimension // numbers
        if dimension % numbers == 0 and estimate_compressed_bytes(count, dimension, codes) <= max_bytes:
            return f"PQ{codes}x4fs"
    return None


def estimate_compressed_bytes(count: int, dimension: int, codes: int) -> int:
    """Size of the file of a compressed index, at most: codes of four bits, and 16 centroids for each."""
    return (count + 32) * (codes + 1) // 2 + 4 * 16 * dimension + 1_000


def estimate_exact_bytes(count: int, dimension: int) -> int:
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

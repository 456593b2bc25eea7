"""An index whose lists are people: those whose mean vector is nearest are looked through, reference by reference.

A gallery is grouped already, so the long part of a search can be made over people, of whom there are several times
fewer than references. For Faiss it is an inverted file like any other. Nothing is learnt for its lists, which for so
many of them would take hours; AutoFaiss builds the index of the means, and references go to the list of their person.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import Embeddings, IndexUnusable
from .autofaiss import create
from .partfiles import PartFiles, put_aside

KEY = re.compile(r"IVF\d+\((.+)\),SQ8")  # as Faiss's factory names it; in brackets the index of the means
TRAINING = 20_000  # vectors that show how far their numbers reach


def create_by_person(
    directory: Path,
    parts: PartFiles,
    key: str,
    persons: NDArray[np.int64],
    left_out: NDArray[np.int64],
    on_rows: Callable[[int], None],
) -> Any:
    """An index of kind ``IVFn(PQmx4fs),SQ8`` of the part files, whose rows belong to ``persons`` (rows,).

    Rows ``left_out`` have no part in the means, so that they can stand for new faces when it is measured. ``on_rows``
    is told how many vectors are in the lists, and may raise to stop. Raises IndexUnusable where AutoFaiss reports a
    failure or Faiss cannot build it.
    """
    kind = KEY.fullmatch(key)
    if kind is None:
        raise ValueError(f"{key} is no index by person")
    lists = np.unique(persons, return_inverse=True)[1].astype(np.int64)
    try:
        vectors = means(parts, lists, left_out, lambda: on_rows(0))
        with put_aside(directory / "people", vectors) as of_people:
            quantizer = create(directory / "people", of_people, kind[1], lambda _: on_rows(0))
        return _filled(quantizer, len(vectors), parts, lists, on_rows)
    except (RuntimeError, MemoryError) as error:
        raise IndexUnusable(f"Faiss could not build a {key} index: {error}") from error


def _filled(
    quantizer: Any, people: int, parts: PartFiles, lists: NDArray[np.int64], on_rows: Callable[[int], None]
) -> Any:
    import faiss
    from faiss.contrib.ivf_tools import add_preassigned

    bits, metric = faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    index = faiss.IndexIVFScalarQuantizer(quantizer, parts.dimension, people, bits, metric, False)
    index.train(parts.take(np.linspace(0, len(parts) - 1, min(TRAINING, len(parts))).astype(np.int64)))
    for first, chunk in parts.chunks():
        rows = np.arange(first, first + len(chunk))
        vectors = np.ascontiguousarray(chunk)
        add_preassigned(index, vectors, lists[rows], rows)  # type: ignore[no-untyped-call]  # faiss.contrib has no types
        on_rows(first + len(chunk))
    return index


def means(
    parts: PartFiles, lists: NDArray[np.int64], left_out: NDArray[np.int64], on_chunk: Callable[[], None]
) -> Embeddings:
    """The mean vector (lists, dimension) of the rows of each list, but for those left out, unless these are all."""
    count = int(lists.max()) + 1
    weights = np.ones(len(lists), np.float32)
    weights[left_out] = 0
    weights[np.bincount(lists, weights, count)[lists] == 0] = 1
    found = np.zeros((count, parts.dimension), np.float32)
    for first, chunk in parts.chunks():
        on_chunk()
        here = slice(first, first + len(chunk))
        order = np.argsort(lists[here], kind="stable")
        starts = np.flatnonzero(np.diff(lists[here][order], prepend=-1))
        weighed = (chunk * weights[here, None])[order]
        found[lists[here][order[starts]]] += np.add.reduceat(weighed, starts, axis=0)
    found /= np.bincount(lists, weights, count).astype(np.float32)[:, None]
    return found

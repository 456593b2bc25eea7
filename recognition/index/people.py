"""An index whose lists are people: those whose mean vector is nearest are looked through, reference by reference.

A gallery is grouped already, so the long part of a search can be made over people, of whom there are several times
fewer than references. For Faiss it is an inverted file like any other. Nothing is learnt for its lists, which for so
many of them would take hours; AutoFaiss builds the index of the means, and references go to the list of their person.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import Embeddings
from .autofaiss import create
from .files import EMBEDDINGS
from .partfiles import PartFiles

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
    is told how many vectors were read, and may raise to stop. Raises IndexUnusable where AutoFaiss reports a failure.
    """
    import faiss
    from faiss.contrib.ivf_tools import add_preassigned

    _, lists = np.unique(persons, return_inverse=True)
    vectors = means(parts, lists, left_out)
    folder = directory / "people"
    (folder / EMBEDDINGS).mkdir(parents=True)
    np.save(folder / EMBEDDINGS / "img_emb_0.npy", vectors)
    of_means = create(folder, PartFiles.open(folder), key[key.index("(") + 1 : key.index(")")], on_rows)
    shutil.rmtree(folder)
    bits = faiss.ScalarQuantizer.QT_8bit
    index = faiss.IndexIVFScalarQuantizer(
        of_means, vectors.shape[1], len(vectors), bits, faiss.METRIC_INNER_PRODUCT, False
    )
    index.train(parts.take(np.linspace(0, len(parts) - 1, min(TRAINING, len(parts))).astype(np.int64)))
    for first, chunk in parts.chunks():
        rows = np.arange(first, first + len(chunk))
        here = lists[rows].astype(np.int64)
        add_preassigned(index, np.ascontiguousarray(chunk), here, rows)  # type: ignore[no-untyped-call]
        on_rows(first + len(chunk))
    return index


def means(parts: PartFiles, lists: NDArray[np.int64], left_out: NDArray[np.int64]) -> Embeddings:
    """The mean vector (lists, dimension) of the rows of each list, but for those left out, unless these are all."""
    count = int(lists.max()) + 1
    weights = np.ones(len(lists), np.float32)
    weights[left_out] = 0
    weights[np.bincount(lists, weights, count)[lists] == 0] = 1
    sums = np.zeros((count, parts.take(np.zeros(1, np.int64)).shape[1]), np.float32)
    for first, chunk in parts.chunks():
        here = slice(first, first + len(chunk))
        order = np.argsort(lists[here], kind="stable")
        starts = np.flatnonzero(np.diff(lists[here][order], prepend=-1))
        sums[lists[here][order[starts]]] += np.add.reduceat(
            (chunk * weights[here, None])[order], starts, axis=0
        )
    return np.asarray(sums / np.bincount(lists, weights, count)[:, None], np.float32)

"""The nearest neighbours of every vector among all of them: what gallery health and clusters are built on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recognition.types import Embeddings

EXACT_UP_TO = 30_000
"""More vectors than this are searched through an HNSW graph: 100,000 exactly would take minutes."""

HNSW_LINKS, HNSW_CONSTRUCTION, HNSW_SEARCH = 24, 80, 96
"""HNSW's M, efConstruction and efSearch (Malkov and Yashunin 2018): above 0.99 of the true neighbours here."""

QUERY_BATCH = 4096


def find_neighbours(
    vectors: Embeddings, k: int, watch: Callable[[float], None] = lambda share: None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Rows and cosines of each unit vector's ``k`` nearest others, nearest first.

    Both (n, k'), k' = min(k, n - 1); a place that holds nothing has row -1 and similarity -1. ``watch`` is told the
    share of the work that is done, and may raise to stop it.
    """
    total = len(vectors)
    k = min(k, total - 1)
    if k < 1:
        return np.empty((total, 0), np.int64), np.empty((total, 0), np.float32)
    index = _build_index(np.ascontiguousarray(vectors, np.float32), lambda share: watch(share / 2))
    rows = np.empty((total, k), np.int64)
    similarities = np.empty((total, k), np.float32)
    for start in range(0, total, QUERY_BATCH):
        watch(0.5 + 0.5 * start / total)
        end = min(start + QUERY_BATCH, total)
        found, near = index.search(np.ascontiguousarray(vectors[start:end], np.float32), k + 1)
        rows[start:end], similarities[start:end] = _drop_self(near, found, start, k)
    return rows, similarities


def _build_index(vectors: Embeddings, watch: Callable[[float], None]) -> Any:
    import faiss

    if len(vectors) <= EXACT_UP_TO:
        exact = faiss.IndexFlatIP(vectors.shape[1])
        exact.add(vectors)
        return exact
    graph = faiss.IndexHNSWFlat(vectors.shape[1], HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction, graph.hnsw.efSearch = HNSW_CONSTRUCTION, HNSW_SEARCH
    for start in range(0, len(vectors), QUERY_BATCH):
        watch(start / len(vectors))
        graph.add(vectors[start : start + QUERY_BATCH])
    return graph


def _drop_self(
    rows: NDArray[np.int64], similarities: NDArray[np.float32], start: int, k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Drop each vector itself; it may stand anywhere among its exact duplicates, or be missing."""
    own = rows == np.arange(start, start + len(rows))[:, None]
    order = np.argsort(own, axis=1, kind="stable")[:, :k]  # itself last
    rows = np.take_along_axis(rows, order, 1)
    return rows, np.where(rows < 0, np.float32(-1), np.take_along_axis(similarities, order, 1))

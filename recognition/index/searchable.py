"""What an engine of the index offers to whoever searches: the vectors of one build, whoever keeps them."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from recognition.types import Embeddings


class Hits(NamedTuple):
    """Per vector (rows) its nearest, best first: (n, k) ids, persons int64 and similarities float32.

    The id is -1 where there are no more.
    """

    ids: NDArray[np.int64]
    persons: NDArray[np.int64]
    similarities: NDArray[np.float32]


class StoredVectors(NamedTuple):
    """What is held of some ids, in their order: whether it is, persons int64 (n,), vectors float32 (n, dimension)."""

    is_known: NDArray[np.bool_]
    persons: NDArray[np.int64]
    vectors: Embeddings


class SearchableIndex(Protocol):
    """A build that is opened for searching. Safe to use from several threads.

    Faiss's is ``searcher.Index``: files that never change. Milvus's is ``milvus.MilvusIndex``, to which changes are
    written while it serves. ``LiveIndex`` puts what has changed since in front of either.
    """

    @property
    def embedder_id(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    def search_visible(self, vectors: Embeddings, k: int, hidden: NDArray[np.int64]) -> Hits:
        """The ``k`` nearest of each unit vector (n, dimension), those with the ids ``hidden`` (sorted) left out."""
        ...

    def take(self, ids: NDArray[np.int64]) -> StoredVectors: ...

    def list_ids(self) -> NDArray[np.int64]: ...


def is_among(ids: NDArray[np.int64], few: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which ids, of any shape, are among the few, which are sorted."""
    if not len(few):
        return np.zeros(ids.shape, np.bool_)
    at = np.minimum(np.searchsorted(few, ids), len(few) - 1)
    return np.asarray(few[at] == ids)

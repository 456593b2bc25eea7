"""What was approved after the build: a small exact index in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..types import Embeddings


@dataclass(frozen=True, slots=True)
class Delta:
    """Ids and persons int64 (n,), unit float32 vectors (n, dimension). Never changed in place."""

    ids: NDArray[np.int64]
    persons: NDArray[np.int64]
    vectors: Embeddings

    @classmethod
    def empty(cls, dimension: int) -> Self:
        nothing = np.zeros(0, np.int64)
        return cls(nothing, nothing, np.zeros((0, dimension), np.float32))

    def __len__(self) -> int:
        return len(self.ids)

    def with_added(self, ids: NDArray[np.int64], persons: NDArray[np.int64], vectors: Embeddings) -> Self:
        """A delta that has these too; an id it had gets the new person and vector."""
        kept = self.without(ids)
        return replace(
            kept,
            ids=np.concatenate([kept.ids, ids]),
            persons=np.concatenate([kept.persons, persons]),
            vectors=np.concatenate([kept.vectors, vectors]),
        )

    def without(self, ids: NDArray[np.int64]) -> Self:
        keep = ~np.isin(self.ids, ids)
        if keep.all():
            return self
        return replace(self, ids=self.ids[keep], persons=self.persons[keep], vectors=self.vectors[keep])

    def with_moved(self, ids: NDArray[np.int64], persons: NDArray[np.int64]) -> Self:
        """A delta in which these ids, where it has them, belong to these persons."""
        order = np.argsort(ids)
        ids, persons = ids[order], persons[order]
        at = np.minimum(np.searchsorted(ids, self.ids), len(ids) - 1)
        hit = ids[at] == self.ids
        return replace(self, persons=np.where(hit, persons[at], self.persons))

    def search(self, vectors: Embeddings, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows (n, min(k, len)) and similarities of the nearest, best first."""
        k = min(k, len(self))
        similarities = vectors @ self.vectors.T
        if k < len(self):
            rows = (
                np.argpartition(-similarities, k - 1, axis=1)[:, :k]
                if k
                else np.zeros((len(vectors), 0), int)
            )
        else:
            rows = np.broadcast_to(np.arange(k), similarities.shape)
        found = np.take_along_axis(similarities, rows, axis=1)
        order = np.argsort(-found, axis=1, kind="stable")
        return np.take_along_axis(rows, order, axis=1), np.take_along_axis(found, order, axis=1)

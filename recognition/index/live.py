"""The gallery as it is this moment: a build, what came after it, and what no longer counts.

What was approved after the build is in a small exact index in memory, the delta.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from recognition.errors import EmbedderMismatch
from recognition.index.parts import check_vectors
from recognition.index.searchable import Hits, SearchableIndex, StoredVectors, is_among
from recognition.types import Embeddings, Neighbour


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


SPARE_NEIGHBOURS = 16
LIST_FACTOR = 20  # compressed kinds mistake the order of long lists; so the first hundred are as exact ones
SIMILARITY_TOLERANCE = 1e-4  # by which a similarity in single precision may be off


@dataclass(frozen=True, slots=True)
class _LiveState:
    """What one search sees. Replaced as a whole, never changed in place."""

    hidden: NDArray[np.int64]  # ids, sorted, of which the build knows no more how they are
    delta: Delta


class LiveIndex:
    """Searches build and delta as one. Safe to use from several threads; a change shows in the next search.

    ``build`` is None before the first build. All ids are the database's; they must not be negative.
    """

    def __init__(self, embedder_id: str, dimension: int, build: SearchableIndex | None = None) -> None:
        if build is not None and (build.embedder_id, build.dimension) != (embedder_id, dimension):
            raise EmbedderMismatch(
                f"The index holds vectors of {build.embedder_id} ({build.dimension} numbers), "
                f"not of {embedder_id} ({dimension}); build the index again."
            )
        self.embedder_id = embedder_id
        self.dimension = dimension
        self.build = build
        self._lock = threading.Lock()
        self._state = _LiveState(np.zeros(0, np.int64), Delta.empty(dimension))

    def apply(
        self,
        *,
        added: Iterable[int] = (),
        persons: Iterable[int] = (),
        vectors: Embeddings | None = None,
        removed: Iterable[int] = (),
        moved: Mapping[int, int] | None = None,
    ) -> None:
        """Bring in changes, all at once: first removals, then moves to other persons, then additions.

        An id added again gets its new person and vector. Ids nobody knows may be removed or moved; nothing
        happens. Raises IndexUnusable for vectors that are not unit float32 vectors of this dimension.
        """
        ids, owners = np.fromiter(added, np.int64), np.fromiter(persons, np.int64)
        arrived = np.zeros((0, self.dimension), np.float32) if vectors is None else vectors
        if not len(ids) == len(owners) == len(arrived):
            raise ValueError("added references, their persons and their vectors differ in number")
        check_vectors(arrived, self.dimension, ids)
        if len(ids):  # of an id that comes twice, the last counts
            last = len(ids) - 1 - np.unique(ids[::-1], return_index=True)[1]
            ids, owners, arrived = ids[last], owners[last], arrived[last]
        with self._lock:
            state = self._without(self._state, np.fromiter(removed, np.int64))
            if moved:
                state = self._with_moved(state, moved)
            if len(ids):
                state = self._without(state, ids)
                state = replace(state, delta=state.delta.with_added(ids, owners, arrived))
            self._state = state

    def forget_changes(self, ids: NDArray[np.int64]) -> None:
        """Of these the build, to which changes are written, knows by now how they are."""
        with self._lock:
            state = self._state
            hidden = state.hidden[~np.isin(state.hidden, ids)]
            self._state = _LiveState(hidden, state.delta.without(ids))

    def list_ids(self) -> NDArray[np.int64]:
        """Every reference that can be found."""
        return self._list_ids(self._state)

    def take(self, ids: NDArray[np.int64]) -> StoredVectors:
        """Whose these are, and their vectors, where they can be found."""
        return self._take(self._state, ids)

    def search(self, vectors: Embeddings, k: int = 50) -> list[list[Neighbour]]:
        """Per vector, its ``k`` nearest references, best first; fewer where there are not so many.

        Ties go to the lower reference id. ``vectors``: unit float32 (n, dimension).
        """
        if vectors.ndim != 2 or vectors.shape[1] != self.dimension:
            raise EmbedderMismatch(
                f"Vectors of shape {vectors.shape} do not go with an index of dimension {self.dimension}."
            )
        state = self._state
        if not len(vectors) or k < 1:
            return [[] for _ in vectors]
        vectors = np.ascontiguousarray(vectors, np.float32)
        near = self._search_build(state, vectors, k)
        rows, nearer = state.delta.search(vectors, k)
        ids = np.concatenate([near.ids, state.delta.ids[rows]], axis=1)
        persons = np.concatenate([near.persons, state.delta.persons[rows]], axis=1)
        similarities = np.clip(np.concatenate([near.similarities, nearer], axis=1), -1, 1)
        order = np.lexsort((ids, -similarities, ids < 0), axis=1)[:, :k]
        columns = (
            np.take_along_axis(array, order, axis=1).tolist() for array in (ids, persons, similarities)
        )
        return [
            [Neighbour(*hit) for hit in zip(*face, strict=True) if hit[0] >= 0]
            for face in zip(*columns, strict=True)
        ]

    def search_beyond(
        self, vector: Embeddings, count: int, least: float, after: tuple[float, int] | None = None
    ) -> list[Neighbour]:
        """The ``count`` nearest of one vector (dimension,) that are at least so similar, best first; those that come
        after a similarity and an id, with which a part of the list before ended.

        Similarities are in double precision and rounded, so that they are the same however many are asked for.
        """
        wanted = LIST_FACTOR * count + SPARE_NEIGHBOURS
        while True:
            near = self._measure_exactly(vector, self.search(vector[None], wanted)[0])
            beyond = [
                one
                for one in near
                if one.similarity >= least
                and (after is None or (-one.similarity, one.reference) > (-after[0], after[1]))
            ]
            is_all = len(near) < wanted or near[-1].similarity < least - SIMILARITY_TOLERANCE
            if is_all or len(beyond) >= count + SPARE_NEIGHBOURS:
                return beyond[:count]
            wanted *= 4

    def _measure_exactly(self, vector: Embeddings, near: list[Neighbour]) -> list[Neighbour]:
        vectors = self.take(np.array([one.reference for one in near], np.int64)).vectors
        similarities = (vectors.astype(np.float64) @ vector.astype(np.float64)).clip(-1, 1).round(6)
        measured = [
            one._replace(similarity=value) for one, value in zip(near, similarities.tolist(), strict=True)
        ]
        return sorted(measured, key=lambda one: (-one.similarity, one.reference))

    def _search_build(self, state: _LiveState, vectors: Embeddings, k: int) -> Hits:
        if self.build is None:
            nothing = np.zeros((len(vectors), 0), np.int64)
            return Hits(nothing, nothing, nothing.astype(np.float32))
        return self.build.search_visible(vectors, k, state.hidden)

    def _list_ids(self, state: _LiveState) -> NDArray[np.int64]:
        if self.build is None:
            return state.delta.ids
        ids = self.build.list_ids()
        return np.concatenate([ids[~is_among(ids, state.hidden)], state.delta.ids])

    def _take(self, state: _LiveState, ids: NDArray[np.int64]) -> StoredVectors:
        if self.build is None:
            nothing = np.zeros(len(ids), np.int64)
            found = StoredVectors(nothing != 0, nothing, np.zeros((len(ids), self.dimension), np.float32))
        else:
            found = self.build.take(ids)
            found.is_known[is_among(ids, state.hidden)] = False
        order = np.argsort(state.delta.ids)
        numbers = state.delta.ids[order]
        here = is_among(ids, numbers)
        at = order[np.searchsorted(numbers, ids[here])]
        found.is_known[here] = True
        found.persons[here], found.vectors[here] = state.delta.persons[at], state.delta.vectors[at]
        return found

    def _without(self, state: _LiveState, ids: NDArray[np.int64]) -> _LiveState:
        if not len(ids):
            return state
        hidden = state.hidden if self.build is None else np.union1d(state.hidden, ids)
        return _LiveState(hidden, state.delta.without(ids))

    def _with_moved(self, state: _LiveState, moved: Mapping[int, int]) -> _LiveState:
        ids, owners = np.fromiter(moved.keys(), np.int64), np.fromiter(moved.values(), np.int64)
        there = self._take(state, ids)
        known = there.is_known
        state = self._without(state, ids[known])
        return replace(state, delta=state.delta.with_added(ids[known], owners[known], there.vectors[known]))

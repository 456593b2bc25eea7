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
from recognition.index.searcher import Index
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


MASKED_PERSON = -1  # in ``persons``: the reference of this row is masked
MAX_OVERFETCHED = 1024  # neighbours asked of the build before the rows left are searched one by one
SPARE_NEIGHBOURS = 16
LIST_FACTOR = 20  # compressed kinds mistake the order of long lists; so the first hundred are as exact ones
SIMILARITY_TOLERANCE = 1e-4  # by which a similarity in single precision may be off


@dataclass(frozen=True, slots=True)
class _LiveState:
    """What one search sees. Replaced as a whole, never changed in place."""

    persons: NDArray[np.int64]  # per row of the build: whose it is now, or GONE
    masked: int
    delta: Delta


class LiveIndex:
    """Searches build and delta as one. Safe to use from several threads; a change shows in the next search.

    ``build`` is None before the first build. All ids are the database's; they must not be negative.
    """

    def __init__(self, embedder_id: str, dimension: int, build: Index | None = None) -> None:
        if build is not None and (build.embedder_id, build.dimension) != (embedder_id, dimension):
            raise EmbedderMismatch(
                f"The index holds vectors of {build.embedder_id} ({build.dimension} numbers), "
                f"not of {embedder_id} ({dimension}); build the index again."
            )
        self.embedder_id = embedder_id
        self.dimension = dimension
        self.build = build
        self._lock = threading.Lock()
        ids = build.ids if build is not None else np.zeros(0, np.int64)
        persons = np.array(build.persons) if build is not None else np.zeros(0, np.int64)
        self._by_id = np.argsort(ids, kind="stable")
        self._sorted_ids = ids[self._by_id]
        self._state = _LiveState(persons, 0, Delta.empty(dimension))

    def __len__(self) -> int:
        """How many references can be found."""
        state = self._state
        return len(state.persons) - state.masked + len(state.delta)

    @property
    def delta_size(self) -> int:
        """References added since the build, and rows of the build that are masked."""
        state = self._state
        return len(state.delta) + state.masked

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

    def persons_of_references(self) -> dict[int, int]:
        """Every reference that can be found, and whose it is."""
        state = self._state
        there = np.flatnonzero(state.persons != MASKED_PERSON)
        ids = self.build.ids[there] if self.build is not None else there
        found = dict(zip(ids.tolist(), state.persons[there].tolist(), strict=True))
        return found | dict(zip(state.delta.ids.tolist(), state.delta.persons.tolist(), strict=True))

    def delta_vectors(self) -> dict[int, Embeddings]:
        """The vector of each reference added since the build."""
        delta = self._state.delta
        return dict(zip(delta.ids.tolist(), delta.vectors, strict=True))

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
        ids, persons, similarities = self._search_build(state, vectors, k)
        rows, nearer = state.delta.search(vectors, k)
        ids = np.concatenate([ids, state.delta.ids[rows]], axis=1)
        persons = np.concatenate([persons, state.delta.persons[rows]], axis=1)
        similarities = np.clip(np.concatenate([similarities, nearer], axis=1), -1, 1)
        order = np.lexsort((ids, -similarities, persons == MASKED_PERSON), axis=1)[:, :k]
        columns = (
            np.take_along_axis(array, order, axis=1).tolist() for array in (ids, persons, similarities)
        )
        return [
            [Neighbour(*hit) for hit in zip(*face, strict=True) if hit[1] != MASKED_PERSON]
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
        delta = self._state.delta
        ids = np.array([one.reference for one in near], np.int64)
        rows, known = self._rows(ids)
        vectors = np.zeros((len(near), self.dimension), np.float32)
        if self.build is not None and known.any():
            vectors[known] = self.build.parts.take(rows[known])
        order = np.argsort(ids)
        here = np.flatnonzero(np.isin(delta.ids, ids))
        vectors[order[np.searchsorted(ids, delta.ids[here], sorter=order)]] = delta.vectors[here]
        similarities = (vectors.astype(np.float64) @ vector.astype(np.float64)).clip(-1, 1).round(6)
        measured = [
            one._replace(similarity=value) for one, value in zip(near, similarities.tolist(), strict=True)
        ]
        return sorted(measured, key=lambda one: (-one.similarity, one.reference))

    def _search_build(
        self, state: _LiveState, vectors: Embeddings, k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """Ids, persons (GONE where there is none) and similarities, with ``k`` that count in each row."""
        rows_left = len(state.persons) - state.masked
        if self.build is None or not rows_left:
            nothing = np.zeros((len(vectors), 0), np.int64)
            return nothing, nothing, nothing.astype(np.float32)
        wanted, fetch = min(k, rows_left), k + min(state.masked, SPARE_NEIGHBOURS)
        while True:
            rows, similarities = self.build.search_rows(vectors, fetch)
            persons = np.where(rows < 0, MASKED_PERSON, state.persons[rows])
            if ((persons != MASKED_PERSON).sum(axis=1) >= wanted).all() or not state.masked:
                break
            if fetch >= MAX_OVERFETCHED or (rows < 0).any():
                rows, similarities = self.build.parts.search(vectors, wanted, state.persons != MASKED_PERSON)
                persons = np.where(rows < 0, MASKED_PERSON, state.persons[rows])
                break
            fetch *= 4
        return self.build.ids[rows], persons, similarities

    def _rows(self, ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The row of each id in the build, and whether it has one."""
        if not len(self._sorted_ids):
            return np.zeros(len(ids), np.int64), np.zeros(len(ids), np.bool_)
        at = np.minimum(np.searchsorted(self._sorted_ids, ids), len(self._sorted_ids) - 1)
        return self._by_id[at], self._sorted_ids[at] == ids

    def _without(self, state: _LiveState, ids: NDArray[np.int64]) -> _LiveState:
        if not len(ids):
            return state
        rows, known = self._rows(ids)
        persons, masked = state.persons, state.masked
        if known.any():
            persons = persons.copy()
            persons[rows[known]] = MASKED_PERSON
            masked = int((persons == MASKED_PERSON).sum())
        return _LiveState(persons, masked, state.delta.without(ids))

    def _with_moved(self, state: _LiveState, moved: Mapping[int, int]) -> _LiveState:
        ids, owners = np.fromiter(moved.keys(), np.int64), np.fromiter(moved.values(), np.int64)
        rows, known = self._rows(ids)
        persons = state.persons.copy()
        still = known & (persons[rows] != MASKED_PERSON) if len(persons) else known
        persons[rows[still]] = owners[still]
        return _LiveState(persons, state.masked, state.delta.with_moved(ids, owners))

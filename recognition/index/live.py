"""The gallery as it is this moment: a build, what came after it, and what no longer counts."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..types import EmbedderMismatch, Embeddings, Neighbour
from .delta import Delta
from .parts import check_vectors
from .stored import Index

GONE = -1  # in ``persons``: the reference of this row is masked
MOST_OVERFETCHED = 1024  # neighbours asked of the build before the rows left are searched one by one
SPARE = 16


@dataclass(frozen=True, slots=True)
class _State:
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
        self._state = _State(persons, 0, Delta.empty(dimension))

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
        there = np.flatnonzero(state.persons != GONE)
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
        order = np.lexsort((ids, -similarities, persons == GONE), axis=1)[:, :k]
        columns = (
            np.take_along_axis(array, order, axis=1).tolist() for array in (ids, persons, similarities)
        )
        return [
            [Neighbour(*hit) for hit in zip(*face, strict=True) if hit[1] != GONE]
            for face in zip(*columns, strict=True)
        ]

    def _search_build(
        self, state: _State, vectors: Embeddings, k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """Ids, persons (GONE where there is none) and similarities, with ``k`` that count in each row."""
        rows_left = len(state.persons) - state.masked
        if self.build is None or not rows_left:
            nothing = np.zeros((len(vectors), 0), np.int64)
            return nothing, nothing, nothing.astype(np.float32)
        wanted, fetch = min(k, rows_left), k + min(state.masked, SPARE)
        while True:
            rows, similarities = self.build.search_rows(vectors, fetch)
            persons = np.where(rows < 0, GONE, state.persons[rows])
            if ((persons != GONE).sum(axis=1) >= wanted).all() or not state.masked:
                break
            if fetch >= MOST_OVERFETCHED or (rows < 0).any():
                rows, similarities = self.build.parts.search(vectors, wanted, state.persons != GONE)
                persons = np.where(rows < 0, GONE, state.persons[rows])
                break
            fetch *= 4
        return self.build.ids[rows], persons, similarities

    def _rows(self, ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The row of each id in the build, and whether it has one."""
        if not len(self._sorted_ids):
            return np.zeros(len(ids), np.int64), np.zeros(len(ids), np.bool_)
        at = np.minimum(np.searchsorted(self._sorted_ids, ids), len(self._sorted_ids) - 1)
        return self._by_id[at], self._sorted_ids[at] == ids

    def _without(self, state: _State, ids: NDArray[np.int64]) -> _State:
        if not len(ids):
            return state
        rows, known = self._rows(ids)
        persons, masked = state.persons, state.masked
        if known.any():
            persons = persons.copy()
            persons[rows[known]] = GONE
            masked = int((persons == GONE).sum())
        return _State(persons, masked, state.delta.without(ids))

    def _with_moved(self, state: _State, moved: Mapping[int, int]) -> _State:
        ids, owners = np.fromiter(moved.keys(), np.int64), np.fromiter(moved.values(), np.int64)
        rows, known = self._rows(ids)
        persons = state.persons.copy()
        still = known & (persons[rows] != GONE) if len(persons) else known
        persons[rows[still]] = owners[still]
        return _State(persons, state.masked, state.delta.with_moved(ids, owners))

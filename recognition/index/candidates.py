"""The indexes weighed for one build: each made, tuned, written and measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import IndexUnusable
from .autofaiss import create
from .files import INDEX, PERSONS
from .measure import Sample, draw_sample, is_exact, milliseconds_per_photo, recall, tune
from .partfiles import PartFiles, put_aside
from .parts import Written
from .people import create_by_person
from .policy import EXACT, FACES_PER_PHOTO, TRIAL, Measured
from .searcher import Searcher

MOST_EFFORT = 16_384  # of HNSW, which is as far as AutoFaiss itself goes


class Trying:
    """The candidates of the build in ``partial``. ``watch`` is told the steps, and may raise to stop it."""

    def __init__(
        self, partial: Path, written: Written, max_query_ms: float, watch: Callable[[str, int], None]
    ) -> None:
        watch("check", 0)
        self.written = written
        self._partial, self._watch = partial, watch
        self._max_ms = FACES_PER_PHOTO * max_query_ms
        self._parts = PartFiles.open(partial)
        self._persons = np.load(partial / PERSONS)
        self.people = len(np.unique(self._persons))
        self._sample = draw_sample(self._parts, self._persons)
        self._files: list[tuple[Measured, Path]] = []

    def build(self, key: str) -> Measured:
        """One more candidate; raises IndexUnusable for an exact index that does not find its own vectors."""
        return self._measured(create(self._partial, self._parts, key, self._built), key, self._max_ms)

    def build_by_person(self, key: str, best: Measured) -> Measured:
        """The candidate that looks for people first; more effort than takes as long as the best is not tried."""
        rows = self._sample.rows
        index = create_by_person(self._partial, self._parts, key, self._persons, rows, self._built)
        return self._measured(index, key, best.milliseconds)

    def _built(self, done: int) -> None:
        self._watch("build", done)

    def _measured(self, index: Any, key: str, max_ms: float) -> Measured:
        import faiss

        self._watch("check", self.written.count)
        searcher = Searcher(index, self._parts)
        effort, is_enough = self._tuned(searcher, index, key, self._sample, max_ms)
        if key == EXACT and not is_exact(searcher, self._sample):
            raise IndexUnusable("The new index does not find its own vectors; the previous one stays in use.")
        found = 1.0 if key == EXACT else recall(searcher, self._sample)
        path = self._partial / f"{len(self._files)}.index"
        faiss.write_index(index, str(path))
        milliseconds = milliseconds_per_photo(searcher, self._sample)
        measured = Measured(key, effort, found, milliseconds, path.stat().st_size, is_enough)
        self._files.append((measured, path))
        return measured

    def tried(self, key: str) -> tuple[float, int]:
        """Milliseconds a photo of an index of this kind of some of the people, and how many vectors those have."""
        rows = whole_people(self._persons, TRIAL)
        folder = self._partial / "trial"
        with put_aside(folder, self._parts.take(rows)) as parts:
            index = create(folder, parts, key, lambda done: self._watch("check", done))
            searcher, sample = Searcher(index, parts), draw_sample(parts, self._persons[rows])
            self._tuned(searcher, index, key, sample, self._max_ms)
            return milliseconds_per_photo(searcher, sample), len(rows)

    def _tuned(
        self, searcher: Searcher, index: Any, key: str, sample: Sample, max_ms: float
    ) -> tuple[str, bool]:
        """Set the least search effort that is accurate, for kinds that know more or less; says which, as AutoFaiss,
        and whether it is enough."""
        import faiss

        is_graph = key.startswith("HNSW")
        if not is_graph and "IVF" not in key:
            return "", True
        name = "efSearch" if is_graph else "nprobe"
        most = MOST_EFFORT if is_graph else faiss.extract_index_ivf(index).nlist
        space: Any = faiss.ParameterSpace()

        def set_effort(effort: int) -> None:
            self._watch("check", self.written.count)
            space.set_index_parameters(index, f"{name}={effort}")

        effort, is_enough = tune(searcher, sample, set_effort, most, max_ms)
        return f"{name}={effort}", is_enough

    def keep(self, chosen: Measured) -> None:
        """Leave the file of this candidate, under the name of the index, and no other."""
        for candidate, path in self._files:
            if candidate is chosen:
                path.rename(self._partial / INDEX)
            else:
                path.unlink()


def whole_people(persons: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Rows of some people drawn by a seed, all rows of each, together at most so many (one person's at least).

    A part of each person's rows would be another gallery: with nearest references further away.
    """
    everybody, belongs, counts = np.unique(persons, return_inverse=True, return_counts=True)
    drawn = np.random.default_rng(0).permutation(len(everybody))
    taken = drawn[: max(1, int(np.searchsorted(np.cumsum(counts[drawn]), most, side="right")))]
    return np.flatnonzero(np.isin(belongs, taken)).astype(np.int64)

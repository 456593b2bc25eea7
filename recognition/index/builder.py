"""Build an index: parts in, a new directory out, checked before anybody may use it.

The candidates that are weighed for a build are each made, tuned, written and measured; the file of one is
kept.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recognition.errors import IndexUnusable, RecognitionError
from recognition.files import compute_sha256
from recognition.index import measure
from recognition.index.as_autofaiss import AutofaissOptions, build_with_autofaiss, has_too_few
from recognition.index.factory import choose_autofaiss_key, create_by_person, create_faiss_index
from recognition.index.files import (
    INDEX_FILE,
    PERSONS_FILE,
    BuildFigures,
    create_build_directory,
    write_infos,
)
from recognition.index.measure import Sample, draw_sample, is_exact, measure_recall, tune_effort
from recognition.index.on_spark import SparkOptions, build_on_spark
from recognition.index.partitions import Partitions, list_index_files, open_faiss_index
from recognition.index.parts import Part, PartFiles, WrittenParts, write_parts, write_temporary_parts
from recognition.index.policy import (
    EXACT_KEY,
    FACES_PER_PHOTO,
    TRIAL_VECTORS,
    Choice,
    MeasuredIndex,
    Reason,
    choose_index,
    could_save_time,
    find_key_by_person,
    is_worth_building,
    list_keys_to_try,
    parse_memory,
)
from recognition.index.searcher import Searcher

MAX_HNSW_EFFORT = 16_384  # of HNSW, which is as far as AutoFaiss itself goes


class CandidateTrials:
    """The candidates of the build in ``partial``. ``watch`` is told the steps, and may raise to stop it."""

    def __init__(
        self, partial: Path, written: WrittenParts, max_query_ms: float, watch: Callable[[str, int], None]
    ) -> None:
        watch("check", 0)
        self.written = written
        self._partial, self._watch = partial, watch
        self._max_ms = FACES_PER_PHOTO * max_query_ms
        self._parts = PartFiles.open(partial)
        self._persons = np.load(partial / PERSONS_FILE)
        self.people = len(np.unique(self._persons))
        self._sample = draw_sample(self._parts, self._persons)
        self._files: list[tuple[MeasuredIndex, Path]] = []

    def build(self, key: str) -> MeasuredIndex:
        """One more candidate; raises IndexUnusable for an exact index that does not find its own vectors."""
        return self._measured(
            create_faiss_index(self._partial, self._parts, key, self._built), key, self._max_ms
        )

    def build_by_person(self, key: str, best: MeasuredIndex) -> MeasuredIndex:
        """The candidate that looks for people first; more effort than takes as long as the best is not tried."""
        rows = self._sample.rows
        index = create_by_person(self._partial, self._parts, key, self._persons, rows, self._built)
        return self._measured(index, key, best.milliseconds)

    def build_with_autofaiss(
        self, options: AutofaissOptions, max_query_ms: float, max_bytes: int
    ) -> MeasuredIndex:
        """What AutoFaiss's ``build_index`` returns; it cannot be stopped meanwhile."""
        self._built(0)
        made = build_with_autofaiss(self._partial, options, max_query_ms, max_bytes)
        self._watch("check", self.written.count)
        if made.is_tuned:
            return self._stored(Searcher(made.index, self._parts), made.index, made.key, made.param)
        return self._measured(made.index, made.key, self._max_ms)

    def build_on_spark(self, options: SparkOptions, max_query_ms: float) -> MeasuredIndex:
        """The partitions that Spark's executors fill; it cannot be stopped meanwhile."""
        self._built(0)
        key = build_on_spark(self._partial, self.written.count, options, max_query_ms)
        paths = list_index_files(self._partial)
        opened = open_faiss_index(paths)
        searcher = Searcher(opened, self._parts)

        def set_effort(effort: int) -> None:
            self._watch("check", self.written.count)
            opened.set_effort(effort)

        most = opened.first_ivf.nlist
        effort, is_enough = tune_effort(searcher, self._sample, set_effort, most, self._max_ms)
        found = measure_recall(searcher, self._sample)
        milliseconds = measure.milliseconds_per_photo(searcher, self._sample)
        size = sum(path.stat().st_size for path in paths)
        return MeasuredIndex(key, f"nprobe={effort}", found, milliseconds, size, is_enough)

    def _built(self, done: int) -> None:
        self._watch("build", done)

    def _measured(self, index: Any, key: str, max_ms: float) -> MeasuredIndex:
        self._watch("check", self.written.count)
        searcher = Searcher(index, self._parts)
        return self._stored(searcher, index, key, *self._tuned(searcher, index, key, self._sample, max_ms))

    def _stored(
        self, searcher: Searcher, index: Any, key: str, effort: str, is_effort_enough: bool = True
    ) -> MeasuredIndex:
        import faiss

        if key == EXACT_KEY and not is_exact(searcher, self._sample):
            raise IndexUnusable("The new index does not find its own vectors; the previous one stays in use.")
        found = 1.0 if key == EXACT_KEY else measure_recall(searcher, self._sample)
        path = self._partial / f"{len(self._files)}.index"
        faiss.write_index(index, str(path))
        milliseconds = measure.milliseconds_per_photo(searcher, self._sample)
        measured = MeasuredIndex(key, effort, found, milliseconds, path.stat().st_size, is_effort_enough)
        self._files.append((measured, path))
        return measured

    def tried(self, key: str) -> tuple[float, int]:
        """Milliseconds a photo of an index of this kind of some of the people, and how many vectors those have."""
        rows = draw_whole_people(self._persons, TRIAL_VECTORS)
        folder = self._partial / "trial"
        with write_temporary_parts(folder, self._parts.take(rows)) as parts:
            index = create_faiss_index(folder, parts, key, lambda done: self._watch("check", done))
            searcher, sample = Searcher(index, parts), draw_sample(parts, self._persons[rows])
            self._tuned(searcher, index, key, sample, self._max_ms)
            return measure.milliseconds_per_photo(searcher, sample), len(rows)

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
        most = MAX_HNSW_EFFORT if is_graph else faiss.extract_index_ivf(index).nlist
        space: Any = faiss.ParameterSpace()

        def set_effort(effort: int) -> None:
            self._watch("check", self.written.count)
            space.set_index_parameters(index, f"{name}={effort}")

        effort, is_enough = tune_effort(searcher, sample, set_effort, most, max_ms)
        return f"{name}={effort}", is_enough

    def keep(self, chosen: MeasuredIndex) -> None:
        """Leave the file of this candidate, under the name of the index, and no other."""
        for candidate, path in self._files:
            if candidate is chosen:
                path.rename(self._partial / INDEX_FILE)
            else:
                path.unlink()

    def measure_kept(self, effort: str) -> dict[str, Any]:
        """The figures of ``BuildFigures`` that only the index in use is measured for."""
        import faiss

        opened = open_faiss_index(list_index_files(self._partial), effort)
        mean, most = measure.measure_single_searches(Searcher(opened, self._parts), self._sample)
        one = opened.parts[0] if isinstance(opened, Partitions) else opened
        error = measure.measure_reconstruction_error(one, self._sample)
        return {
            "search_ms": mean,
            "search_ms_99p": most,
            "reconstruction_error": error,
            "metric_type": "ip" if opened.metric_type == faiss.METRIC_INNER_PRODUCT else "l2",
        }


def draw_whole_people(persons: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Rows of some people drawn by a seed, all rows of each, together at most so many (one person's at least).

    A part of each person's rows would be another gallery: with nearest references further away.
    """
    everybody, belongs, counts = np.unique(persons, return_inverse=True, return_counts=True)
    drawn = np.random.default_rng(0).permutation(len(everybody))
    taken = drawn[: max(1, int(np.searchsorted(np.cumsum(counts[drawn]), most, side="right")))]
    return np.flatnonzero(np.isin(belongs, taken)).astype(np.int64)


WEIGHED_REASONS = (Reason.FASTEST, Reason.RECALL)  # exact search and others fit the memory
Progress = Callable[[str, int], None]
"""Told a step ("write", "build", "check") and how many references it has done so far."""


class BuildCancelled(RecognitionError):
    """The build was stopped on request; nothing is left of it."""


@dataclass(frozen=True, slots=True)
class BuildWatch:
    """Passes progress on, and stops the build when asked to."""

    progress: Progress | None
    cancelled: Callable[[], bool] | None

    def __call__(self, step: str, done: int) -> None:
        if self.cancelled is not None and self.cancelled():
            raise BuildCancelled("The index build was cancelled.")
        if self.progress is not None:
            self.progress(step, done)


def build(
    parts: Iterable[Part],
    directory: Path,
    *,
    embedder_id: str,
    dimension: int,
    max_query_ms: float = 10.0,
    max_memory: str | int = "4GB",
    only_exact: bool = False,
    autofaiss: AutofaissOptions | None = None,
    spark: SparkOptions | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> BuildFigures:
    """Write the index of these references to ``directory``, which must not exist yet.

    Parts are streamed; beside the index itself, memory holds one part file, AutoFaiss's batch, and people's means
    where it is by person. Nothing appears under ``directory`` unless the whole build went well. No references make an
    empty index.
    ``max_memory`` bounds the index; ``max_query_ms``, a face, yields to recall and memory (see the figures).
    ``only_exact``: exact search by inner product, which any tool understands, wherever that fits the memory.
    ``autofaiss``: what its ``build_index`` makes of these options serves, in place of the best of those measured.
    ``spark``: where there are so many vectors, what its executors make serves.

    Raises IndexUnusable for bad vectors or when AutoFaiss fails, BuildCancelled when ``cancelled()`` says
    so, FileExistsError for a directory that is there, OSError as the disk gives it.
    """
    max_bytes = parse_memory(max_memory)
    watch = BuildWatch(progress, cancelled)
    started = time.perf_counter()
    with create_build_directory(directory) as partial:
        watch("write", 0)
        written = write_parts(parts, partial, dimension, lambda done: watch("write", done))
        figures_of_kept: dict[str, Any] = {"metric_type": "ip"}
        if written.count == 0:
            choice, exact_ms = _write_empty(partial, dimension), None
        else:
            trials = CandidateTrials(partial, written, max_query_ms, watch)
            if spark and written.count >= spark.min_vectors:
                choice = Choice(trials.build_on_spark(spark, max_query_ms), Reason.SPARK)
                exact_ms = None
            elif autofaiss:
                choice, exact_ms = _write_as_autofaiss(trials, autofaiss, max_query_ms, max_bytes), None
            else:
                choice, exact_ms = _write_best(trials, max_bytes, only_exact)
            figures_of_kept = trials.measure_kept(choice.measured.index_param)
        best = choice.measured
        figures = BuildFigures(
            embedder_id=embedder_id,
            count=written.count,
            dimension=dimension,
            index_key=best.index_key,
            index_param=best.index_param,
            recall=best.recall,
            milliseconds_per_photo=best.milliseconds,
            exact_milliseconds_per_photo=exact_ms,
            bytes=best.bytes,
            max_query_ms=max_query_ms,
            max_bytes=max_bytes,
            reason=choice.reason.value,
            build_seconds=time.perf_counter() - started,
            sha256=compute_sha256(*list_index_files(partial)),
            **figures_of_kept,
        )
        write_infos(partial, figures)
        watch("check", written.count)
    return figures


def _write_best(trying: CandidateTrials, max_bytes: int, only_exact: bool) -> tuple[Choice, float | None]:
    """Build what is worth trying, keep the file of the one chosen; also how long exact search took."""
    written = trying.written
    keys = list_keys_to_try(written.count, written.dimension, max_bytes)
    if only_exact and EXACT_KEY in keys:
        keys = [EXACT_KEY]
    candidates = [trying.build(key) for key in keys]
    best = choose_index(candidates, max_bytes)
    if not only_exact:
        for another in (_try_by_person, _try_autofaiss_choice):
            with contextlib.suppress(IndexUnusable):  # then the others serve
                candidates += another(trying, best, max_bytes)
                best = choose_index(candidates, max_bytes)
    trying.keep(best.measured)
    exact = [each.milliseconds for each in candidates if each.is_exact]
    return best, exact[0] if exact else None


def _write_as_autofaiss(
    trying: CandidateTrials, options: AutofaissOptions, max_query_ms: float, max_bytes: int
) -> Choice:
    reason = Reason.NAMED if options.key else Reason.AUTOFAISS
    if has_too_few(options.key, trying.written.count):
        options, reason = replace(options, key=EXACT_KEY), Reason.TOO_FEW
    made = trying.build_with_autofaiss(options, max_query_ms, max_bytes)
    trying.keep(made)
    return Choice(made, reason)


def _try_by_person(trying: CandidateTrials, best: Choice, max_bytes: int) -> list[MeasuredIndex]:
    """The candidate that looks for people first, where it is worth building."""
    written = trying.written
    key = find_key_by_person(written.count, trying.people, written.dimension, max_bytes, best.measured)
    return [trying.build_by_person(key, best.measured)] if key else []


def _try_autofaiss_choice(trying: CandidateTrials, best: Choice, max_bytes: int) -> list[MeasuredIndex]:
    """AutoFaiss's own, where exact search fits the memory and a trial promises enough."""
    written = trying.written
    if best.reason not in WEIGHED_REASONS or not could_save_time(best.measured):
        return []
    own = choose_autofaiss_key(written.count, written.dimension, max_bytes)
    if not own.startswith(("HNSW", "IVF")):
        return []
    is_worth_it = is_worth_building(*trying.tried(own), written.count, best.measured)
    return [trying.build(own)] if is_worth_it else []


def _write_empty(partial: Path, dimension: int) -> Choice:
    """An index of nothing, which AutoFaiss does not make."""
    import faiss

    faiss.write_index(faiss.IndexFlatIP(dimension), str(partial / INDEX_FILE))
    size = (partial / INDEX_FILE).stat().st_size
    return Choice(MeasuredIndex(EXACT_KEY, "", 1.0, 0.0, size), Reason.SMALL)


def make_part(ids: Iterable[int], persons: Iterable[int], vectors: Any) -> Part:
    """A part from plain sequences; vectors become float32 (n, dimension)."""
    return Part(
        np.fromiter(ids, np.int64), np.fromiter(persons, np.int64), np.ascontiguousarray(vectors, np.float32)
    )

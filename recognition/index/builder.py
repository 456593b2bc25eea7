"""Build an index: parts in, a new directory out, checked before anybody may use it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..types import IndexUnusable, RecognitionError
from .autofaiss import create, keys_to_try, tune_to_time
from .files import EMBEDDINGS, INDEX, BuildFigures, new_directory, sha256_of, write_infos
from .measure import Sample, draw_sample, finds_itself, milliseconds_per_photo, recall, tune_to_recall
from .parts import Part, Written, write_parts
from .policy import EXACT, Choice, Measured, Reason, choose, parse_memory

Progress = Callable[[str, int], None]
"""Told a step ("write", "build", "check") and how many references it has done so far."""


class BuildCancelled(RecognitionError):
    """The build was stopped on request; nothing is left of it."""


@dataclass(frozen=True, slots=True)
class Watch:
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
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> BuildFigures:
    """Write the index of these references to ``directory``, which must not exist yet.

    Parts are streamed; beside the index itself, memory holds one part file and AutoFaiss's batch. Nothing
    appears under ``directory`` unless the whole build went well. No references make an empty index.

    Raises IndexUnusable for bad vectors or when AutoFaiss fails, BuildCancelled when ``cancelled()`` says
    so, FileExistsError for a directory that is there, OSError as the disk gives it.
    """
    max_bytes = parse_memory(max_memory)
    watch = Watch(progress, cancelled)
    started = time.perf_counter()
    with new_directory(directory) as partial:
        watch("write", 0)
        written = write_parts(parts, partial, dimension, lambda done: watch("write", done))
        if written.count == 0:
            choice, exact_ms = _write_empty(partial, dimension), None
        else:
            choice, exact_ms = _write_best(partial, written, max_bytes, max_query_ms, watch)
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
            reason=choice.reason.value,
            build_seconds=time.perf_counter() - started,
            sha256=sha256_of(partial / INDEX),
        )
        write_infos(partial, figures)
        watch("check", written.count)
    return figures


def _write_best(
    partial: Path, written: Written, max_bytes: int, max_query_ms: float, watch: Watch
) -> tuple[Choice, float | None]:
    """Build what is worth trying, keep the file of the one chosen; also how long exact search took."""
    watch("check", 0)
    sample = draw_sample(written.files, written.count)
    candidates: list[Measured] = []
    for key in keys_to_try(written.count, written.dimension, max_bytes):
        index = create(partial / EMBEDDINGS, key, lambda done: watch("build", done))
        path = partial / f"{len(candidates)}.index"
        candidates.append(_measure(index, key, sample, path, max_query_ms))
        del index
    choice = choose(candidates, max_bytes)
    for number, candidate in enumerate(candidates):
        path = partial / f"{number}.index"
        if candidate is choice.measured:
            path.rename(partial / INDEX)
        else:
            path.unlink()
    exact = [each.milliseconds for each in candidates if each.is_exact]
    return choice, exact[0] if exact else None


def _measure(index: Any, key: str, sample: Sample, path: Path, max_query_ms: float) -> Measured:
    """Tune, write and measure one index; raises IndexUnusable for one that does not find its own vectors."""
    import faiss

    parameter = ""
    if hasattr(index, "hnsw") or key.endswith(",Flat"):
        parameter = tune_to_recall(index, sample)
    elif key != EXACT:
        parameter = tune_to_time(index, key, max_query_ms)
    found = recall(index, sample)
    if key == EXACT and min(found, finds_itself(index, sample)) < 1:
        raise IndexUnusable(
            "The new index does not give back its own vectors; the previous one stays in use."
        )
    faiss.write_index(index, str(path))
    return Measured(key, parameter, found, milliseconds_per_photo(index, sample), path.stat().st_size)


def _write_empty(partial: Path, dimension: int) -> Choice:
    """An index of nothing, which AutoFaiss does not make."""
    import faiss

    faiss.write_index(faiss.IndexFlatIP(dimension), str(partial / INDEX))
    size = (partial / INDEX).stat().st_size
    return Choice(Measured(EXACT, "", 1.0, 0.0, size), Reason.SMALL)


def part_of(ids: Iterable[int], persons: Iterable[int], vectors: Any) -> Part:
    """A part from plain sequences; vectors become float32 (n, dimension)."""
    return Part(
        np.fromiter(ids, np.int64), np.fromiter(persons, np.int64), np.ascontiguousarray(vectors, np.float32)
    )

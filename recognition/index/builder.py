"""Build an index: parts in, a new directory out, checked before anybody may use it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..types import IndexUnusable, RecognitionError
from .autofaiss import own_choice
from .candidates import Trying
from .files import INDEX, BuildFigures, new_directory, sha256_of, write_infos
from .parts import Part, write_parts
from .policy import (
    EXACT,
    Choice,
    Measured,
    Reason,
    choose,
    could_save,
    is_worth_building,
    key_by_person,
    keys_to_try,
    parse_memory,
)

WEIGHED = (Reason.FASTEST, Reason.RECALL)  # exact search and others fit the memory
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
    only_exact: bool = False,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> BuildFigures:
    """Write the index of these references to ``directory``, which must not exist yet.

    Parts are streamed; beside the index itself, memory holds one part file, AutoFaiss's batch, and people's means
    where it is by person. Nothing appears under ``directory`` unless the whole build went well. No references make an
    empty index.
    ``max_memory`` bounds the index; ``max_query_ms``, a face, yields to recall and memory (see the figures).
    ``only_exact``: exact search by inner product, which any tool understands, wherever that fits the memory.

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
            choice, exact_ms = _write_best(
                Trying(partial, written, max_query_ms, watch), max_bytes, only_exact
            )
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
            sha256=sha256_of(partial / INDEX),
        )
        write_infos(partial, figures)
        watch("check", written.count)
    return figures


def _write_best(trying: Trying, max_bytes: int, only_exact: bool) -> tuple[Choice, float | None]:
    """Build what is worth trying, keep the file of the one chosen; also how long exact search took."""
    written = trying.written
    keys = keys_to_try(written.count, written.dimension, max_bytes)
    if only_exact and EXACT in keys:
        keys = [EXACT]
    candidates = [trying.build(key) for key in keys]
    best = choose(candidates, max_bytes)
    if not only_exact:
        for another in (_by_person, _own_choice):
            with contextlib.suppress(IndexUnusable):  # then the others serve
                candidates += another(trying, best, max_bytes)
                best = choose(candidates, max_bytes)
    trying.keep(best.measured)
    exact = [each.milliseconds for each in candidates if each.is_exact]
    return best, exact[0] if exact else None


def _by_person(trying: Trying, best: Choice, max_bytes: int) -> list[Measured]:
    """The candidate that looks for people first, where it is worth building."""
    written = trying.written
    key = key_by_person(written.count, trying.people, written.dimension, max_bytes, best.measured)
    return [trying.build_by_person(key, best.measured)] if key else []


def _own_choice(trying: Trying, best: Choice, max_bytes: int) -> list[Measured]:
    """AutoFaiss's own, where exact search fits the memory and a trial promises enough."""
    written = trying.written
    if best.reason not in WEIGHED or not could_save(best.measured):
        return []
    own = own_choice(written.count, written.dimension, max_bytes)
    if not own.startswith(("HNSW", "IVF")):
        return []
    is_worth_it = is_worth_building(*trying.tried(own), written.count, best.measured)
    return [trying.build(own)] if is_worth_it else []


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

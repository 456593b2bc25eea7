"""AutoFaiss, quiet and bounded: what its command line builds, without its noise and its closing speed test.

``autofaiss.build_index`` checks its arguments, picks a kind of index, calls ``create_index``, tunes the
search effort to use up a time budget and ends with a speed test of up to ten seconds. We call the same
steps (``get_optimal_index_keys_v2``, ``create_index``) and measure for ourselves what we need to know.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..types import IndexUnusable
from .policy import EXACT, EXACT_NUMBERS, exact_bytes

BATCH_BYTES = 256 * 1024 * 1024  # of vectors AutoFaiss holds beside the index while adding
PARTS_AT_ONCE = 2


def keys_to_try(count: int, dimension: int, max_bytes: int) -> list[str]:
    """The kinds worth building for so many vectors: exact search, AutoFaiss's own choice, or both.

    AutoFaiss's choice stays out where exact search is fast already, and exact search where it does not fit.
    """
    fits = exact_bytes(count, dimension) <= max_bytes
    if fits and count * dimension <= EXACT_NUMBERS:
        return [EXACT]
    own = _own_choice(count, dimension, max_bytes)
    keys = [EXACT] * fits + [own] * (own not in (None, EXACT))
    return [key for key in keys if key] or [EXACT]


def _own_choice(count: int, dimension: int, max_bytes: int) -> str | None:
    with quiet():
        from autofaiss.external.metadata import IndexMetadata
        from autofaiss.external.optimize import get_optimal_index_keys_v2

        keys = get_optimal_index_keys_v2(count, dimension, f"{max_bytes}B")
        for key in keys or ():
            if IndexMetadata(key, count, dimension).estimated_index_size_in_bytes() <= max_bytes:
                return str(key)
    return None


def create(folder: Path, key: str, on_rows: Callable[[int], None]) -> Any:
    """Let AutoFaiss build an index of this kind, metric inner product, from a folder of part files.

    ``on_rows`` is told how many vectors were read, and may raise to stop the build. Raises IndexUnusable
    where AutoFaiss reports a failure.
    """
    with quiet():
        from autofaiss.external.build import create_index
        from autofaiss.external.metadata import IndexMetadata

        reader = _reader(folder, on_rows)
        size = IndexMetadata(key, int(reader.count), reader.dimension).estimated_index_size_in_bytes()
        memory = f"{int(size) + BATCH_BYTES}B"
        try:
            index, _ = create_index(reader, key, "ip", memory)
        except (RuntimeError, ValueError, MemoryError) as error:
            raise IndexUnusable(f"AutoFaiss could not build a {key} index: {error}") from error
    if index is None or index.ntotal != reader.count:
        raise IndexUnusable(f"AutoFaiss gave no usable {key} index; the previous one stays in use.")
    return index


def tune_to_time(index: Any, key: str, max_query_ms: float) -> str:
    """AutoFaiss's own search effort for a time budget per face; for kinds that lose accuracy anyway."""
    with quiet():
        from autofaiss.external.optimize import get_optimal_hyperparameters

        return str(get_optimal_hyperparameters(index, key, max_speed_ms=max_query_ms))


def _reader(folder: Path, on_rows: Callable[[int], None]) -> Any:
    from embedding_reader import EmbeddingReader

    class Reader(EmbeddingReader):  # type: ignore[misc]  # the package has no types
        """Reads a few pieces ahead instead of 4 GB, shows no bar, and reports each batch."""

        def __call__(self, batch_size: int, start: int = 0, end: int | None = None) -> Iterator[Any]:
            read = 0
            batches = super().__call__(
                batch_size, start, end, parallel_pieces=PARTS_AT_ONCE, show_progress=False
            )
            for batch in batches:
                on_rows(read)
                yield batch
                read += len(batch[0])
            on_rows(read)

    return Reader(str(folder), file_format="npy")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Nothing AutoFaiss logs or prints gets out."""
    logger = logging.getLogger("autofaiss")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logger.setLevel(before)

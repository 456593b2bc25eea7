"""AutoFaiss, quiet and bounded: what its command line builds, without its noise and its closing speed test.

``autofaiss.build_index`` checks its arguments, picks a kind of index, calls ``create_index``, tunes the
search effort until a time budget is used up, and ends with a speed test of up to ten seconds. We name the
kind ourselves, call the same ``create_index``, and measure what we need to know (see ``measure``).
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..types import IndexUnusable
from .files import COMPRESSED, EMBEDDINGS
from .partfiles import PartFiles
from .threads import use_all_threads

BATCH_BYTES = 256 * 1024 * 1024  # of vectors AutoFaiss holds beside the index while adding
PIECES_AT_ONCE = 2
TRAINING_PER_LIST = 40  # vectors; AutoFaiss would take 100, Faiss warns below 39
TRAINING_FOR_CODES = 4_096  # as many as Faiss uses for 16 centroids


def own_choice(count: int, dimension: int, max_bytes: int) -> str:
    """The kind of index AutoFaiss itself would build of so many vectors within so much memory."""
    with quiet():
        from autofaiss.external.optimize import get_optimal_index_keys_v2

        return str(get_optimal_index_keys_v2(count, dimension, f"{max_bytes}B")[0])


def create(directory: Path, parts: PartFiles, key: str, on_rows: Callable[[int], None]) -> Any:
    """Let AutoFaiss build an index of this kind from the part files of ``directory``.

    The metric is the inner product, of compressed kinds the squared distance.
    ``on_rows`` is told how many vectors were read, and may raise to stop the build. Raises IndexUnusable
    where AutoFaiss reports a failure.
    """
    with quiet():
        import faiss

        use_all_threads(faiss)
        reader = _reader(directory / EMBEDDINGS, parts, key, on_rows)
        try:
            index = _added(reader, parts, key) if key.startswith(COMPRESSED) else _created(reader, key)
        except (RuntimeError, ValueError, TypeError, MemoryError) as error:
            raise IndexUnusable(f"AutoFaiss could not build a {key} index: {error}") from error
    if index is None or index.ntotal != reader.count:
        raise IndexUnusable(f"AutoFaiss gave no usable {key} index; the previous one stays in use.")
    return index


def _created(reader: Any, key: str) -> Any:
    from autofaiss.external.build import create_index

    return create_index(reader, key, "ip", _memory(reader, key))[0]


def _added(reader: Any, parts: PartFiles, key: str) -> Any:
    """AutoFaiss has no name for this kind and would not train it: it gets it trained, and fills it.

    Its metric is the squared distance, by which unit vectors have the order of the inner product. What compression
    does to a distance grows with the distance itself, so near ones are known best; to an inner product it does the
    same everywhere. Faces' vectors lie in a narrow cone, where that decides who is second (docs/index.md).
    """
    import faiss
    from autofaiss.external.build import add_embeddings_to_index
    from autofaiss.external.metadata import IndexMetadata

    index = faiss.index_factory(reader.dimension, key, faiss.METRIC_L2)
    index.train(parts.take(np.linspace(0, len(parts) - 1, TRAINING_FOR_CODES).astype(np.int64)))
    larger = IndexMetadata("Flat", int(reader.count), reader.dimension)
    return add_embeddings_to_index(reader, index, larger, _memory(reader, "Flat"))[0]


def _memory(reader: Any, key: str) -> str:
    """What AutoFaiss may use: the index, and a batch of vectors."""
    from autofaiss.external.metadata import IndexMetadata

    size = IndexMetadata(key, int(reader.count), reader.dimension).estimated_index_size_in_bytes()
    return f"{int(size) + BATCH_BYTES}B"


def _reader(folder: Path, parts: PartFiles, key: str, on_rows: Callable[[int], None]) -> Any:
    import pandas as pd
    from embedding_reader import EmbeddingReader

    lists = re.search(r"IVF(\d+)", key)
    most_for_training = TRAINING_PER_LIST * int(lists[1]) if lists else 0

    class Reader(EmbeddingReader):  # type: ignore[misc]  # the package has no types
        """Reads two pieces ahead instead of 4 GB, shows no bar, and reports each batch.

        AutoFaiss asks for the first rows to train on; it gets fewer, from all over, since those of the people
        who joined first would teach it little about the others.
        """

        def __call__(self, batch_size: int, start: int = 0, end: int | None = None) -> Iterator[Any]:
            read = 0
            on_rows(read)
            if end is not None:
                rows = np.linspace(0, len(parts) - 1, min(end, most_for_training)).astype(np.int64)
                yield parts.take(rows), pd.DataFrame({"i": rows})
                return
            for batch in super().__call__(
                batch_size, start, end, parallel_pieces=PIECES_AT_ONCE, show_progress=False
            ):
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

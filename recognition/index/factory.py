"""Makes a Faiss index of a given kind from the part files of a build, with AutoFaiss.

``autofaiss.build_index`` checks its arguments, picks a kind of index, calls ``create_index``, tunes the
search effort until a time budget is used up, and ends with a speed test of up to ten seconds. We name the
kind ourselves, call the same ``create_index``, quiet and bounded, and measure what we need to know (see
``measure``).

An index by person has people as its lists: those whose mean vector is nearest are looked through, reference
by reference. A gallery is grouped already, so the long part of a search can be made over people, of whom
there are several times fewer than references. For Faiss it is an inverted file like any other. Nothing is
learnt for its lists, which for so many of them would take hours; AutoFaiss builds the index of the means, and
references go to the list of their person.
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
from numpy.typing import NDArray

from recognition.errors import IndexUnusable
from recognition.index.files import EMBEDDINGS_FOLDER
from recognition.index.parts import PartFiles, write_temporary_parts
from recognition.index.searcher import use_all_threads
from recognition.types import Embeddings

COMPRESSED_PREFIX = "PQ"  # how their keys begin
BATCH_BYTES = 256 * 1024 * 1024  # of vectors AutoFaiss holds beside the index while adding
PIECES_AT_ONCE = 2
TRAINING_PER_LIST = 40  # vectors; AutoFaiss would take 100, Faiss warns below 39
TRAINING_FOR_CODES = 4_096  # as many as Faiss uses for 16 centroids


def choose_autofaiss_key(count: int, dimension: int, max_bytes: int) -> str:
    """The kind of index AutoFaiss itself would build of so many vectors within so much memory."""
    with silence_autofaiss():
        from autofaiss.external.optimize import get_optimal_index_keys_v2

        return str(get_optimal_index_keys_v2(count, dimension, f"{max_bytes}B")[0])


def create_faiss_index(directory: Path, parts: PartFiles, key: str, on_rows: Callable[[int], None]) -> Any:
    """Let AutoFaiss build an index of this kind from the part files of ``directory``.

    The metric is the inner product, of compressed kinds the squared distance.
    ``on_rows`` is told how many vectors were read, and may raise to stop the build. Raises IndexUnusable
    where AutoFaiss reports a failure.
    """
    with silence_autofaiss():
        import faiss

        use_all_threads(faiss)
        reader = _open_reader(directory / EMBEDDINGS_FOLDER, parts, key, on_rows)
        try:
            index = (
                _create_compressed(reader, parts, key)
                if key.startswith(COMPRESSED_PREFIX)
                else _create_untrained(reader, key)
            )
        except (RuntimeError, ValueError, TypeError, MemoryError) as error:
            raise IndexUnusable(f"AutoFaiss could not build a {key} index: {error}") from error
    if index is None or index.ntotal != reader.count:
        raise IndexUnusable(f"AutoFaiss gave no usable {key} index; the previous one stays in use.")
    return index


def _create_untrained(reader: Any, key: str) -> Any:
    from autofaiss.external.build import create_index

    return create_index(reader, key, "ip", _estimate_memory(reader, key))[0]


def _create_compressed(reader: Any, parts: PartFiles, key: str) -> Any:
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
    return add_embeddings_to_index(reader, index, larger, _estimate_memory(reader, "Flat"))[0]


def _estimate_memory(reader: Any, key: str) -> str:
    """What AutoFaiss may use: the index, and a batch of vectors."""
    from autofaiss.external.metadata import IndexMetadata

    size = IndexMetadata(key, int(reader.count), reader.dimension).estimated_index_size_in_bytes()
    return f"{int(size) + BATCH_BYTES}B"


def _open_reader(folder: Path, parts: PartFiles, key: str, on_rows: Callable[[int], None]) -> Any:
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
def silence_autofaiss() -> Iterator[None]:
    """Nothing AutoFaiss logs or prints gets out."""
    logger = logging.getLogger("autofaiss")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logger.setLevel(before)


BY_PERSON_KEY = re.compile(
    r"IVF\d+\((.+)\),SQ8"
)  # as Faiss's factory names it; in brackets the index of the means
TRAINING_ROWS = 20_000  # vectors that show how far their numbers reach


def create_by_person(
    directory: Path,
    parts: PartFiles,
    key: str,
    persons: NDArray[np.int64],
    left_out: NDArray[np.int64],
    on_rows: Callable[[int], None],
) -> Any:
    """An index of kind ``IVFn(PQmx4fs),SQ8`` of the part files, whose rows belong to ``persons`` (rows,).

    Rows ``left_out`` have no part in the means, so that they can stand for new faces when it is measured. ``on_rows``
    is told how many vectors are in the lists, and may raise to stop. Raises IndexUnusable where AutoFaiss reports a
    failure or Faiss cannot build it.
    """
    kind = BY_PERSON_KEY.fullmatch(key)
    if kind is None:
        raise ValueError(f"{key} is no index by person")
    lists = np.unique(persons, return_inverse=True)[1].astype(np.int64)
    try:
        vectors = average_lists(parts, lists, left_out, lambda: on_rows(0))
        with write_temporary_parts(directory / "people", vectors) as of_people:
            quantizer = create_faiss_index(directory / "people", of_people, kind[1], lambda _: on_rows(0))
        return _fill_lists(quantizer, len(vectors), parts, lists, on_rows)
    except (RuntimeError, MemoryError) as error:
        raise IndexUnusable(f"Faiss could not build a {key} index: {error}") from error


def _fill_lists(
    quantizer: Any, people: int, parts: PartFiles, lists: NDArray[np.int64], on_rows: Callable[[int], None]
) -> Any:
    import faiss
    from faiss.contrib.ivf_tools import add_preassigned

    bits, metric = faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    index = faiss.IndexIVFScalarQuantizer(quantizer, parts.dimension, people, bits, metric, False)
    index.train(parts.take(np.linspace(0, len(parts) - 1, min(TRAINING_ROWS, len(parts))).astype(np.int64)))
    for first, chunk in parts.chunks():
        rows = np.arange(first, first + len(chunk))
        vectors = np.ascontiguousarray(chunk)
        add_preassigned(index, vectors, lists[rows], rows)  # type: ignore[no-untyped-call]  # faiss.contrib has no types
        on_rows(first + len(chunk))
    return index


def average_lists(
    parts: PartFiles, lists: NDArray[np.int64], left_out: NDArray[np.int64], on_chunk: Callable[[], None]
) -> Embeddings:
    """The mean vector (lists, dimension) of the rows of each list, but for those left out, unless these are all."""
    count = int(lists.max()) + 1
    weights = np.ones(len(lists), np.float32)
    weights[left_out] = 0
    weights[np.bincount(lists, weights, count)[lists] == 0] = 1
    found = np.zeros((count, parts.dimension), np.float32)
    for first, chunk in parts.chunks():
        on_chunk()
        here = slice(first, first + len(chunk))
        order = np.argsort(lists[here], kind="stable")
        starts = np.flatnonzero(np.diff(lists[here][order], prepend=-1))
        weighed = (chunk * weights[here, None])[order]
        found[lists[here][order[starts]]] += np.add.reduceat(weighed, starts, axis=0)
    found /= np.bincount(lists, weights, count).astype(np.float32)[:, None]
    return found

"""AutoFaiss on Spark: many computers fill an index from the part files, each writes a partition of it.

The lists are learnt here, from a part of the vectors. A task that dies with its executor is run again elsewhere.
"""

from __future__ import annotations

import math
import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recognition.errors import IndexUnusable
from recognition.index.factory import BATCH_BYTES, silence_autofaiss
from recognition.index.files import EMBEDDINGS_FOLDER, INDEX_FILE
from recognition.index.searcher import get_max_threads

LISTS_PER_ROOT = 4  # lists for each unit of the square root of how many vectors there are
MIN_LIST_ROWS = 64  # of a list, on average, to learn it from
ATTEMPTS = 8  # of a task, after which the build fails
SPARE_MEMORY = 2 * 1024**3  # beside the index, for a batch and to learn the lists


@dataclass(frozen=True, slots=True)
class SparkOptions:
    """``master``: as spark://host:7077, or local-cluster[2,1,1024]. Smaller builds than ``min_vectors`` stay here.

    ``folder``: an address that fsspec knows and every executor reaches, for part files and partial indices; without
    one they lie in the build's own directory, which every executor must see under the same path.
    """

    master: str
    min_vectors: int = 1_000_000
    partitions: int = 2
    folder: str = ""


def choose_spark_key(count: int) -> str:
    """The kind that executors can fill side by side: eight bits a number, in lists."""
    lists = 2 ** round(math.log2(LISTS_PER_ROOT * math.sqrt(count)))
    return f"IVF{max(1, min(lists, count // MIN_LIST_ROWS))},SQ8"


def build_on_spark(directory: Path, count: int, options: SparkOptions, max_query_ms: float) -> str:
    """Fill the partitions of the build in ``directory`` from its part files; the kind they are of.

    Raises IndexUnusable where Spark or AutoFaiss fails.
    """
    key = choose_spark_key(count)
    try:
        with _start_spark(options), _share_folder(directory, options) as place, silence_autofaiss():
            _call_autofaiss(place, key, count, options, max_query_ms)
    except IndexUnusable:
        raise
    except Exception as error:  # py4j's, Spark's and Faiss's have nothing in common
        raise IndexUnusable(f"Spark could not build the index: {str(error)[:500]}") from error
    if len(list(directory.glob(f"{INDEX_FILE}[0-9]*"))) != options.partitions:
        raise IndexUnusable(f"Spark wrote no {key} index; see its log.")
    return key


def _call_autofaiss(place: str, key: str, count: int, options: SparkOptions, max_query_ms: float) -> None:
    import faiss
    from autofaiss import build_index
    from autofaiss.external import quantize
    from autofaiss.indices import training
    from embedding_reader import EmbeddingReader

    training.index_factory = faiss.index_factory  # see as_autofaiss
    quantize.setup_logging = lambda logging_level: None
    folder = f"{place}/{EMBEDDINGS_FOLDER}"
    dimension = EmbeddingReader(folder, file_format="npy").dimension
    size = count * (dimension + 8)  # eight bits a number, and the row's
    build_index(
        folder,
        index_path=f"{place}/{INDEX_FILE}",
        index_infos_path=f"{place}/spark_infos.json",
        distributed="pyspark",
        temporary_indices_folder=f"{place}/partial",
        nb_indices_to_keep=options.partitions,
        index_key=key,
        index_param="nprobe=16",  # tuned afterwards, on all partitions
        max_index_query_time_ms=max_query_ms,
        max_index_memory_usage=f"{2 * size}B",
        current_memory_available=f"{2 * size + BATCH_BYTES + SPARE_MEMORY}B",
        metric_type="ip",
        nb_cores=get_max_threads(),
    )


@contextmanager
def _start_spark(options: SparkOptions) -> Iterator[Any]:
    """A session, which AutoFaiss finds by itself; executors run the Python of this process."""
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise IndexUnusable("Builds on Spark need: pip install -r requirements-scale.txt") from error
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master(options.master).appName("Facesite")
    for name, value in {
        "spark.ui.enabled": "false",
        "spark.task.maxFailures": str(ATTEMPTS),
        "spark.default.parallelism": str(options.partitions),
    }.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    try:
        yield session
    finally:
        session.stop()


@contextmanager
def _share_folder(directory: Path, options: SparkOptions) -> Iterator[str]:
    """Where executors find the part files, and write to; what they wrote is in ``directory`` afterwards."""
    if not options.folder:
        yield f"file://{directory.absolute()}"
        return
    import fsspec

    place = f"{options.folder.rstrip('/')}/{uuid.uuid4().hex}"
    files, path = fsspec.core.url_to_fs(place)
    try:
        files.makedirs(path, exist_ok=True)
        files.put(f"{directory / EMBEDDINGS_FOLDER}", f"{path}/{EMBEDDINGS_FOLDER}", recursive=True)
        yield place
        for each in files.glob(f"{path}/{INDEX_FILE}[0-9]*"):
            files.get(each, str(directory / Path(each).name))
    finally:
        files.rm(path, recursive=True)

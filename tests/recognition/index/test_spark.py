"""Builds on Spark: a local cluster of two executors, in processes of their own."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import faiss
import numpy as np
import pytest

from recognition.errors import IndexUnusable
from recognition.index import Index, LiveIndex, SparkOptions, builder
from recognition.index.partitions import list_index_files, open_faiss_index
from recognition.index.parts import PartFiles
from tests.recognition.index.vectors import clustered, in_parts

DIMENSION = 16
COUNT = 20_000
MASTER = "local-cluster[2,1,1024]"
needs_spark = pytest.mark.skipif(
    find_spec("pyspark") is None or shutil.which("java") is None,
    reason="BUILDS ON SPARK ARE NOT TESTED: they need requirements-scale.txt and Java (openjdk-17-jre-headless)",
)


@needs_spark
@pytest.mark.slow
def test_two_executors_fill_an_index_although_one_is_killed(tmp_path: Path) -> None:
    vectors, killed, is_over = clustered(COUNT, DIMENSION), list[int](), threading.Event()
    watcher = threading.Thread(target=kill_an_executor, args=(killed, is_over), daemon=True)
    watcher.start()
    shared = f"file://{tmp_path / 'shared'}"
    figures = builder.build(
        in_parts(vectors),
        tmp_path / "one",
        embedder_id="a-1",
        dimension=DIMENSION,
        spark=SparkOptions(MASTER, COUNT, 2, shared),
    )
    is_over.set()
    watcher.join()
    assert len(killed) == 1
    assert (figures.reason, figures.count, figures.metric_type) == ("spark", COUNT, "ip")
    assert figures.recall >= 0.99
    assert [path.name for path in list_index_files(tmp_path / "one")] == ["knn.index0", "knn.index1"]
    assert list((tmp_path / "shared").iterdir()) == []

    live = LiveIndex("a-1", DIMENSION, Index.load(tmp_path / "one", "a-1"))
    asked = vectors[::400]
    found = live.search(asked, 5)
    assert np.mean([hits[0].reference == row * 400 + 1 for row, hits in enumerate(found)]) >= 0.98
    for row, hits in enumerate(found):
        for hit in hits:
            assert hit.similarity == pytest.approx(asked[row] @ vectors[hit.reference - 1], abs=1e-5)
    live.apply(removed=[1])
    assert 1 not in {hit.reference for hit in live.search(asked[:1], 50)[0]}
    (tmp_path / "one/knn.index1").unlink()
    with pytest.raises(IndexUnusable, match="not the file that was written"):
        Index.load(tmp_path / "one", "a-1")


def fill_two_partitions(directory: Path, count: int, options: SparkOptions, max_query_ms: float) -> str:
    """What executors would write."""
    parts = PartFiles.open(directory)
    for number, rows in enumerate(np.array_split(np.arange(count), 2)):
        filled = faiss.index_factory(DIMENSION, "IVF8,SQ8", faiss.METRIC_INNER_PRODUCT)
        filled.train(parts.take(np.arange(count)))
        filled.add_with_ids(parts.take(rows), rows)
        faiss.write_index(filled, str(directory / f"knn.index{number}"))
    return "IVF8,SQ8"


def test_partitions_are_searched_as_one_and_their_effort_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder, "build_on_spark", fill_two_partitions)
    vectors = clustered(2_000, DIMENSION)
    figures = builder.build(
        in_parts(vectors),
        tmp_path / "one",
        embedder_id="a-1",
        dimension=DIMENSION,
        spark=SparkOptions(MASTER, 2_000),
    )
    assert (figures.index_key, figures.reason, figures.recall) == (
        "IVF8,SQ8",
        "spark",
        pytest.approx(1, abs=0.02),
    )
    opened = Index.load(tmp_path / "one", "a-1")
    ids, similarities = opened.search(vectors[[3, 1_700]], 2_000)
    assert (ids[:, 0] == [4, 1_701]).all()
    assert (
        np.sort(ids, axis=1) == np.arange(1, 2_001)
    ).all()  # more lists are searched where few hold so many
    np.testing.assert_allclose(similarities[0], vectors[ids[0] - 1] @ vectors[3], atol=1e-5)
    partitions = open_faiss_index(list_index_files(tmp_path / "one"), "nprobe=5")
    assert [faiss.extract_index_ivf(each).nprobe for each in partitions.parts] == [5, 5]


def kill_an_executor(killed: list[int], is_over: threading.Event) -> None:
    """The first that has begun to work: it has a Python process."""
    while not is_over.wait(0.02):
        for executor in find_processes("CoarseGrainedExecutorBackend"):
            if find_children(executor):
                os.kill(executor, signal.SIGKILL)
                killed.append(executor)
                return


def find_processes(word: str) -> list[int]:
    """Descendants of this process with a word in their command."""
    return [pid for pid in find_descendants(os.getpid()) if word in read_command(pid)]


def find_descendants(pid: int) -> list[int]:
    children = find_children(pid)
    return children + [each for child in children for each in find_descendants(child)]


def find_children(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(each) for task in tasks for each in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def read_command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def test_fewer_vectors_than_said_stay_on_this_computer(tmp_path: Path) -> None:
    options = SparkOptions("spark://127.0.0.1:1", 101)
    figures = builder.build(
        in_parts(clustered(100, DIMENSION)),
        tmp_path / "one",
        embedder_id="a-1",
        dimension=DIMENSION,
        spark=options,
    )
    assert figures.reason == "small"


def test_without_pyspark_the_build_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(IndexUnusable, match=r"requirements-scale\.txt"):
        builder.build(
            in_parts(clustered(100, DIMENSION)),
            tmp_path / "one",
            embedder_id="a-1",
            dimension=DIMENSION,
            spark=SparkOptions(MASTER, 100),
        )
    assert list(tmp_path.iterdir()) == []

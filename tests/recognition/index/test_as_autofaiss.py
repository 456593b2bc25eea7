"""What AutoFaiss's own ``build_index`` makes, whatever its kind: searched, masked and described like any other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import autofaiss
import faiss
import numpy as np
import pytest

from recognition.errors import IndexUnusable
from recognition.index import AutofaissOptions, BuildFigures, Index, LiveIndex, builder
from tests.recognition.index.vectors import clustered, in_parts

DIMENSION = 16
VECTORS = clustered(1200, DIMENSION)


def build(directory: Path, key: str = "", metric: str = "ip", count: int = 1200, **more: Any) -> BuildFigures:
    return builder.build(
        in_parts(VECTORS[:count]),
        directory,
        embedder_id="a-1",
        dimension=DIMENSION,
        autofaiss=AutofaissOptions(metric, key),
        **{"max_query_ms": 2.0, **more},
    )


@pytest.mark.parametrize(
    ("key", "metric", "built", "kind"),
    [
        ("", "ip", "HNSW15", "IndexHNSWFlat"),
        ("HNSW8", "l2", "HNSW8", "IndexHNSWFlat"),
        ("Flat", "l2", "Flat", "IndexFlatL2"),
        ("IVF8,Flat", "ip", "IVF8,Flat", "IndexIVFFlat"),
        ("IVF8,SQ8", "ip", "IVF8,SQ8", "IndexIVFScalarQuantizer"),
        ("IVF8,PQ8x4", "ip", "IVF8,PQ8x4", "IndexIVFPQ"),
        ("IVF8,PQ8x4", "l2", "IVF8,PQ8x4", "IndexIVFPQ"),
        ("OPQ4_16,IVF8,PQ4x4", "ip", "OPQ4_16,IVF8,PQ4x4", "IndexPreTransform"),
    ],
)
def test_every_kind_finds_the_nearest_with_the_vectors_own_similarities(
    tmp_path: Path, key: str, metric: str, built: str, kind: str
) -> None:
    figures = build(tmp_path / "one", key, metric)
    assert (figures.index_key, figures.reason) == (built, "named" if key else "autofaiss")
    assert figures.recall > 0.97
    opened = faiss.read_index(str(tmp_path / "one/knn.index"))
    assert type(opened).__name__ == kind
    infos = json.loads((tmp_path / "one/infos.json").read_text())
    assert (infos["metric_type"], infos["index_key"]) == (metric, built)
    assert infos["answers"].startswith("inner products" if metric == "ip" else "squared distances")
    answered = opened.search(VECTORS[5:6], 3)[0][0]
    assert (np.diff(answered) <= 0).all() if metric == "ip" else (np.diff(answered) >= 0).all()

    live = LiveIndex("a-1", DIMENSION, Index.load(tmp_path / "one", "a-1"))
    found = live.search(VECTORS[::12], 5)
    assert np.mean([hits[0].reference for hits in found] == np.arange(1, 1201, 12)) > 0.97
    similarities = [
        hit.similarity - VECTORS[12 * row] @ VECTORS[hit.reference - 1]
        for row, hits in enumerate(found)
        for hit in hits
    ]
    np.testing.assert_allclose(similarities, 0, atol=1e-5)


@pytest.mark.parametrize("key", ["HNSW8", "IVF8,PQ8x4", "OPQ4_16,IVF8,PQ4x4"])
def test_what_is_removed_is_never_found_and_what_is_added_at_once(tmp_path: Path, key: str) -> None:
    build(tmp_path / "one", key)
    live = LiveIndex("a-1", DIMENSION, Index.load(tmp_path / "one", "a-1"))
    person = VECTORS[100:110]
    live.apply(removed=range(101, 111), added=[5000], persons=[77], vectors=person[:1])
    for hits in live.search(person, 60):
        assert not {hit.reference for hit in hits} & set(range(101, 111))
        assert len(hits) == 60
    assert live.search(person[:1], 1)[0][0].reference == 5000
    left = set(range(1, 1201, 400))
    live.apply(removed=set(range(1, 1201)) - left)
    assert {hit.reference for hit in live.search(person, 60)[0]} == left | {5000}


def test_autofaiss_is_asked_with_the_owners_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    build_index = autofaiss.build_index

    def watched(embeddings: str, **options: Any) -> Any:
        asked.update(options)
        return build_index(embeddings, **options)

    monkeypatch.setattr(autofaiss, "build_index", watched)
    build(tmp_path / "one", "HNSW15", "l2", max_query_ms=0.1, max_memory="100MB")
    assert (asked["index_key"], asked["metric_type"], asked["max_index_query_time_ms"]) == (
        "HNSW15",
        "l2",
        0.1,
    )
    assert asked["max_index_memory_usage"] == f"{100 * 2**20}B"


def test_it_prints_nothing_and_leaves_logging_as_it_was(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    build(tmp_path / "one")
    assert capfd.readouterr() == ("", "")
    assert not [record for record in caplog.records if record.name == "autofaiss"]


def test_too_few_references_to_learn_from_are_searched_exactly(tmp_path: Path) -> None:
    figures = build(tmp_path / "one", "IVF64,PQ8x8", count=200)
    assert (figures.index_key, figures.reason) == ("Flat", "too few")
    assert build(tmp_path / "none", "IVF64,PQ8x8", count=0).count == 0


@pytest.mark.parametrize(
    ("key", "memory", "words"), [("IVF8,PQ5x4", "1GB", "multiple"), ("HNSW32", "1KB", "allow more memory")]
)
def test_what_cannot_be_built_is_said_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, memory: str, words: str
) -> None:
    monkeypatch.setattr("recognition.index.as_autofaiss.BATCH_BYTES", 1000)
    with pytest.raises(IndexUnusable, match=words):
        build(tmp_path / "one", key, max_memory=memory)
    assert list(tmp_path.iterdir()) == []

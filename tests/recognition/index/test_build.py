"""A build: what is on disk afterwards, what is refused, and that nothing is left of one that failed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import faiss
import numpy as np
import pandas as pd
import pytest

from recognition.errors import EmbedderMismatch, IndexUnusable
from recognition.index import (
    BuildCancelled,
    Index,
    Part,
    builder,
    files,
    measure,
    parts,
    policy,
    read_figures,
    remove_partials,
)
from recognition.index.builder import draw_whole_people
from recognition.index.policy import estimate_compressed_bytes
from tests.recognition.index.vectors import clustered, in_parts

DIMENSION = 16


def build_small(directory: Path, count: int = 100) -> np.ndarray:
    vectors = clustered(count, DIMENSION)
    builder.build(in_parts(vectors, 30), directory, embedder_id="a-1", dimension=DIMENSION)
    return vectors


def test_a_build_opens_with_plain_faiss_and_plain_pandas(tmp_path: Path) -> None:
    vectors = build_small(tmp_path / "one")
    table = pd.read_parquet(tmp_path / "one/metadata/metadata_0.parquet")
    index = faiss.read_index(str(tmp_path / "one/knn.index"))
    similarities, rows = index.search(vectors[40:41], 1)
    assert index.metric_type == faiss.METRIC_INNER_PRODUCT
    assert json.loads((tmp_path / "one/infos.json").read_text())["metric_type"] == "ip"
    assert table.loc[rows[0, 0]].to_dict() == {
        "image_path": "people/4/40.jpg",
        "person": "Person 4",
        "reference": 41,
        "person_id": 4,
    }
    assert similarities[0, 0] == pytest.approx(1, abs=1e-5)
    np.testing.assert_array_equal(np.load(tmp_path / "one/img_emb/img_emb_0.npy"), vectors)


def test_infos_hold_the_keys_autofaiss_writes_and_the_figures_that_were_measured(tmp_path: Path) -> None:
    build_small(tmp_path / "one")
    infos = json.loads((tmp_path / "one/infos.json").read_text())
    assert {"index_key", "index_param", "size in bytes", "nb vectors", "vectors dimension"} <= infos.keys()
    figures = read_figures(tmp_path / "one", "a-1")
    assert (figures.count, figures.index_key, figures.recall, figures.reason) == (100, "Flat", 1.0, "small")
    assert figures.milliseconds_per_photo > 0


def test_rows_keep_their_order_over_more_than_ten_part_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PART_NUMBERS", 10 * DIMENSION)
    vectors = clustered(125, DIMENSION)
    builder.build(in_parts(vectors, 10), tmp_path / "one", embedder_id="a-1", dimension=DIMENSION)
    names = sorted(path.name for path in (tmp_path / "one/img_emb").iterdir())
    assert (len(names), names[0], names[-1]) == (13, "img_emb_00.npy", "img_emb_12.npy")
    ids, similarities = Index.load(tmp_path / "one", "a-1").search(vectors, 1)
    np.testing.assert_array_equal(ids[:, 0], np.arange(1, 126))
    np.testing.assert_allclose(similarities, 1, atol=1e-5)


def test_only_one_part_file_is_held_while_parts_stream_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PART_NUMBERS", 10 * DIMENSION)
    on_disk: list[int] = []

    def watched() -> Iterator[Part]:
        for part in in_parts(clustered(60, DIMENSION), 10):
            yield part
            on_disk.append(len(list(tmp_path.glob(".partial-*/img_emb/*.npy"))))

    builder.build(watched(), tmp_path / "one", embedder_id="a-1", dimension=DIMENSION)
    assert on_disk == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("count", [1, 2, 999, 1001])
def test_any_number_of_references_can_be_built(tmp_path: Path, count: int) -> None:
    vectors = build_small(tmp_path / "one", count)
    ids, _ = Index.load(tmp_path / "one", "a-1").search(vectors[-1:], 5)
    assert ids[0, 0] == count
    assert ids.shape == (1, min(5, count))


def test_no_references_make_an_index_that_finds_nothing(tmp_path: Path) -> None:
    figures = builder.build([], tmp_path / "one", embedder_id="a-1", dimension=DIMENSION)
    ids, _ = Index.load(tmp_path / "one", "a-1").search(clustered(2, DIMENSION), 5)
    assert figures.count == 0
    assert (ids == -1).all()
    assert len(pd.read_parquet(tmp_path / "one/metadata/metadata_0.parquet")) == 0


def test_equal_vectors_are_all_found(tmp_path: Path) -> None:
    vectors = np.repeat(clustered(1, DIMENSION), 7, axis=0)
    builder.build(in_parts(vectors), tmp_path / "one", embedder_id="a-1", dimension=DIMENSION)
    ids, _ = Index.load(tmp_path / "one", "a-1").search(vectors[:1], 7)
    assert set(ids[0]) == set(range(1, 8))


def test_autofaiss_prints_and_logs_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    build_small(tmp_path / "one")
    assert capfd.readouterr() == ("", "")
    assert not [record for record in caplog.records if record.name == "autofaiss"]


def bad_part(vectors: np.ndarray) -> list[Part]:
    numbers = np.arange(len(vectors))
    return [Part(numbers, numbers, vectors)]


@pytest.mark.parametrize(
    ("vectors", "words"),
    [
        (clustered(3, 8), "vectors of 8 numbers"),
        (clustered(3, DIMENSION) * 2, r"length 2\.000"),
        (np.full((3, DIMENSION), np.nan, np.float32), "embed it again"),
        (clustered(3, DIMENSION).astype(np.float64), "float64"),
    ],
)
def test_vectors_that_cannot_be_searched_stop_the_build(
    tmp_path: Path, vectors: np.ndarray, words: str
) -> None:
    with pytest.raises(IndexUnusable, match=words):
        builder.build(bad_part(vectors), tmp_path / "one", embedder_id="a-1", dimension=DIMENSION)
    assert list(tmp_path.iterdir()) == []


def test_a_reference_that_comes_twice_stops_the_build(tmp_path: Path) -> None:
    twice = [*in_parts(clustered(3, DIMENSION)), *in_parts(clustered(3, DIMENSION))]
    with pytest.raises(IndexUnusable, match="twice"):
        builder.build(twice, tmp_path / "one", embedder_id="a-1", dimension=DIMENSION)
    assert list(tmp_path.iterdir()) == []


def test_a_build_never_overwrites_a_directory(tmp_path: Path) -> None:
    vectors = build_small(tmp_path / "one")
    with pytest.raises(FileExistsError):
        builder.build(in_parts(vectors[:5]), tmp_path / "one", embedder_id="a-1", dimension=DIMENSION)
    assert Index.load(tmp_path / "one", "a-1").count == 100


@pytest.mark.parametrize("step", ["write", "build", "check"])
def test_a_cancelled_build_leaves_nothing(tmp_path: Path, step: str) -> None:
    seen: list[str] = []
    with pytest.raises(BuildCancelled):
        builder.build(
            in_parts(clustered(100, DIMENSION)),
            tmp_path / "one",
            embedder_id="a-1",
            dimension=DIMENSION,
            progress=lambda name, _: seen.append(name),
            cancelled=lambda: step in seen,
        )
    assert list(tmp_path.iterdir()) == []


def test_a_failure_at_any_step_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from recognition.index import builder

    steps = [(builder, name) for name in ("write_parts", "choose_index", "compute_sha256", "write_infos")]
    steps += [(builder, name) for name in ("draw_sample", "create_faiss_index", "is_exact")]
    for module, name in steps:
        with monkeypatch.context() as patch:

            def fail(*_: object, **__: object) -> None:
                raise OSError(28, "No space left on device")

            patch.setattr(module, name, fail)
            with pytest.raises(OSError, match="No space"):
                build_small(tmp_path / "one")
            assert list(tmp_path.iterdir()) == [], name
    with monkeypatch.context() as patch:
        patch.setattr(files, "sync_tree", fail)
        with pytest.raises(OSError, match="No space"):
            build_small(tmp_path / "one")
    assert list(tmp_path.iterdir()) == []
    build_small(tmp_path / "one")


def test_what_a_killed_build_left_can_be_cleared(tmp_path: Path) -> None:
    build_small(tmp_path / "one")
    (tmp_path / ".partial-two-abc/img_emb").mkdir(parents=True)
    assert [path.name for path in remove_partials(tmp_path)] == [".partial-two-abc"]
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


def test_an_index_that_does_not_find_its_own_vectors_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scrambled(*_: object) -> faiss.Index:
        index = faiss.IndexFlatIP(DIMENSION)
        index.add(clustered(100, DIMENSION, seed=9))
        return index

    monkeypatch.setattr(builder, "create_faiss_index", scrambled)
    with pytest.raises(IndexUnusable, match="previous one stays"):
        build_small(tmp_path / "one")


def test_nothing_from_autofaiss_is_an_error_with_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autofaiss.external.build.create_index", lambda *_, **__: (None, None))
    with pytest.raises(IndexUnusable, match="previous one stays"):
        build_small(tmp_path / "one")


def test_another_embedders_index_is_refused(tmp_path: Path) -> None:
    build_small(tmp_path / "one")
    with pytest.raises(EmbedderMismatch, match="a-1, not of b-2"):
        Index.load(tmp_path / "one", "b-2")


def damage_missing(directory: Path) -> None:
    (directory / "knn.index").unlink()


def damage_short(directory: Path) -> None:
    path = directory / "knn.index"
    path.write_bytes(path.read_bytes()[:-100])


def damage_flipped(directory: Path) -> None:
    content = bytearray((directory / "knn.index").read_bytes())
    content[len(content) // 2] ^= 0xFF
    (directory / "knn.index").write_bytes(content)


def damage_ids(directory: Path) -> None:
    np.save(directory / "ids.npy", np.arange(5))


def damage_no_persons(directory: Path) -> None:
    (directory / "persons.npy").unlink()


def damage_infos(directory: Path) -> None:
    (directory / "infos.json").write_text("{")


def damage_plain_infos(directory: Path) -> None:
    (directory / "infos.json").write_text('{"index_key": "HNSW15"}')


def damage_no_infos(directory: Path) -> None:
    (directory / "infos.json").unlink()


def damage_everything(directory: Path) -> None:
    directory.rename(directory.parent / "elsewhere")


@pytest.mark.parametrize(
    "damage",
    [
        damage_missing,
        damage_short,
        damage_flipped,
        damage_ids,
        damage_no_persons,
        damage_infos,
        damage_plain_infos,
        damage_no_infos,
        damage_everything,
    ],
)
def test_a_broken_directory_says_so_and_what_to_do(tmp_path: Path, damage: object) -> None:
    build_small(tmp_path / "one")
    assert callable(damage)
    damage(tmp_path / "one")
    with pytest.raises(IndexUnusable, match=r"build (the index again|one with)"):
        Index.load(tmp_path / "one", "a-1")


@pytest.fixture
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a gallery of thousands be treated as one of hundreds of thousands."""
    monkeypatch.setattr(policy, "EXACT_NUMBERS", 1000)
    monkeypatch.setattr(policy, "CHEAP_NUMBERS", 1000)


@pytest.fixture
def compressed_is_fastest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        measure, "milliseconds_per_photo", lambda searcher, _: float(not searcher.looks_again)
    )


@pytest.mark.usefixtures("small_is_large", "compressed_is_fastest")
def test_a_compressed_index_finds_what_exact_search_finds_and_exact_similarities(tmp_path: Path) -> None:
    vectors = clustered(20_000, 32)
    figures = builder.build(in_parts(vectors, 5000), tmp_path / "one", embedder_id="a-1", dimension=32)
    assert (figures.index_key, figures.reason) == ("PQ16x4fs", "fastest")
    assert figures.recall >= 0.99
    assert json.loads((tmp_path / "one/infos.json").read_text())["metric_type"] == "l2"
    assert faiss.read_index(str(tmp_path / "one/knn.index")).metric_type == faiss.METRIC_L2
    check_it_finds_the_nearest(tmp_path / "one", vectors)


@pytest.mark.usefixtures("small_is_large", "compressed_is_fastest")
def test_a_compressed_index_knows_who_is_second_where_all_faces_are_somewhat_alike(tmp_path: Path) -> None:
    """As with faces: strangers' similarities are high, and those of different people close to each other."""
    vectors = clustered(20_000, 64) * np.float32(0.4)
    vectors[:, 0] += 1
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    figures = builder.build(in_parts(vectors, 5000), tmp_path / "one", embedder_id="a-1", dimension=64)
    assert figures.index_key == "PQ32x4fs"
    asked = vectors[::20]
    similarities = asked @ vectors.T
    persons = np.arange(len(vectors)) // 10
    similarities[persons[::20, None] == persons] = -1
    second = similarities.max(axis=1)
    assert np.median(second) > 0.85
    ids, found = Index.load(tmp_path / "one", "a-1").search(asked, 50)
    found = np.where(persons[ids - 1] == persons[::20, None], -1, found).max(axis=1)
    assert np.mean(found >= second - 1e-4) > 0.99


@pytest.mark.usefixtures("small_is_large")
def test_what_is_for_other_tools_is_exact_and_an_inner_product_where_memory_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "milliseconds_per_photo", lambda *_: 30.0)
    vectors = clustered(4000, 32)

    def built(name: str, max_memory: str) -> str:
        figures = builder.build(
            in_parts(vectors),
            tmp_path / name,
            embedder_id="a-1",
            dimension=32,
            only_exact=True,
            max_memory=max_memory,
        )
        return figures.index_key

    assert built("plain", "1MB") == "Flat"
    index = faiss.read_index(str(tmp_path / "plain/knn.index"))
    assert index.metric_type == faiss.METRIC_INNER_PRODUCT
    assert index.search(vectors[7:8], 1)[0][0, 0] == pytest.approx(1, abs=1e-5)
    assert built("forced", "0.03MB") == "PQ8x4fs"


@pytest.mark.usefixtures("small_is_large")
def test_autofaiss_s_own_choice_is_built_where_it_is_worth_it_and_keeps_its_search_effort(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "WORTH_GROUPING", 1000.0)
    slow = {"IndexFlat": 60.0, "IndexPQFastScan": 50.0}
    monkeypatch.setattr(
        measure,
        "milliseconds_per_photo",
        lambda searcher, _: next((slow[name] for name in slow if name in searcher.kind), 1.0),
    )
    vectors = clustered(12_000, 32)
    figures = builder.build(in_parts(vectors, 5000), tmp_path / "one", embedder_id="a-1", dimension=32)
    assert (figures.index_key, figures.reason) == ("HNSW32", "fastest")
    assert figures.index_param.startswith("efSearch=")
    there = {path.name for path in (tmp_path / "one").iterdir()}
    assert there == {"img_emb", "metadata", "knn.index", "infos.json", "ids.npy", "persons.npy"}
    check_it_finds_the_nearest(tmp_path / "one", vectors)


def check_it_finds_the_nearest(directory: Path, vectors: np.ndarray) -> None:
    opened = Index.load(directory, "a-1")
    noise = np.random.default_rng(1).standard_normal((200, vectors.shape[1])).astype(np.float32)
    queries = vectors[:: len(vectors) // 200][:200] + noise * 0.05
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    exact = np.argmax(queries @ vectors.T, axis=1) + 1
    ids, similarities = opened.search(queries, 10)
    assert np.mean(ids[:, 0] == exact) >= 0.99
    np.testing.assert_allclose(
        similarities[:, 0], np.einsum("ij,ij->i", queries, vectors[ids[:, 0] - 1]), atol=1e-5
    )


@pytest.mark.usefixtures("small_is_large")
def test_where_memory_forces_compression_the_figures_say_so_and_similarities_stay_exact(
    tmp_path: Path,
) -> None:
    vectors = clustered(4000, 32)
    figures = builder.build(
        in_parts(vectors), tmp_path / "one", embedder_id="a-1", dimension=32, max_memory="0.03MB"
    )
    assert (figures.index_key, figures.reason) == ("PQ8x4fs", "memory")
    assert figures.bytes <= figures.max_bytes
    assert 0.5 < figures.recall <= 1
    opened = Index.load(tmp_path / "one", "a-1")
    ids, similarities = opened.search(vectors[:50], 5)
    expected = np.einsum("nd,nkd->nk", vectors[:50], vectors[ids - 1])
    np.testing.assert_allclose(similarities, expected, atol=1e-5)
    assert np.mean(ids[:, 0] == np.arange(1, 51)) > 0.95


@pytest.mark.parametrize(("count", "dimension", "codes"), [(1_000, 32, 16), (5_000, 8, 1), (3_333, 128, 64)])
def test_the_size_of_a_compressed_index_is_known_before(count: int, dimension: int, codes: int) -> None:
    index = faiss.index_factory(dimension, f"PQ{codes}x4fs", faiss.METRIC_L2)
    vectors = clustered(count, dimension)
    index.train(vectors)
    index.add(vectors)
    size = len(faiss.serialize_index(index))
    assert size <= estimate_compressed_bytes(count, dimension, codes) <= size + 10_000


@pytest.mark.usefixtures("small_is_large")
def test_faster_but_inaccurate_kinds_do_not_replace_exact_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder, "measure_recall", lambda *_: 0.98)
    figures = builder.build(in_parts(clustered(5000, 8)), tmp_path / "one", embedder_id="a-1", dimension=8)
    assert (figures.index_key, figures.reason) == ("Flat", "recall")
    assert Index.load(tmp_path / "one", "a-1").count == 5000


def test_a_trial_takes_all_rows_of_the_people_it_draws() -> None:
    persons = np.repeat(np.arange(100), 7)[np.random.default_rng(1).permutation(700)]
    rows = draw_whole_people(persons, 100)
    taken = set(persons[rows].tolist())
    assert len(rows) == 98
    assert len(taken) == 14
    assert len(draw_whole_people(np.zeros(50, np.int64), 10)) == 50
    assert len(draw_whole_people(persons, 10_000)) == 700

"""The index whose lists are people: what it finds, and that it serves only where it is fast and good enough."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest

from recognition.errors import IndexUnusable
from recognition.index import (
    BuildCancelled,
    BuildFigures,
    Index,
    LiveIndex,
    builder,
    make_part,
    measure,
    policy,
)
from recognition.index.factory import average_lists, create_by_person
from recognition.index.parts import PartFiles
from recognition.index.policy import RECALL_AIM
from recognition.index.searcher import Searcher
from tests.recognition.index.vectors import clustered, in_parts

DIMENSION = 32
COUNT = 12_000
PERSONS = np.arange(COUNT) // 10
KEY = "IVF1200(PQ16x4fs),SQ8"
MADE = {"embedder_id": "a-1", "dimension": DIMENSION}


@pytest.fixture(scope="module")
def large() -> Iterator[pytest.MonkeyPatch]:
    """A gallery of thousands is treated as one of a million."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(policy, "EXACT_NUMBERS", 1000)
        patch.setattr(policy, "CHEAP_NUMBERS", 1000)
        yield patch


def taking(**milliseconds: float) -> Callable[..., float]:
    """Times a photo by a part of the name of the kind, in place of measured ones."""
    return lambda searcher, _: next(ms for part, ms in milliseconds.items() if part in searcher.kind)


FASTEST = taking(IVF=1.0, Flat=15.0, PQ=15.0)


@pytest.fixture(scope="module")
def made(large: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, BuildFigures]:
    folder = tmp_path_factory.mktemp("people") / "one"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "milliseconds_per_photo", FASTEST)
        return folder, builder.build(in_parts(clustered(COUNT, DIMENSION), 5000), folder, **MADE)


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return clustered(COUNT, DIMENSION)


def near(vectors: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(1).standard_normal(vectors.shape).astype(np.float32)
    found = vectors + noise * 0.05
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def test_it_finds_the_nearest_and_who_is_second_with_the_similarities_of_the_vectors(
    made: tuple[Path, BuildFigures], vectors: np.ndarray
) -> None:
    folder, figures = made
    assert (figures.index_key, figures.reason) == (KEY, "fastest")
    assert figures.index_param.startswith("nprobe=")
    assert figures.recall >= RECALL_AIM
    there = {path.name for path in folder.iterdir()}
    assert there == {"img_emb", "metadata", "knn.index", "infos.json", "ids.npy", "persons.npy"}
    asked = near(vectors[::20])
    similarities = asked @ vectors.T
    nearest = similarities.argmax(axis=1)
    similarities[PERSONS[nearest, None] == PERSONS] = -1
    ids, found = Index.load(folder, "a-1").search(asked, 50)
    assert np.mean(ids[:, 0] - 1 == nearest) >= 0.99
    np.testing.assert_allclose(found, np.einsum("nd,nkd->nk", asked, vectors[ids - 1]), atol=1e-5)
    assert (np.diff(found, axis=1) <= 0).all()
    others = np.where(PERSONS[ids - 1] == PERSONS[nearest, None], -1, found).max(axis=1)
    assert np.mean(others >= similarities.max(axis=1) - 1e-4) >= 0.95


def test_more_neighbours_than_its_lists_hold_are_found_in_further_lists(
    made: tuple[Path, BuildFigures], vectors: np.ndarray
) -> None:
    ids, similarities = Index.load(made[0], "a-1").search(vectors[:3], COUNT)
    assert (np.sort(ids, axis=1) == np.arange(1, COUNT + 1)).all()
    np.testing.assert_allclose(similarities, -np.sort(-(vectors[:3] @ vectors.T), axis=1), atol=1e-5)


def test_only_faces_that_lack_neighbours_are_searched_again(
    made: tuple[Path, BuildFigures], vectors: np.ndarray
) -> None:
    """Of three faces, one looks into a list that is empty."""
    opened = faiss.read_index(str(made[0] / "knn.index"))
    opened.nprobe = 1
    lonely = faiss.IDSelectorBatch(np.arange(10, 20))
    opened.remove_ids(lonely)  # the second person's list is empty
    asked: list[int] = []
    search = opened.search

    def watched(some: np.ndarray, k: int, **more: Any) -> Any:
        asked.append(len(some))
        return search(some, k, **more)

    opened.search = watched
    rows, _ = Searcher(opened, PartFiles.open(made[0])).search(vectors[[5, 15, 25]], 8)
    assert (rows >= 0).all()
    assert asked[:2] == [3, 1]


def test_whoever_is_taken_out_is_not_found_and_the_next_is(
    made: tuple[Path, BuildFigures], vectors: np.ndarray
) -> None:
    live = LiveIndex("a-1", DIMENSION, Index.load(made[0], "a-1"))
    before = live.search(vectors[:200], 50)
    kept = [[hit.reference for hit in hits if hit.reference > 200] for hits in before]
    one = kept[7][0]
    live.apply(removed=range(1, 201), moved={one: 4321})
    after = live.search(vectors[:200], 20)
    assert [[hit.reference for hit in hits] for hits in after] == [references[:20] for references in kept]
    assert {hit.person for hits in after for hit in hits if hit.reference == one} == {4321}


def test_several_threads_find_the_same(made: tuple[Path, BuildFigures], vectors: np.ndarray) -> None:
    opened = Index.load(made[0], "a-1")
    expected = opened.search(vectors[:120], 50)[0]
    with ThreadPoolExecutor(4) as threads:
        found = threads.map(lambda at: opened.search(vectors[at : at + 3], 50)[0], range(0, 120, 3))
        np.testing.assert_array_equal(np.concatenate(list(found)), expected)


@pytest.mark.usefixtures("large")
def test_strangers_are_known_as_well_where_people_have_more_references_than_neighbours_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "milliseconds_per_photo", FASTEST)
    generator = np.random.default_rng(4)
    centres = clustered(10_500, DIMENSION)[::10]
    persons = np.repeat(np.arange(len(centres)), 60)
    noise = generator.standard_normal((len(persons), DIMENSION)).astype(np.float32)
    vectors = centres[persons] + noise * np.float32(0.6 / DIMENSION**0.5)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    shuffled = generator.permutation(len(persons))  # a person's references do not lie side by side
    persons, vectors = persons[shuffled], vectors[shuffled]
    figures = builder.build([make_part(np.arange(len(persons)), persons, vectors)], tmp_path / "one", **MADE)
    assert figures.index_key == "IVF1050(PQ16x4fs),SQ8"
    strangers = clustered(3000, DIMENSION, seed=9)[::10]
    _, found = Index.load(tmp_path / "one", "a-1").search(strangers, 50)
    assert np.mean(found[:, 0] >= (strangers @ vectors.T).max(axis=1) - 1e-4) >= 0.95


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(
    ("milliseconds", "kind"),
    [({"IVF": 8.0, "Flat": 8.0, "PQ": 9.0}, "Flat"), ({"IVF": 7.9, "Flat": 8.0, "PQ": 9.0}, KEY)],
)
def test_the_fastest_serves(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    vectors: np.ndarray,
    milliseconds: dict[str, float],
    kind: str,
) -> None:
    monkeypatch.setattr(measure, "milliseconds_per_photo", taking(**milliseconds))
    assert builder.build(in_parts(vectors, 5000), tmp_path / "one", **MADE).index_key == kind


@pytest.mark.usefixtures("large")
def test_a_kind_that_cannot_be_made_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vectors: np.ndarray
) -> None:
    def fail(*_: object) -> None:
        raise IndexUnusable("std::bad_alloc")

    monkeypatch.setattr(measure, "milliseconds_per_photo", FASTEST)
    monkeypatch.setattr(builder, "create_by_person", fail)
    figures = builder.build(in_parts(vectors, 5000), tmp_path / "one", **MADE)
    assert (figures.index_key, figures.reason) == ("Flat", "fastest")


@pytest.mark.usefixtures("large")
def test_it_serves_too_where_exact_search_does_not_fit_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vectors: np.ndarray
) -> None:
    monkeypatch.setattr(measure, "milliseconds_per_photo", FASTEST)
    figures = builder.build(in_parts(vectors, 5000), tmp_path / "one", max_memory="1MB", **MADE)
    assert (figures.index_key, figures.reason) == (KEY, "memory")
    assert figures.bytes <= figures.max_bytes


@pytest.mark.usefixtures("large")
def test_too_little_effort_for_the_second_never_serves_however_fast_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vectors: np.ndarray
) -> None:
    """Too slow while the effort was sought, and quick afterwards."""
    monkeypatch.setattr(measure, "milliseconds_per_photo", FASTEST)
    monkeypatch.setattr("recognition.index.measure.milliseconds_per_photo", lambda *_: 99.0)
    assert builder.build(in_parts(vectors, 5000), tmp_path / "one", **MADE).index_key == "Flat"


@pytest.mark.usefixtures("large")
def test_the_sample_has_no_part_in_what_it_is_measured_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vectors: np.ndarray
) -> None:
    given: list[Any] = []
    monkeypatch.setattr(measure, "milliseconds_per_photo", FASTEST)
    monkeypatch.setattr(
        builder, "create_by_person", lambda *args: (given.append(args), create_by_person(*args))[1]
    )
    builder.build(in_parts(vectors, 5000), tmp_path / "one", **MADE)
    left_out = given[0][4]
    assert len(np.unique(left_out)) == 1000
    rows = np.sort(np.random.default_rng(0).choice(COUNT, 1000, replace=False))
    np.testing.assert_array_equal(left_out, rows)


@pytest.mark.usefixtures("large")
def test_a_build_stopped_while_people_are_gone_through_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vectors: np.ndarray
) -> None:
    monkeypatch.setattr(measure, "milliseconds_per_photo", FASTEST)
    seen: list[bool] = []

    def is_cancelled() -> bool:
        seen.append(any(tmp_path.glob(".partial-*/people")))
        return seen[-1]

    with pytest.raises(BuildCancelled):
        builder.build(in_parts(vectors, 5000), tmp_path / "one", cancelled=is_cancelled, **MADE)
    assert seen[-1]
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory, vectors: np.ndarray) -> PartFiles:
    folder = tmp_path_factory.mktemp("parts")
    (folder / "img_emb").mkdir()
    for number, some in enumerate(np.split(vectors, 3)):
        np.save(folder / f"img_emb/img_emb_{number}.npy", some)
    return PartFiles.open(folder)


def test_a_mean_is_of_all_rows_but_those_left_out_unless_these_are_all(
    parts: PartFiles, vectors: np.ndarray
) -> None:
    lists = np.random.default_rng(3).permutation(PERSONS)
    theirs, whole = np.flatnonzero(lists == 7), np.flatnonzero(lists == 8)
    read: list[bool] = []
    found = average_lists(parts, lists, np.concatenate([theirs[:4], whole]), lambda: read.append(True))
    assert len(read) == 3  # part files: it may be stopped at each
    assert (found.shape, found.dtype) == ((1200, DIMENSION), np.float32)
    np.testing.assert_allclose(found[7], vectors[theirs[4:]].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(found[8], vectors[whole].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(found[9], vectors[lists == 9].mean(axis=0), atol=1e-6)


def test_autofaiss_builds_the_index_of_the_means_and_every_row_is_in_its_person_s_list(
    parts: PartFiles, tmp_path: Path
) -> None:
    told: list[int] = []
    index = create_by_person(tmp_path, parts, KEY, 5 * PERSONS, np.zeros(0, np.int64), told.append)
    quantizer = faiss.downcast_index(index.quantizer)
    assert (type(quantizer).__name__, quantizer.ntotal, index.ntotal) == ("IndexPQFastScan", 1200, COUNT)
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0, COUNT)
    rows = faiss.rev_swig_ptr(index.invlists.get_ids(1199), index.invlists.list_size(1199))
    assert rows.tolist() == list(range(COUNT - 10, COUNT))
    assert not (tmp_path / "people").exists()


def test_what_faiss_cannot_hold_is_an_error_with_a_name(
    parts: PartFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError("std::bad_alloc")

    monkeypatch.setattr("faiss.contrib.ivf_tools.add_preassigned", fail)
    with pytest.raises(IndexUnusable, match=r"could not build a IVF1200.*bad_alloc"):
        create_by_person(tmp_path, parts, KEY, PERSONS, np.zeros(0, np.int64), lambda _: None)

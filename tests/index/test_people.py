"""The index whose lists are people: what it finds, and that the measuring is fair to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import faiss
import numpy as np
import pytest

from recognition.index import BuildFigures, Index, LiveIndex, build, candidates, measure, policy
from recognition.index.partfiles import PartFiles
from recognition.index.people import create_by_person, means
from recognition.index.searcher import Searcher
from recognition.types import IndexUnusable

from .vectors import clustered, in_parts

DIMENSION = 32
COUNT = 12_000
PERSONS = np.arange(COUNT) // 10


@pytest.fixture
def by_person_is_fastest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a gallery of thousands be treated as one of a million."""
    monkeypatch.setattr(policy, "EXACT_NUMBERS", 1000)
    monkeypatch.setattr(policy, "CHEAP_NUMBERS", 1000)
    monkeypatch.setattr(
        candidates, "milliseconds_per_photo", lambda searcher, _: 1.0 if "IVF" in searcher.kind else 15.0
    )


def built(directory: Path, vectors: np.ndarray) -> BuildFigures:
    return build(in_parts(vectors, 5000), directory, embedder_id="a-1", dimension=DIMENSION)


@pytest.mark.usefixtures("by_person_is_fastest")
def test_it_finds_the_nearest_and_who_is_second_with_the_similarities_of_the_vectors(tmp_path: Path) -> None:
    vectors = clustered(COUNT, DIMENSION)
    figures = built(tmp_path / "one", vectors)
    assert (figures.index_key, figures.reason) == ("IVF1200(PQ16x4fs),SQ8", "fastest")
    assert figures.index_param.startswith("nprobe=")
    assert figures.recall >= policy.RECALL_AIM
    assert {path.name for path in (tmp_path / "one").iterdir()} == {
        "img_emb",
        "metadata",
        "knn.index",
        "infos.json",
        "ids.npy",
        "persons.npy",
    }
    noise = np.random.default_rng(1).standard_normal((600, DIMENSION)).astype(np.float32)
    asked = vectors[::20] + noise * 0.05
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    similarities = asked @ vectors.T
    nearest = similarities.argmax(axis=1)
    similarities[PERSONS[nearest, None] == PERSONS] = -1
    ids, found = Index.load(tmp_path / "one", "a-1").search(asked, 50)
    assert np.mean(ids[:, 0] - 1 == nearest) >= 0.99
    np.testing.assert_allclose(found, np.einsum("nd,nkd->nk", asked, vectors[ids - 1]), atol=1e-5)
    assert (np.diff(found, axis=1) <= 0).all()
    others = np.where(PERSONS[ids - 1] == PERSONS[nearest, None], -1, found).max(axis=1)
    assert np.mean(others >= similarities.max(axis=1) - 1e-4) >= 0.95


@pytest.mark.usefixtures("by_person_is_fastest")
def test_more_neighbours_than_its_lists_hold_are_found_in_further_lists(tmp_path: Path) -> None:
    vectors = clustered(COUNT, DIMENSION)
    built(tmp_path / "one", vectors)
    opened = Index.load(tmp_path / "one", "a-1")
    ids, similarities = opened.search(vectors[:3], COUNT)
    assert (np.sort(ids, axis=1) == np.arange(1, COUNT + 1)).all()
    np.testing.assert_allclose(similarities, -np.sort(-(vectors[:3] @ vectors.T), axis=1), atol=1e-5)


@pytest.mark.usefixtures("by_person_is_fastest")
def test_whoever_is_taken_out_is_not_found_and_the_next_is(tmp_path: Path) -> None:
    vectors = clustered(COUNT, DIMENSION)
    built(tmp_path / "one", vectors)
    live = LiveIndex("a-1", DIMENSION, Index.load(tmp_path / "one", "a-1"))
    before = live.search(vectors[:200], 50)
    live.apply(removed=range(1, 201), moved={before[7][20].reference: 4321})
    after = live.search(vectors[:200], 20)
    assert min(hit.reference for hits in after for hit in hits) > 200
    assert {hit.person for hits in after for hit in hits if hit.reference == before[7][20].reference} == {
        4321
    }
    expected = [[hit.reference for hit in hits if hit.reference > 200][:20] for hits in before]
    assert [[hit.reference for hit in hits] for hits in after] == expected


def test_where_it_is_not_faster_another_kind_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "EXACT_NUMBERS", 1000)
    monkeypatch.setattr(policy, "CHEAP_NUMBERS", 1000)
    monkeypatch.setattr(
        candidates, "milliseconds_per_photo", lambda searcher, _: 9.0 if "IVF" in searcher.kind else 8.0
    )
    assert built(tmp_path / "one", clustered(COUNT, DIMENSION)).index_key != "IVF1200(PQ16x4fs),SQ8"


@pytest.fixture
def parts(tmp_path: Path) -> PartFiles:
    (tmp_path / "img_emb").mkdir()
    for number, some in enumerate(np.split(clustered(COUNT, DIMENSION), 3)):
        np.save(tmp_path / f"img_emb/img_emb_{number}.npy", some)
    return PartFiles.open(tmp_path)


def test_a_mean_is_of_all_rows_but_those_left_out_unless_these_are_all(parts: PartFiles) -> None:
    vectors = parts.take(np.arange(COUNT))
    lists = np.random.default_rng(3).permutation(PERSONS)
    theirs = np.flatnonzero(lists == 7)
    whole = np.flatnonzero(lists == 8)
    found = means(parts, lists, np.concatenate([theirs[:4], whole]))
    assert found.shape == (1200, DIMENSION)
    np.testing.assert_allclose(found[7], vectors[theirs[4:]].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(found[8], vectors[whole].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(found[9], vectors[lists == 9].mean(axis=0), atol=1e-6)


def test_autofaiss_builds_the_index_of_the_means_and_every_row_is_in_its_person_s_list(
    parts: PartFiles, tmp_path: Path
) -> None:
    told: list[int] = []
    index = create_by_person(
        tmp_path, parts, "IVF1200(PQ16x4fs),SQ8", 5 * PERSONS, np.zeros(0, np.int64), told.append
    )
    quantizer = faiss.downcast_index(index.quantizer)
    assert (type(quantizer).__name__, quantizer.ntotal, index.ntotal) == ("IndexPQFastScan", 1200, COUNT)
    assert told[-1] == COUNT
    rows = faiss.rev_swig_ptr(index.invlists.get_ids(1199), index.invlists.list_size(1199))
    assert rows.tolist() == list(range(COUNT - 10, COUNT))
    assert not (tmp_path / "people").exists()


def test_similarities_are_read_from_several_part_files(parts: PartFiles) -> None:
    vectors = parts.take(np.arange(COUNT))
    rows = np.random.default_rng(2).integers(0, COUNT, (4, 30))
    rows[1, 5] = -1
    found = parts.similarities(vectors[:4], rows)
    expected = np.einsum("nd,nkd->nk", vectors[:4], vectors[rows])
    expected[1, 5] = -np.inf
    np.testing.assert_allclose(found, expected, atol=1e-6)
    with pytest.raises(IndexError, match="row 12000 of 12000"):
        parts.similarities(vectors[:1], np.array([[COUNT]]))


def test_part_files_that_hold_something_else_are_refused(tmp_path: Path, parts: PartFiles) -> None:
    np.save(tmp_path / "img_emb/img_emb_1.npy", np.zeros((4000, DIMENSION), np.float64))
    with pytest.raises(IndexUnusable, match="no float32 vectors"):
        PartFiles.open(tmp_path)


class Forgetful(Searcher):
    """Exact search that knows only the sampled face's own person, for a share of the faces."""

    def __init__(self, parts: PartFiles, every: int) -> None:
        index = faiss.IndexFlatIP(DIMENSION)
        index.add(parts.take(np.arange(COUNT)))
        super().__init__(index, parts)
        self.every = every

    def search(self, vectors: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        rows, similarities = super().search(vectors, k)
        own = PERSONS[rows] == PERSONS[rows[:, :1]]
        forgets = (np.arange(len(rows)) % self.every == 0)[:, None]
        return np.where(own | ~forgets, rows, -1), np.where(own | ~forgets, similarities, -2).astype(
            np.float32
        )


def test_who_is_not_found_second_is_noticed(parts: PartFiles) -> None:
    sample = measure.draw_sample(parts, PERSONS)
    assert measure.second_found(Forgetful(parts, 4), sample) == 0.75
    assert measure.recall(Forgetful(parts, 4), sample) == 1.0
    assert measure.second_found(Forgetful(parts, COUNT), sample) >= 0.999


def test_where_own_references_fill_the_neighbours_nobody_is_missed(parts: PartFiles) -> None:
    one = np.zeros(COUNT, np.int64)
    sample = measure.draw_sample(parts, one)
    assert (sample.second == -2).all()
    assert measure.second_found(Forgetful(parts, COUNT), sample) == 1.0


def test_effort_is_raised_until_the_second_is_found_too(parts: PartFiles) -> None:
    sample = measure.draw_sample(parts, PERSONS)
    searcher = Forgetful(parts, 1)

    def set_effort(effort: int) -> None:
        searcher.every = effort

    assert measure.tune(searcher, sample, set_effort, 1000, 1e9) == 48  # of the efforts, the first of over 33
    assert searcher.every == 48
    assert measure.tune(searcher, sample, set_effort, 10, 1e9) == 10
    assert measure.tune(searcher, replace(sample, second=sample.second - 9), set_effort, 1000, 1e9) == 1
    assert measure.tune(searcher, sample, set_effort, 1000, 0) == 1  # too slow already

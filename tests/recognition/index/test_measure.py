"""What is measured of an index, with indexes that forget, and the part files behind it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import faiss
import numpy as np
import pytest

from recognition.errors import IndexUnusable
from recognition.index import Index, builder, measure
from recognition.index.measure import (
    TIMED_PHOTOS,
    draw_sample,
    measure_recall,
    measure_second_found,
    tune_effort,
)
from recognition.index.parts import PartFiles
from recognition.index.searcher import Searcher
from tests.recognition.index.vectors import clustered, in_parts

DIMENSION = 32
COUNT = 6_000
PERSONS = np.arange(COUNT) // 10


@pytest.fixture
def parts(tmp_path: Path) -> PartFiles:
    (tmp_path / "img_emb").mkdir()
    for number, some in enumerate(np.split(clustered(COUNT, DIMENSION), 3)):
        np.save(tmp_path / f"img_emb/img_emb_{number}.npy", some)
    return PartFiles.open(tmp_path)


def test_similarities_are_read_from_several_part_files(parts: PartFiles) -> None:
    vectors = parts.take(np.arange(COUNT))
    rows = np.random.default_rng(2).integers(0, COUNT, (4, 30))
    rows[1, 5] = -1
    found = parts.similarities(vectors[:4], rows)
    expected = np.einsum("nd,nkd->nk", vectors[:4], vectors[rows])
    expected[1, 5] = -np.inf
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_nothing_is_read_beyond_the_part_files(parts: PartFiles) -> None:
    vectors = parts.take(np.arange(3))
    with pytest.raises(IndexError, match="row 6000 of 6000"):
        parts.similarities(vectors[:1], np.array([[COUNT]]))
    with pytest.raises(ValueError, match="2, 32"):
        parts.similarities(vectors[:2], np.array([[1], [2], [3]]))
    with pytest.raises(ValueError, match="3, 16"):
        parts.similarities(vectors[:, :16], np.array([[1], [2], [3]]))


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (np.zeros((2000, DIMENSION), np.float64), "no float32 vectors"),
        (np.asfortranarray(np.zeros((2000, DIMENSION), np.float32)), "no float32 vectors"),
        (np.zeros(2000, np.float32), "no float32 vectors"),
        (np.zeros((2000, 16), np.float32), "vectors of two kinds"),
    ],
)
def test_part_files_that_hold_something_else_are_refused(
    tmp_path: Path, parts: PartFiles, other: np.ndarray, words: str
) -> None:
    np.save(tmp_path / "img_emb/img_emb_1.npy", other)
    with pytest.raises(IndexUnusable, match=words):
        PartFiles.open(tmp_path)


def test_part_files_of_another_width_than_the_index_are_refused(tmp_path: Path) -> None:
    builder.build(
        in_parts(clustered(50, DIMENSION)), tmp_path / "one", embedder_id="a-1", dimension=DIMENSION
    )
    np.save(tmp_path / "one/img_emb/img_emb_0.npy", clustered(50, 16))
    with pytest.raises(IndexUnusable, match=r"does not hold what its infos\.json says"):
        Index.load(tmp_path / "one", "a-1")


class Forgetful(Searcher):
    """Exact search that knows only the sampled face's own person, for a share of the faces."""

    def __init__(self, parts: PartFiles, every: int, persons: np.ndarray = PERSONS) -> None:
        index = faiss.IndexFlatIP(DIMENSION)
        index.add(parts.take(np.arange(COUNT)))
        super().__init__(index, parts)
        self.every, self.persons = every, persons

    def search(self, vectors: np.ndarray, k: int, *, further: bool = True) -> tuple[np.ndarray, np.ndarray]:
        rows, similarities = super().search(vectors, k, further=further)
        own = self.persons[rows] == self.persons[rows[:, :1]]
        forgets = (np.arange(len(rows)) % self.every == 0)[:, None]
        is_known = own | ~forgets
        return np.where(is_known, rows, -1), np.where(is_known, similarities, -2).astype(np.float32)


def test_who_is_not_found_second_is_noticed(parts: PartFiles) -> None:
    sample = draw_sample(parts, PERSONS)
    assert measure_second_found(Forgetful(parts, 4), sample) == 0.75
    assert measure_recall(Forgetful(parts, 4), sample) == 1.0
    assert measure_second_found(Forgetful(parts, COUNT), sample) >= 0.999


def test_own_references_do_not_hide_who_comes_after_them(parts: PartFiles) -> None:
    """People of a hundred references each: more than neighbours are asked for."""
    hundreds = np.arange(COUNT) // 100
    sample = draw_sample(parts, hundreds)
    assert measure_second_found(Forgetful(parts, 2, hundreds), sample) == 0.5
    assert measure_second_found(Forgetful(parts, COUNT, hundreds), sample) >= 0.999


def test_nobody_is_missed_where_there_is_one_person_and_nothing_known_where_all_have_too_many(
    parts: PartFiles,
) -> None:
    one, two = np.zeros(COUNT, np.int64), np.arange(COUNT) // 3000
    assert measure_second_found(Forgetful(parts, COUNT, one), draw_sample(parts, one)) == 1.0
    assert measure_second_found(Forgetful(parts, COUNT, two), draw_sample(parts, two)) == 0.0


def test_a_few_do_not_say_how_often_the_second_is_found(parts: PartFiles) -> None:
    """Fifty people of ten references, and one who has all the others."""
    persons = np.minimum(np.arange(COUNT) // 10, 50)
    assert measure_second_found(Forgetful(parts, COUNT, persons), draw_sample(parts, persons)) > 0.98
    few = np.minimum(np.arange(COUNT) // 10, 10)
    assert measure_second_found(Forgetful(parts, COUNT, few), draw_sample(parts, few)) == 0.0


def test_speed_is_that_of_photos_made_of_different_faces(parts: PartFiles) -> None:
    sample = draw_sample(parts, PERSONS)
    asked: list[bytes] = []

    class Watched(Forgetful):
        def search(
            self, vectors: np.ndarray, k: int, *, further: bool = True
        ) -> tuple[np.ndarray, np.ndarray]:
            asked.extend(face.tobytes() for face in vectors)
            return super().search(vectors, k, further=further)

    assert measure.milliseconds_per_photo(Watched(parts, COUNT), sample) > 0
    assert len(set(asked)) == 10 * TIMED_PHOTOS
    assert len(asked) >= 20 * TIMED_PHOTOS


def test_effort_is_raised_until_the_second_is_found_too(parts: PartFiles) -> None:
    sample = draw_sample(parts, PERSONS)
    searcher = Forgetful(parts, 1)

    def set_effort(effort: int) -> None:
        searcher.every = effort

    assert tune_effort(searcher, sample, set_effort, 1000, 1e9) == (48, True)  # the first effort of over 33
    assert searcher.every == 48
    assert tune_effort(searcher, sample, set_effort, 10, 1e9) == (10, False)
    assert tune_effort(searcher, replace(sample, second=sample.second - 9), set_effort, 1000, 1e9) == (
        1,
        True,
    )
    assert tune_effort(searcher, sample, set_effort, 1000, 0) == (1, False)  # too slow already

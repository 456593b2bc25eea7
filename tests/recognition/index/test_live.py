"""The live index against a plain dictionary, under random sequences of what happens to a gallery."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from recognition.errors import EmbedderMismatch, IndexUnusable
from recognition.index import Index, LiveIndex, builder, make_part
from recognition.types import Neighbour
from tests.recognition.index.vectors import clustered, in_parts

DIMENSION = 8
POOL = clustered(200, DIMENSION)
ID = st.integers(1, 30)
PERSON = st.integers(1, 5)
ROW = st.integers(0, len(POOL) - 1)


class GalleryMachine(RuleBasedStateMachine):
    """The model: reference id -> (person, row of the pool)."""

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.number = 0
        self.model: dict[int, tuple[int, int]] = {}
        self.live = LiveIndex("a-1", DIMENSION)
        self.previous: tuple[Index, dict[int, tuple[int, int]]] | None = None

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()

    @rule(added=st.dictionaries(ID, st.tuples(PERSON, ROW), max_size=6))
    def approve(self, added: dict[int, tuple[int, int]]) -> None:
        self.live.apply(
            added=added,
            persons=[person for person, _ in added.values()],
            vectors=POOL[[row for _, row in added.values()]],
        )
        self.model |= added

    @rule(ids=st.sets(ID, max_size=10))
    def reject_or_erase(self, ids: set[int]) -> None:
        self.live.apply(removed=ids)
        for each in ids:
            self.model.pop(each, None)

    @rule(moved=st.dictionaries(ID, PERSON, max_size=6))
    def move(self, moved: dict[int, int]) -> None:
        self.live.apply(moved=moved)
        for each, person in moved.items():
            if each in self.model:
                self.model[each] = (person, self.model[each][1])

    @rule()
    def rebuild(self) -> None:
        self.number += 1
        directory = Path(self.folder.name) / str(self.number)
        rows = [row for _, row in self.model.values()]
        part = make_part(self.model, (person for person, _ in self.model.values()), POOL[rows])
        builder.build([part], directory, embedder_id="a-1", dimension=DIMENSION)
        self.previous = (Index.load(directory, "a-1"), dict(self.model))
        self.live = LiveIndex("a-1", DIMENSION, self.previous[0])

    @rule()
    def roll_back(self) -> None:
        """The older build serves again; everything that happened since is applied on top."""
        if self.previous is None:
            return
        build_then, model_then = self.previous
        self.live = LiveIndex("a-1", DIMENSION, build_then)
        new = {each: what for each, what in self.model.items() if model_then.get(each) != what}
        self.live.apply(
            added=new,
            persons=[person for person, _ in new.values()],
            vectors=POOL[[row for _, row in new.values()]],
            removed=model_then.keys() - self.model.keys(),
        )

    @rule(row=ROW, k=st.integers(1, 40))
    def search(self, row: int, k: int) -> None:
        query = POOL[row]
        expected = sorted(
            ((float(np.float32(query @ POOL[at])), each) for each, (_, at) in self.model.items()),
            key=lambda pair: -pair[0],
        )[:k]
        found = self.live.search(query[None], k)[0]
        assert [hit.similarity for hit in found] == pytest.approx([best for best, _ in expected], abs=1e-5)
        assert len({hit.reference for hit in found}) == len(found)
        for hit in found:
            person, at = self.model[hit.reference]
            assert hit.person == person
            assert hit.similarity == pytest.approx(float(query @ POOL[at]), abs=1e-5)

    @invariant()
    def holds_exactly_the_model(self) -> None:
        if hasattr(self, "live"):
            ids = self.live.list_ids()
            assert sorted(ids) == sorted(self.model)
            held = self.live.take(np.append(ids, 99))
            assert held.is_known.tolist() == [True] * len(ids) + [False]
            assert held.persons[:-1].tolist() == [self.model[each][0] for each in ids.tolist()]
            np.testing.assert_array_equal(
                held.vectors[:-1], POOL[[self.model[each][1] for each in ids.tolist()]]
            )


GalleryMachine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
test_the_live_index_is_a_dictionary = GalleryMachine.TestCase


def live(tmp_path: Path, count: int = 50) -> tuple[LiveIndex, np.ndarray]:
    vectors = clustered(count, DIMENSION)
    builder.build(in_parts(vectors), tmp_path / "one", embedder_id="a-1", dimension=DIMENSION)
    return LiveIndex("a-1", DIMENSION, Index.load(tmp_path / "one", "a-1")), vectors


def test_an_empty_gallery_has_no_neighbours() -> None:
    assert LiveIndex("a-1", DIMENSION).search(POOL[:2]) == [[], []]


def test_no_faces_have_no_answers(tmp_path: Path) -> None:
    assert live(tmp_path)[0].search(np.zeros((0, DIMENSION), np.float32)) == []


def test_a_neighbour_says_reference_person_and_similarity(tmp_path: Path) -> None:
    index, vectors = live(tmp_path)
    assert index.search(vectors[12:13], 1) == [[Neighbour(13, 1, pytest.approx(1, abs=1e-5))]]


def test_equally_near_references_come_in_the_order_of_their_ids() -> None:
    index = LiveIndex("a-1", DIMENSION)
    index.apply(added=[9, 3, 7], persons=[1, 2, 3], vectors=np.repeat(POOL[:1], 3, axis=0))
    assert [hit.reference for hit in index.search(POOL[:1], 3)[0]] == [3, 7, 9]


def test_as_many_neighbours_as_asked_for_although_nearer_ones_are_masked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, vectors = live(tmp_path, 2000)
    order = np.argsort(-(vectors @ vectors[0]), kind="stable")
    index.apply(removed=(order[:700] + 1).tolist())
    expected = (order[700:720] + 1).tolist()
    assert [hit.reference for hit in index.search(vectors[:1], 20)[0]] == expected
    monkeypatch.setattr("recognition.index.searcher.MAX_OVERFETCHED", 50)
    assert [hit.reference for hit in index.search(vectors[:1], 20)[0]] == expected


def test_of_an_id_added_twice_at_once_the_last_counts() -> None:
    index = LiveIndex("a-1", DIMENSION)
    index.apply(added=[1, 1], persons=[5, 6], vectors=POOL[[0, 50]])
    assert index.search(POOL[50:51], 2) == [[Neighbour(1, 6, pytest.approx(1, abs=1e-5))]]


def test_vectors_of_another_embedder_are_refused(tmp_path: Path) -> None:
    index, _ = live(tmp_path)
    with pytest.raises(EmbedderMismatch, match="dimension 8"):
        index.search(clustered(2, 16))
    with pytest.raises(IndexUnusable, match="vectors of 16 numbers"):
        index.apply(added=[99], persons=[1], vectors=clustered(1, 16))
    assert index.build is not None
    with pytest.raises(EmbedderMismatch, match="not of b-2"):
        LiveIndex("b-2", DIMENSION, index.build)


def test_a_bad_change_changes_nothing(tmp_path: Path) -> None:
    index, vectors = live(tmp_path)
    before = index.take(index.list_ids())
    with pytest.raises(IndexUnusable):
        index.apply(added=[99], persons=[1], vectors=vectors[:1] * 3, removed=[1, 2])
    with pytest.raises(ValueError, match="differ in number"):
        index.apply(added=[99], persons=[], vectors=vectors[:1], removed=[1, 2])
    for now, then in zip(index.take(index.list_ids()), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_a_search_beside_changes_sees_all_of_a_change_or_none(tmp_path: Path) -> None:
    """Person 100 and 200 take turns owning all references; no search may see both."""
    index, vectors = live(tmp_path)
    everyone = range(1, 51)
    index.apply(moved=dict.fromkeys(everyone, 100))
    stop = threading.Event()
    mixed: list[set[int]] = []

    def look() -> None:
        while not stop.is_set():
            owners = {hit.person for hit in index.search(vectors[:1], 50)[0]}
            if len(owners) != 1:
                mixed.append(owners)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for turn in range(200):
        index.apply(moved=dict.fromkeys(everyone, 200 if turn % 2 else 100))
    stop.set()
    for thread in threads:
        thread.join()
    assert mixed == []

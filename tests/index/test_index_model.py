"""The whole index, database, feed, builds and searching processes, against a plain dictionary."""

from __future__ import annotations

import contextlib
import itertools
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from gallery.index import builds, change_writer, contents, engine
from gallery.index.builds import (
    NoEarlierBuild,
    compare_index_with_database,
    request_build,
    roll_back_build,
    run_build,
)
from gallery.index.change_writer import write_index_changes
from gallery.index.feed import ChangeKind, record_reference_changes
from gallery.index.index_engines import get_engine_of, list_engines
from gallery.index.live import IndexFollower
from gallery.jobs.leases import recover_expired_leases
from gallery.jobs.registry import JOB_KINDS
from gallery.models import Build, Erasure, Person, Reference, Status
from gallery.privacy.erasure import erase_person
from gallery.privacy.erasure_cleanup import finish_erasure
from recognition.errors import IndexAway, IndexUnusable
from recognition.index import builder
from tests.engines import FakeEngine
from tests.gallery_world import as_row, erase, know, milvus, move, reject, world
from tests.making import EMBEDDER, a_person, a_vector

__all__ = ["milvus", "world"]
pytestmark = pytest.mark.django_db

VECTORS = [a_vector(seed) for seed in range(40)]
ROW = st.integers(0, len(VECTORS) - 1)
PICK = st.integers(0, 1000)  # which of those there are
PLACES = (
    (contents, "stream_reference_parts"),
    (builder, "build"),
    (builds, "activate_build"),
    (builds, "_mark_build_active"),
    (builds, "finish_row"),
)


NUMBERS = itertools.count(100)


class Killed(BaseException):
    pass


class IndexMachine(RuleBasedStateMachine):
    """The model: reference -> (person, row of VECTORS) of all that may be found."""

    def __init__(self) -> None:
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.persons: list[Person] = [a_person(f"Person {number}") for number in range(3)]
        self.model: dict[int, tuple[int, int]] = {}
        self.rejected: dict[int, tuple[int, int]] = {}
        self.erased: set[int] = set()
        self.processes = [self.fresh(), self.fresh()]

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)

    @staticmethod
    def fresh() -> IndexFollower:
        return IndexFollower(EMBEDDER, engine.get_serving_embedder().dimension)

    def picked(self, number: int, among: dict[int, tuple[int, int]]) -> Reference | None:
        return Reference.objects.get(pk=sorted(among)[number % len(among)]) if among else None

    @rule(person=st.integers(0, 2), row=ROW)
    def approve_a_new_one(self, person: int, row: int) -> None:
        added = know(self.persons[person], VECTORS[row])
        self.model[added.pk] = (self.persons[person].pk, row)

    @rule(number=PICK)
    def reject(self, number: int) -> None:
        if reference := self.picked(number, self.model):
            reject(reference)
            self.rejected[reference.pk] = self.model.pop(reference.pk)

    @rule(number=PICK)
    def approve_again(self, number: int) -> None:
        if reference := self.picked(number, self.rejected):
            reference.status = Reference.Judgement.APPROVED
            reference.save()
            record_reference_changes(ChangeKind.ADDED, [reference])
            self.model[reference.pk] = self.rejected.pop(reference.pk)

    @rule(number=PICK, person=st.integers(0, 2))
    def move(self, number: int, person: int) -> None:
        if reference := self.picked(number, self.model):
            move(reference, self.persons[person])
            self.model[reference.pk] = (self.persons[person].pk, self.model[reference.pk][1])

    @rule(number=PICK)
    def erase(self, number: int) -> None:
        if reference := self.picked(number, self.model):
            del self.model[reference.pk]
            erase(reference)

    @rule(person=st.integers(0, 2), row=ROW, is_built=st.booleans(), is_cleared=st.booleans())
    def erase_a_person(self, person: int, row: int, is_built: bool, is_cleared: bool) -> None:
        """By the real service, perhaps just after a build; somebody new takes the place in the model."""
        if is_built:
            self.approve_a_new_one(person, row)
            self.rebuild()
        gone = self.persons[person]
        self.erased |= set(Reference.objects.filter(person=gone).values_list("pk", flat=True))
        erase_person(None, gone)
        for kept in (self.model, self.rejected):
            for reference in [pk for pk, (owner, _) in kept.items() if owner == gone.pk]:
                del kept[reference]
        self.persons[person] = a_person(f"Person {next(NUMBERS)}")
        if is_cleared:
            self.clear_what_erasures_left(None)

    @rule(place=st.sampled_from(PLACES))
    def die_while_clearing(self, place: tuple[Any, str]) -> None:
        self.clear_what_erasures_left(place)

    def clear_what_erasures_left(self, place: tuple[Any, str] | None) -> None:
        """Killed at a place of the build, or to the end: then no directory of the index holds them."""
        with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Killed):
            if place is not None:
                patch.setattr(*place, self.die)
            with transaction.atomic():
                self.clear()
        if place is None:
            assert not Erasure.objects.exclude(work=Status.DONE).exists()
            names = [name for each in list_engines() for name in each.list_names(EMBEDDER)]
            held = [get_engine_of(name).open(name, EMBEDDER).list_ids() for name in names]
            assert not self.erased & {int(pk) for ids in held for pk in ids}

    @staticmethod
    def clear() -> None:
        Erasure.objects.update(queued_at=None)
        for _ in range(2):  # doubted, then given up: what died before
            Build.objects.filter(work=Status.PROCESSING).update(
                lease_until=timezone.now() - timedelta(seconds=1)
            )
            recover_expired_leases(Build.objects.all())
        for pk in JOB_KINDS["erasure"].list_due():
            finish_erasure(pk)

    @rule()
    def rebuild(self) -> None:
        build = run_build(request_build("test", delay=0).pk)
        assert build is not None
        assert build.work == Status.DONE, build.failure_text
        assert build.vectors == len(self.model)
        process = self.fresh()
        process.refresh()
        assert not process.problem  # it serves

    @rule(place=st.sampled_from(PLACES))
    def crash_in_a_build(self, place: tuple[Any, str]) -> None:
        asked = request_build("test", delay=0)
        with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Killed):
            patch.setattr(*place, self.die)
            with transaction.atomic():
                run_build(asked.pk)
        Build.objects.filter(work=Status.PROCESSING).update(lease_until=timezone.now() - timedelta(seconds=1))

    @staticmethod
    def die(*_: object, **__: object) -> None:
        raise Killed

    @rule()
    def roll_back(self) -> None:
        with contextlib.suppress(NoEarlierBuild, IndexUnusable):
            roll_back_build(EMBEDDER)

    @rule(which=st.integers(0, 1))
    def restart_a_process(self, which: int) -> None:
        self.processes[which] = self.fresh()

    @rule()
    def lose_the_files_of_the_serving_build(self) -> None:
        for build in Build.objects.filter(is_active=True):
            get_engine_of(build.directory).drop(build.directory)

    @rule()
    def write_to_the_build_that_takes_changes(self) -> None:
        with contextlib.suppress(IndexAway):  # its collection is lost
            write_index_changes()

    @rule()
    def die_while_changes_are_written(self) -> None:
        with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Killed, IndexAway):
            patch.setattr(change_writer, "make_part", self.die)
            write_index_changes()

    @rule(which=st.integers(0, 1), row=ROW, k=st.integers(1, 50))
    def search(self, which: int, row: int, k: int) -> None:
        process = self.processes[which]
        process.refresh()
        query = as_row(VECTORS[row])
        found = process.live.search(query, k)[0]
        vectors = np.stack([as_row(VECTORS[at])[0] for _, at in self.model.values()] or [query[0]])
        best = np.sort(vectors @ query[0])[::-1][: min(k, len(self.model))]
        np.testing.assert_allclose([hit.similarity for hit in found], best[: len(self.model)], atol=1e-5)
        assert all(self.model[hit.reference][0] == hit.person for hit in found)

    @invariant()
    def at_most_one_build_serves_and_its_files_belong_to_rows(self) -> None:
        assert Build.objects.filter(is_active=True).count() <= 1
        assert Build.objects.filter(work=Status.PROCESSING).count() <= 1

    @rule()
    def verify(self) -> None:
        found = compare_index_with_database()
        assert (found.missing, found.extra, found.misplaced, found.altered) == ([], [], [], [])


@pytest.mark.parametrize("examples", [6, pytest.param(100, marks=pytest.mark.long)])
@pytest.mark.parametrize("index_engine", ["faiss", "milvus"])
def test_the_index_is_a_dictionary_whatever_happens(
    world: FakeEngine, request: pytest.FixtureRequest, index_engine: str, examples: int
) -> None:
    if index_engine == "milvus":
        request.getfixturevalue("milvus")
    run_state_machine_as_test(
        IndexMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )

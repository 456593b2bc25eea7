"""What is kept with a finding, that it still holds, is always what its references say."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from gallery.curation.findings import (
    find_worklist_items,
    get_open_findings,
    get_worklist_rows,
    mark_outdated_findings,
)
from gallery.curation.measurement import _store_findings
from gallery.curation.services import resolve_worklist_item
from gallery.faces.decisions import confirm_face
from gallery.history.undo import undo_events
from gallery.models import Event, Face, Finding, Person, Reference, Status, User
from gallery.people.references import (
    judge_references,
    move_references,
    reject_references,
    use_face_as_reference,
)
from gallery.people.services import merge_people, split_person
from tests.index.processes import Start, finish, read_line, start
from tests.making import EMBEDDER, a_face, a_person, a_reference, a_user

__all__ = ["start"]  # a fixture
Kind = Finding.Kind


class World(NamedTuple):
    user: User
    anna: Person
    bea: Person
    face: Face
    mine: Reference  # Anna's, cut from the face
    hers: Reference  # Bea's


def a_finding(kind: str, mine: Reference, hers: Reference | None = None) -> Finding:
    return Finding.objects.create(
        kind=kind,
        person=mine.person,
        reference=mine,
        other_person=hers.person if hers else None,
        other_reference=hers,
        similarity=0.9,
        embedder_id=EMBEDDER,
    )


@pytest.fixture
def world(db: None, sent: list[object]) -> World:
    user, anna, bea = a_user(), a_person("Anna"), a_person("Bea")
    face = a_face(person=anna, decision="confirmed", landmarks=[[0.0, 0.0]] * 5)
    mine, hers = a_reference(anna, source_face=face), a_reference(bea)
    a_finding(Kind.WRONG, mine, hers)
    a_finding(Kind.UNLIKE, mine)
    a_finding(Kind.DUPLICATE, hers, mine)
    a_finding(Kind.DUPLICATE, hers, a_reference(bea))
    Finding.objects.create(
        kind=Kind.CONFUSABLE, person=anna, other_person=bea, similarity=0.5, embedder_id=EMBEDDER
    )
    return World(user, anna, bea, face, mine, hers)


def is_searched(reference: Reference | None, person: Person | None) -> bool:
    return reference is None or (reference.status == "approved" and reference.person == person)


def holding() -> set[int]:
    """By going through all references."""
    found = Finding.objects.select_related("reference", "other_reference")
    return {
        row.pk
        for row in found
        if is_searched(row.reference, row.person) and is_searched(row.other_reference, row.other_person)
    }


def kept() -> set[int]:
    return set(Finding.objects.filter(is_outdated=False).values_list("pk", flat=True))


def split(world: World) -> None:
    split_person(world.user, [world.face], "Cleo")


def count_again(world: World) -> None:
    reject_references(world.user, [world.mine])
    use_face_as_reference(world.user, Face.objects.get(pk=world.face.pk))


ACTS: dict[str, tuple[Callable[[World], object], int]] = {  # and how many findings hold after it
    "reject": (lambda world: reject_references(world.user, [world.mine]), 2),
    "set back": (lambda world: judge_references(world.user, [world.mine, world.hers], "pending"), 1),
    "move": (lambda world: move_references(world.user, [world.hers], world.anna), 2),
    "rename the face": (lambda world: confirm_face(world.user, world.face, world.bea), 2),
    "split": (split, 2),
    "count again": (count_again, 5),
    "merge": (lambda world: merge_people(world.user, world.anna, world.bea), 1),
}


@pytest.mark.parametrize("name", ACTS)
def test_what_holds_is_told_by_the_references_after_every_act_its_undo_and_its_redo(
    world: World, name: str
) -> None:
    act, left = ACTS[name]
    assert len(holding()) == len(kept()) == 5
    act(world)
    assert kept() == holding()
    assert len(kept()) == left
    assert set(get_open_findings().values_list("pk", flat=True)) == kept()
    for expected in (5, left) if name != "count again" else (2, 5):
        undo_events(world.user, Event.objects.exclude(undo=None).order_by("-pk")[0])
        assert kept() == holding()
        assert len(kept()) == expected


@pytest.mark.parametrize("status", ["approved", "pending"])
def test_a_dismissal_is_undone_and_redone_whatever_became_of_its_picture(world: World, status: str) -> None:
    picture = a_reference(world.anna, status=status, work=Status.FAILED)

    def is_listed() -> bool:
        return get_worklist_rows(Kind.FACELESS).filter(pk=picture.pk).exists()

    item = find_worklist_items(Kind.FACELESS, [picture.pk], world.user)[0]
    kept = resolve_worklist_item(world.user, Kind.FACELESS, item.item_id, "keep")
    assert kept is not None
    for expected in (True, False, True):
        undo_events(world.user, Event.objects.exclude(undo=None).order_by("-pk")[0])
        assert is_listed() is expected
    again = resolve_worklist_item(world.user, Kind.FACELESS, item.item_id, "keep")
    assert again is not None
    move_references(world.user, [picture], world.bea)
    undo_events(world.user, again)
    assert is_listed()


def test_a_finding_about_a_picture_that_was_judged_during_the_check_does_not_hold(world: World) -> None:
    found = Finding(
        kind=Kind.UNLIKE, person=world.bea, reference=world.hers, similarity=0.1, embedder_id=EMBEDDER
    )
    reject_references(world.user, [world.hers])
    _store_findings([found])
    assert Finding.objects.filter(kind=Kind.UNLIKE, is_outdated=True).get().reference == world.hers
    assert kept() == holding() == set()


def test_to_mark_nothing_changes_nothing(world: World) -> None:
    Finding.objects.update(is_outdated=True)
    mark_outdated_findings()
    assert not kept()
    mark_outdated_findings(findings=Finding.objects.values_list("pk", flat=True))
    assert len(kept()) == 5


@pytest.mark.servers
@pytest.mark.parametrize("order", ["act-first", "check-first", "two-undone"])
def test_two_that_write_at_once_on_postgresql_miss_nothing_of_each_other(start: Start, order: str) -> None:
    finish(start("-m", "tests.curation.finding_race", "prepare"))
    first = start("-m", "tests.curation.finding_race", f"{order}-first")
    assert read_line(first) == "done\n"
    second = start("-m", "tests.curation.finding_race", f"{order}-second")
    finish(start("-m", "tests.curation.finding_race", "waited"))  # until the second waits for the first
    finish(first)  # its input ends, so it commits
    finish(second)
    finish(start("-m", "tests.curation.finding_race", "verify"))

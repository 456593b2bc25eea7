"""The worker's check of the gallery, and the lists a curator works through."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gallery.curation.findings import (
    count_findings_for_badge,
    count_worklist_items,
    get_open_findings,
    get_worklist_rows,
    mark_outdated_findings,
)
from gallery.curation.jobs import request_gallery_check
from gallery.curation.measurement import check_all_references
from gallery.curation.services import dismiss_finding
from gallery.history.descriptions import describe_event
from gallery.history.undo import undo_events
from gallery.models import Album, Event, Finding, Person, Reference, ReferenceVector, Role, Status
from gallery.models.fields import vector_to_bytes
from gallery.people.references import move_references, reject_references
from tests.engines import FakeEngine
from tests.fake_people import fake_people
from tests.making import EMBEDDER, a_face, a_person, a_photo, a_reference, a_user

pytestmark = pytest.mark.django_db
Kind = Finding.Kind


def fill(vectors: np.ndarray[Any, Any], whose: np.ndarray[Any, Any]) -> tuple[list[Person], list[Reference]]:
    people = [a_person(f"Person {number}") for number in range(int(whose.max()) + 1)]
    references = []
    for vector, person in zip(vectors, whose, strict=True):
        reference = a_reference(people[person])
        ReferenceVector.objects.filter(reference=reference).update(vector=vector_to_bytes(vector))
        references.append(reference)
    return people, references


def quality(*, is_usable: bool = True, size: float = 40.0, sharpness: float = 0.2) -> dict[str, Any]:
    return {"is_usable": is_usable, "size": size, "sharpness": sharpness, "reason": ""}


def misfiled() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], int]:
    """Thirty people with four pictures, one of them in the wrong folder."""
    vectors, whose = fake_people(30, 4, seed=41)
    filed = whose.copy()
    filed[7] = (whose[7] + 3) % 30
    return vectors, filed, int(whose[7])


def test_a_misfiled_reference_is_found_with_whose_it_looks_like(fake: FakeEngine) -> None:
    vectors, filed, whose = misfiled()
    people, references = fill(vectors, filed)
    assert check_all_references() == 1
    finding = get_open_findings(Kind.WRONG).get()
    assert (finding.reference, finding.person) == (references[7], people[filed[7]])
    assert finding.other_person == people[whose]
    assert finding.other_reference is not None
    assert finding.other_reference.person == people[whose]
    assert finding.own_similarity is not None
    assert finding.similarity > finding.own_similarity
    assert finding.embedder_id == EMBEDDER


def test_one_picture_under_two_names_comes_before_one_picture_twice(fake: FakeEngine) -> None:
    vectors, whose = fake_people(20, 3, seed=42)
    vectors = np.concatenate([vectors, vectors[[0]], vectors[[5]]])
    fill(vectors, np.append(whose, [whose[0], (whose[5] + 1) % 20]))
    check_all_references()
    found = list(get_open_findings(Kind.DUPLICATE))
    assert [each.person == each.other_person for each in found] == [False, True]


def test_a_new_check_forgets_what_was_mended_and_keeps_rows_that_stand(fake: FakeEngine) -> None:
    vectors, filed, whose = misfiled()
    people, references = fill(vectors, filed)
    check_all_references()
    row = Finding.objects.get().pk
    check_all_references()
    assert Finding.objects.get().pk == row
    references[7].person = people[whose]
    references[7].save()
    assert check_all_references() == 0
    assert not Finding.objects.exists()


def test_what_a_curator_dismissed_is_not_brought_up_again_and_can_be_undone(fake: FakeEngine) -> None:
    vectors, filed, _ = misfiled()
    fill(vectors, filed)
    check_all_references()
    event = dismiss_finding(a_user(), get_open_findings().get())
    assert describe_event(event) == "said that 1 finding is all right"
    assert check_all_references() == 0
    assert not get_open_findings().exists()
    undo_events(a_user("Lan"), event)
    assert get_open_findings().count() == 1


def test_an_empty_gallery_is_healthy(fake: FakeEngine) -> None:
    assert check_all_references() == 0


def test_single_poor_and_faceless_references_are_listed() -> None:
    anna, bert, cleo = a_person("Anna"), a_person("Bert"), a_person("Cleo")
    a_reference(anna, quality=quality(is_usable=False))
    a_reference(bert, quality=quality())
    a_reference(bert)
    failed = a_reference(cleo, work=Status.FAILED, status="pending", failure="No face was found.")
    assert list(get_worklist_rows(Kind.SINGLE)) == [anna]
    assert list(get_worklist_rows(Kind.BARE)) == [cleo]
    assert [reference.person for reference in get_worklist_rows(Kind.POOR)] == [anna]
    assert list(get_worklist_rows(Kind.FACELESS)) == [failed]
    counts = count_worklist_items()
    assert (counts["single"], counts["poor"], counts["faceless"], counts[Kind.WRONG]) == (1, 1, 1, 0)


@pytest.mark.parametrize("poor", [{"size": 9.5}, {"sharpness": 0.01}, {"sharpness": 4.0}])
def test_a_small_blurred_or_noisy_picture_is_a_poor_reference_though_a_usable_face(
    poor: dict[str, float],
) -> None:
    reference = a_reference(a_person(), quality=quality(**poor))
    a_reference(a_person("Bert"), quality=quality())
    assert list(get_worklist_rows(Kind.POOR)) == [reference]


def test_a_check_can_be_asked_for(sent: list[Any]) -> None:
    request_gallery_check()
    assert sent == [("check_gallery",)]


def test_what_was_mended_leaves_the_list_before_the_next_check_and_comes_back_when_undone(
    fake: FakeEngine,
) -> None:
    vectors, filed, whose = misfiled()
    people, moved = fill(vectors, filed)
    check_all_references()
    user = a_user()
    move_references(user, [moved[7]], people[whose])
    assert not get_open_findings().exists()
    undo_events(user, Event.objects.order_by("-pk")[0])
    assert get_open_findings().count() == 1
    reject_references(user, [moved[7]])
    assert not get_open_findings().exists()


def test_findings_on_pictures_from_albums_for_others_are_not_there(fake: FakeEngine) -> None:
    vectors, filed, _ = misfiled()
    _, made = fill(vectors, filed)
    check_all_references()
    hidden = a_photo(album=Album.objects.create(is_limited=True))
    Reference.objects.filter(pk=made[7].pk).update(source_face=a_face(hidden))
    curator = a_user()
    assert get_open_findings().count() == 1
    assert not get_open_findings(user=curator).exists()
    assert count_worklist_items(curator)[Kind.WRONG] == count_findings_for_badge(curator) == 0


@pytest.mark.parametrize("most", [1, 2, 5, 100])
@pytest.mark.parametrize("role", [Role.CURATOR, Role.ADMINISTRATOR])
def test_a_badge_counts_what_the_list_shows_up_to_its_most(
    monkeypatch: pytest.MonkeyPatch, most: int, role: Role
) -> None:
    monkeypatch.setattr("gallery.curation.findings.MAX_BADGE_COUNT", most)
    curator, anna, other = a_user(role=role), a_person("Anna"), a_person("Bea")
    album = Album.objects.create(name="Limited", is_limited=True)
    secret = a_face(a_photo(album=album))
    for number in range(8):  # every other is not so any more; one is on a picture from an album for others
        reference = a_reference(other if number % 2 else anna, source_face=secret if number == 2 else None)
        Finding.objects.create(
            kind=Kind.WRONG, person=anna, reference=reference, similarity=0.9, embedder_id=EMBEDDER
        )
    mark_outdated_findings(findings=Finding.objects.values_list("pk", flat=True))
    assert count_findings_for_badge(curator) == min(most, get_open_findings(user=curator).count())
    assert count_findings_for_badge(curator) == min(most, 4 if role == Role.ADMINISTRATOR else 3)
    album.members.add(curator)
    Reference.objects.filter(person=anna)[0].delete()
    waiting = get_open_findings(user=curator).count()
    assert count_findings_for_badge(curator) == min(most, waiting) == min(most, 3)


def test_who_was_all_right_with_one_reference_is_asked_about_again_after_a_second(fake: FakeEngine) -> None:
    anna = a_person("Anna")
    only = a_reference(anna)
    Finding.objects.create(
        kind=Kind.SINGLE, person=anna, similarity=0, embedder_id=EMBEDDER, dismissed_at=timezone.now()
    )
    check_all_references()
    assert not get_worklist_rows(Kind.SINGLE).exists()
    second = a_reference(anna)
    check_all_references()
    second.delete()
    assert list(get_worklist_rows(Kind.SINGLE)) == [only.person]


@pytest.mark.parametrize("kind", [Kind.WRONG, Kind.DUPLICATE, Kind.POOR, Kind.FACELESS, "nonsense"])
def test_the_admins_list_of_references_has_a_filter_for_each_finding(
    fake: FakeEngine, client: Client, kind: str
) -> None:
    vectors, filed, _ = misfiled()
    fill(np.concatenate([vectors, vectors[[0]]]), np.append(filed, filed[0]))
    check_all_references()
    a_reference(a_person("Blurred"), quality=quality(sharpness=0.01))
    a_reference(a_person("Nobody"), work=Status.FAILED)
    client.force_login(a_user())
    page = client.get(reverse("admin:gallery_reference_changelist"), {"health": kind})
    total = Reference.objects.count()
    wanted = {Kind.DUPLICATE: 2, "nonsense": total}
    assert page.context["cl"].result_count == wanted.get(kind, 1)


@pytest.mark.parametrize("kind", [Kind.BARE, Kind.SINGLE, Kind.WRONG, Kind.CONFUSABLE])
def test_the_admins_list_of_people_has_a_filter_for_each_finding(
    fake: FakeEngine, client: Client, kind: str
) -> None:
    vectors, filed, _ = misfiled()
    people, _ = fill(vectors, filed)
    check_all_references()
    a_reference(a_person("Single"))
    a_person("Bare")
    Finding.objects.create(
        kind=Kind.CONFUSABLE, person=people[0], other_person=people[1], similarity=1, embedder_id=EMBEDDER
    )
    client.force_login(a_user())
    page = client.get(reverse("admin:gallery_person_changelist"), {"health": kind})
    assert page.context["cl"].result_count == (2 if kind == Kind.CONFUSABLE else 1)

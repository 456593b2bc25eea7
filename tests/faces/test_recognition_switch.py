"""Recognition switched off, or run out: for a person, a photo, an album; what goes, stays, and comes back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from gallery.core.exceptions import ActionRefused
from gallery.faces.decisions import confirm_face
from gallery.faces.naming import spread_decisions
from gallery.faces.processing import process_photo
from gallery.history.changeset import find_events_about
from gallery.history.undo import undo_events
from gallery.index.selectors import count_searchable_people
from gallery.models import (
    Album,
    Candidate,
    Decision,
    Event,
    Face,
    GalleryChange,
    NameChange,
    Person,
    Photo,
    Status,
)
from gallery.models.querysets import get_today
from gallery.people.references import use_face_as_reference
from gallery.people.services import set_person_consent, set_person_recognised
from gallery.photos.albums import change_album, remove_album, set_album_recognition
from gallery.photos.membership import put_photos_in_album, take_photos_out
from gallery.photos.services import set_photo_recognition
from gallery.photos.sharing import find_faces_to_hide
from gallery.privacy import retention
from gallery.privacy.retention import (
    delete_leftover_embeddings,
    delete_old_unknown_embeddings,
    lapse_consents,
)
from recognition.types import Box
from tests.engines import FakeEngine, Seen
from tests.gallery_world import an_unnamed_face, find, find_in_another_process, know, near, world
from tests.making import (
    EMBEDDER,
    a_face,
    a_named_face,
    a_person,
    a_photo,
    a_user,
    a_vector,
    an_unsure_face,
)

__all__ = ["world"]
pytestmark = pytest.mark.django_db
ANNA, EVA = a_vector(1), a_vector(2)
VECTOR: dict[str, Any] = {"embedding": ANNA, "embedder_id": EMBEDDER}


def run_out(person: Person, days: int = 1) -> None:
    """The consent's last day was so many days ago; nothing else is done."""
    Person.objects.filter(pk=person.pk).update(consent_until=get_today() - timedelta(days=days))


def persons_found(vector: bytes) -> set[int]:
    assert {n.person for n in find(vector)} == {n.person for n in find_in_another_process(vector)}
    return {neighbour.person for neighbour in find(vector)}


def names_of(face: Face) -> tuple[int | None, str, bool]:
    face.refresh_from_db()
    return face.person_id, face.state, face.is_veiled


def as_they_are(*rows: Any) -> list[dict[str, Any]]:
    skipped = {"revision", "_state"}
    fresh = [type(row).objects.get(pk=row.pk) for row in rows]
    return [
        {
            key: value.tobytes() if isinstance(value, np.ndarray) else value
            for key, value in vars(row).items()
            if key not in skipped
        }
        for row in fresh
    ]


# A consent that runs out


def test_a_search_finds_nobody_whose_consent_ran_out_though_no_job_has_run(world: FakeEngine) -> None:
    anna, eva = a_person("Anna"), a_person("Eva")
    know(anna, ANNA)
    know(eva, EVA)
    assert persons_found(near(ANNA)) == {anna.pk, eva.pk}
    run_out(anna)
    assert persons_found(near(ANNA)) == {eva.pk}
    assert count_searchable_people() == 1


def test_a_consent_holds_to_the_end_of_its_last_day(world: FakeEngine) -> None:
    anna = a_person("Anna")
    know(anna, ANNA)
    run_out(anna, days=0)
    assert persons_found(ANNA) == {anna.pk}
    assert lapse_consents() == 0


def test_an_index_built_before_the_consent_ran_out_does_not_answer_with_it(world: FakeEngine) -> None:
    from gallery.index.builds import request_build, run_build

    anna, eva = a_person("Anna"), a_person("Eva")
    know(anna, ANNA)
    know(eva, EVA)
    built = run_build(request_build("test", delay=0).pk)
    assert built is not None
    assert built.is_active
    assert built.vectors == 2
    run_out(anna)
    assert persons_found(near(ANNA)) == {eva.pk}


def test_a_renewed_consent_is_searched_again_at_once(world: FakeEngine) -> None:
    anna = a_person("Anna")
    know(anna, ANNA)
    run_out(anna)
    assert persons_found(ANNA) == set()
    event = set_person_consent(a_user(), anna, "Signed again", get_today() + timedelta(days=365))
    assert persons_found(ANNA) == {anna.pk}
    assert event is not None
    undo_events(a_user("Bao"), event)
    assert persons_found(ANNA) == set()


def test_the_sweep_withdraws_what_the_machine_said_and_leaves_what_people_said(world: FakeEngine) -> None:
    anna, eva = a_person("Anna"), a_person("Eva")
    guessed, asked = a_named_face(anna, **VECTOR), an_unsure_face(anna, eva, **VECTOR)
    said = a_face(person=anna, state="known", decision=Decision.CONFIRMED, **VECTOR)
    other = a_named_face(eva, **VECTOR)
    NameChange.objects.create(photo=guessed.photo, face=guessed, new_person=anna)
    run_out(anna)
    assert lapse_consents() == 1
    assert lapse_consents() == 0
    assert names_of(guessed) == (None, "unknown", True)
    assert not Candidate.objects.filter(person=anna).exists()
    assert [row.person_id for row in asked.candidates.all()] == [eva.pk]
    assert not NameChange.objects.filter(face=guessed).exists()
    assert names_of(said) == (anna.pk, "known", False)
    for face, has_vector in ((guessed, False), (said, False), (other, True), (asked, True)):
        face.refresh_from_db()
        assert (face.embedding is not None) == has_vector
    event = Event.objects.get(verb="person.consent_expired")
    assert event.undo is None
    assert event.actor is None
    assert ANNA.hex() not in str(list(Event.objects.values()))


def test_the_sweep_tells_searching_processes_and_says_so_in_the_history(world: FakeEngine) -> None:
    anna = a_person("Anna")
    reference = know(anna, ANNA)
    run_out(anna)
    lapse_consents()
    assert GalleryChange.objects.filter(object_id=reference.pk).latest("pk").kind == "removed"
    assert [event.verb for event in find_events_about("person", anna.pk)] == ["person.consent_expired"]


def test_after_renewal_hidden_faces_are_seen_again_and_their_photos_looked_at(world: FakeEngine) -> None:
    anna = a_person("Anna")
    guessed = a_named_face(anna, **VECTOR)
    run_out(anna)
    lapse_consents()
    anna.refresh_from_db()
    set_person_consent(a_user(), anna, "", get_today() + timedelta(days=30))
    assert names_of(guessed) == (None, "unknown", False)
    assert Photo.objects.get(pk=guessed.photo_id).work == Status.QUEUED


def test_extending_a_consent_that_still_holds_searches_nothing_again(world: FakeEngine) -> None:
    anna = a_person("Anna")
    know(anna, ANNA)
    before = GalleryChange.objects.count()
    set_person_consent(a_user("Bao"), anna, "", get_today() + timedelta(days=30))
    set_person_consent(a_user(), Person.objects.get(), "", None)
    assert GalleryChange.objects.count() == before


def test_names_come_back_however_often_a_consent_runs_out_and_is_renewed(world: FakeEngine) -> None:
    photo, anna, guessed, _said = a_photo_with_anna(world)
    for turn, is_looked_at in enumerate((True, False, True)):
        run_out(anna)
        assert lapse_consents() == 1
        looked_at(world, photo, boxes_of(guessed))
        assert names_of(guessed) == (None, "unknown", True)
        anna.refresh_from_db()
        renewed = set_person_consent(a_user(f"a{turn}"), anna, "", get_today() + timedelta(days=9))
        assert renewed is not None
        if is_looked_at:
            looked_at(world, photo, boxes_of(guessed))
            assert names_of(guessed) == ASKED
        undo_events(a_user(f"b{turn}"), renewed)
        assert names_of(guessed) == (None, "unknown", True)
        looked_at(world, photo, boxes_of(guessed))
        assert guessed.embedding is None
        anna.refresh_from_db()
        set_person_consent(a_user(f"c{turn}"), anna, "", None)
        looked_at(world, photo, boxes_of(guessed))
        assert names_of(guessed) == ASKED


# A person who may not be recognised


def test_switching_a_person_off_is_undone_whole_but_for_the_vectors(world: FakeEngine) -> None:
    anna, user = a_person("Anna"), a_user()
    know(anna, ANNA)
    guessed = a_named_face(anna, **VECTOR)
    event = set_person_recognised(user, anna, False)
    assert event is not None
    assert names_of(guessed) == (None, "unknown", True)
    assert persons_found(ANNA) == set()
    undo_events(user, event)
    assert names_of(guessed) == (anna.pk, "known", False)
    assert guessed.embedding is None
    assert Photo.objects.get(pk=guessed.photo_id).work == Status.QUEUED
    assert persons_found(ANNA) == {anna.pk}


def test_switching_off_and_on_and_taking_both_back_ends_hidden_only_when_off(world: FakeEngine) -> None:
    anna, user = a_person("Anna"), a_user()
    guessed = a_named_face(anna, **VECTOR)
    off = set_person_recognised(user, anna, False)
    on = set_person_recognised(user, anna, True)
    assert off
    assert on
    assert names_of(guessed) == (None, "unknown", False)
    [undone] = undo_events(user, on)
    assert names_of(guessed) == (None, "unknown", True)
    undo_events(user, undone)
    assert names_of(guessed) == (None, "unknown", False)


def test_nobody_is_asked_whether_a_face_resembles_a_confirmed_one_of_a_masked_person(
    world: FakeEngine,
) -> None:
    anna = a_person("Anna")
    said = a_face(person=anna, state="known", decision=Decision.CONFIRMED, **VECTOR)
    stranger = an_unnamed_face(near(ANNA))
    Person.objects.update(is_recognised=False)
    spread_decisions([said.pk])
    assert not Candidate.objects.filter(face=stranger).exists()


def test_naming_a_face_as_a_masked_person_makes_it_neither_comparable_nor_a_reference(
    world: FakeEngine,
) -> None:
    anna, face = a_person("Anna"), a_face(**VECTOR)
    Person.objects.update(is_recognised=False)
    anna.refresh_from_db()
    confirm_face(a_user(), face, anna)
    face.refresh_from_db()
    assert face.person_id == anna.pk
    assert face.embedding is None
    with pytest.raises(ActionRefused, match="may not be recognised"):
        use_face_as_reference(a_user("Bao"), face)


def test_looking_again_makes_no_vector_for_faces_of_masked_people(world: FakeEngine) -> None:
    anna, photo = a_person("Anna"), a_photo()
    said = a_face(photo, person=anna, state="known", decision=Decision.CONFIRMED, left=100.0)
    veiled, other = a_face(photo, is_veiled=True, left=300.0), a_face(photo, left=500.0)
    Person.objects.update(is_recognised=False)
    boxes = [(face.left, face.top, face.width, face.height) for face in (said, veiled, other)]
    looked_at(world, photo, boxes)
    for face, has_vector in ((said, False), (veiled, False), (other, True)):
        face.refresh_from_db()
        assert (face.embedding is not None) == has_vector


# Photos and albums


def looked_at(world: FakeEngine, photo: Photo, boxes: Any) -> None:
    """The worker looks at the photo, and sees Anna's face in each of the boxes."""
    world.faces = [Seen(Box(*box), ANNA) for box in boxes]
    Photo.objects.filter(pk=photo.pk).update(work=Status.QUEUED, queued_at=timezone.now())
    assert process_photo(photo.pk)


def a_photo_with_anna(world: FakeEngine, album: Album | None = None) -> tuple[Photo, Person, Face, Face]:
    """A face the machine named, and one that somebody named."""
    anna, photo = a_person("Anna"), a_photo(album=album)
    know(anna, ANNA)
    guessed = a_named_face(anna, photo, left=100.0, **VECTOR)
    said = a_face(
        photo, person=anna, state="known", decision=Decision.CONFIRMED, left=300.0, cluster=3, **VECTOR
    )
    return photo, anna, guessed, said


ASKED = (None, "unsure", False)  # found again: the face beside it bears the name, as somebody said


def boxes_of(*faces: Face) -> list[tuple[float, float, float, float]]:
    return [(face.left, face.top, face.width, face.height) for face in faces]


def must_be_closed(guessed: Face, said: Face, anna: Person) -> None:
    assert names_of(guessed) == (None, "unknown", False)
    assert names_of(said) == (anna.pk, "known", False)
    assert guessed.embedding is None
    assert said.embedding is None
    assert said.cluster is None
    assert not Candidate.objects.filter(face=guessed).exists()


def test_switching_a_photo_off_and_undoing_it_brings_its_names_back(world: FakeEngine) -> None:
    photo, anna, guessed, said = a_photo_with_anna(world)
    event = set_photo_recognition(a_user(), photo, False)
    must_be_closed(guessed, said, anna)
    assert Photo.objects.get(pk=photo.pk).work == Status.DONE
    assert event is not None
    undo_events(a_user("Bao"), event)
    assert Photo.objects.get(pk=photo.pk).work == Status.QUEUED
    looked_at(world, photo, boxes_of(guessed, said))
    assert names_of(guessed) == ASKED
    assert guessed.embedding is not None


@pytest.mark.parametrize("way", ["of its own", "by the form", "by a move"])
def test_switching_an_album_off_closes_its_photos_and_on_opens_them(world: FakeEngine, way: str) -> None:
    user = a_user()
    album, quiet = Album.objects.create(name="Trip"), Album.objects.create(name="Q", is_recognised=False)
    photo, anna, guessed, said = a_photo_with_anna(world, album)
    own = a_face(a_photo(), **VECTOR)
    if way == "of its own":
        event = set_album_recognition(user, album, False)
    elif way == "by the form":
        change_album(user, album, {"name": "Trip", "is_recognised": False})
        event = Event.objects.get(verb="album.change")
    else:
        put_photos_in_album(user, [photo], quiet)
        event = Event.objects.get(verb="photo.album")
    must_be_closed(guessed, said, anna)
    own.refresh_from_db()
    assert own.embedding is not None
    assert event is not None
    undo_events(user, event)
    assert Photo.objects.get(pk=photo.pk).work == Status.QUEUED


def test_moving_between_albums_that_are_both_recognised_changes_no_face(world: FakeEngine) -> None:
    photo, _, guessed, said = a_photo_with_anna(world, Album.objects.create(name="A"))
    before = as_they_are(photo, guessed, said)
    put_photos_in_album(a_user(), [photo], Album.objects.create(name="B"))
    take_photos_out(a_user("Bao"), [Photo.objects.get(pk=photo.pk)])
    assert as_they_are(photo, guessed, said) == before


def test_photos_of_an_album_taken_apart_stay_as_unrecognised_as_they_were(world: FakeEngine) -> None:
    album = Album.objects.create(name="Trip", is_recognised=False)
    photo, user = a_photo(album=album), a_user()
    remove_album(user, album)
    photo.refresh_from_db()
    assert not photo.may_be_recognised
    undo_events(user, Event.objects.get(verb="album.remove"))
    photo.refresh_from_db()
    assert photo.is_recognised
    assert list(photo.albums.all()) == [album]


def test_in_a_closed_photo_faces_are_found_but_neither_embedded_nor_named(world: FakeEngine) -> None:
    know(a_person("Anna"), ANNA)
    photo = a_photo(is_recognised=False)
    looked_at(world, photo, [(100, 100, 80, 100)])
    face = photo.faces.get()
    assert (face.embedding, face.person, face.state) == (None, None, "unknown")
    photo.refresh_from_db()
    assert photo.work == Status.DONE
    assert find_faces_to_hide([photo]) == {photo.pk: [face]}


@pytest.mark.parametrize("is_open_after", [True, False])
def test_a_photo_switched_while_a_worker_is_at_it_ends_as_it_was_switched_last(
    world: FakeEngine, monkeypatch: pytest.MonkeyPatch, is_open_after: bool
) -> None:
    photo, find_faces = a_photo(is_recognised=not is_open_after), world.detect

    def detect(image: Any) -> Any:
        set_photo_recognition(a_user(), Photo.objects.get(pk=photo.pk), is_open_after)
        monkeypatch.setattr(world, "detect", find_faces)
        return find_faces(image)

    monkeypatch.setattr(world, "detect", detect)
    looked_at(world, photo, [(100, 100, 80, 100)])
    assert process_photo(photo.pk), "it waits to be looked at once more"
    assert (photo.faces.get().embedding is not None) == is_open_after


def test_what_a_worker_left_in_a_closed_photo_is_swept(world: FakeEngine) -> None:
    closed, opened = a_photo(is_recognised=False), a_photo(album=Album.objects.create(name="T"))
    a_face(closed, **VECTOR)
    kept = a_face(opened, **VECTOR), a_face(a_photo(), **VECTOR)
    assert delete_leftover_embeddings() == 1
    assert all(Face.objects.get(pk=face.pk).embedding is not None for face in kept)


# Unknown faces


def test_old_unknown_faces_lose_what_they_are_compared_by_and_named_ones_do_not(
    world: FakeEngine, settings: Any
) -> None:
    settings.UNKNOWN_DAYS = 30
    old, young = timezone.now() - timedelta(days=31), timezone.now() - timedelta(days=29)
    anna = a_person("Anna")
    gone = [
        a_face(embedded_at=old, cluster=5, **VECTOR),
        an_unsure_face(anna, embedded_at=old, **VECTOR),
        a_face(embedded_at=old, decision=Decision.IGNORED, **VECTOR),
        a_face(embedded_at=old, decision=Decision.REJECTED, **VECTOR),
    ]
    kept = [
        a_face(embedded_at=young, **VECTOR),
        a_named_face(anna, embedded_at=old, **VECTOR),
        a_face(embedded_at=old, person=anna, decision=Decision.CONFIRMED, **VECTOR),
    ]
    assert delete_old_unknown_embeddings() == len(gone)
    for face in gone:
        face.refresh_from_db()
        assert (face.embedding, face.embedder_id, face.cluster) == (None, "", None)
    assert all(Face.objects.get(pk=face.pk).embedding is not None for face in kept)
    assert Face.objects.filter(pk=gone[2].pk, decision=Decision.IGNORED).exists()


def test_unknown_faces_are_kept_for_ever_where_the_owner_says_so(settings: Any) -> None:
    settings.UNKNOWN_DAYS = 0
    a_face(embedded_at=timezone.now() - timedelta(days=9_999), **VECTOR)
    assert delete_old_unknown_embeddings() == 0


def test_many_are_forgotten_in_small_steps(
    settings: Any, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    settings.UNKNOWN_DAYS = 1
    monkeypatch.setattr(retention, "FACES_PER_TRANSACTION", 2)
    photo, old = a_photo(), timezone.now() - timedelta(days=2)
    for _ in range(5):
        a_face(photo, embedded_at=old, **VECTOR)
    with django_assert_num_queries(3 * 5 + 1):  # three batches: ask, announce (2), write, withdraw
        assert delete_old_unknown_embeddings() == 5


def test_looking_again_brings_a_forgotten_face_back_for_another_while(
    world: FakeEngine, settings: Any
) -> None:
    settings.UNKNOWN_DAYS = 30
    face = a_face(embedded_at=timezone.now() - timedelta(days=31), **VECTOR)
    delete_old_unknown_embeddings()
    looked_at(world, face.photo, boxes_of(face))
    face.refresh_from_db()
    assert face.embedding is not None
    assert delete_old_unknown_embeddings() == 0


def test_looking_again_at_a_face_that_was_not_forgotten_does_not_lengthen_its_time(world: FakeEngine) -> None:
    since = timezone.now() - timedelta(days=300)
    face = a_face(embedded_at=since, **VECTOR)
    looked_at(world, face.photo, boxes_of(face))
    face.refresh_from_db()
    assert face.embedded_at == since

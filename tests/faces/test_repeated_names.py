"""Of two faces of one photo that would bear one name the nearer is known and the other asks."""

from __future__ import annotations

import numpy as np
import pytest

from gallery.faces import naming
from gallery.faces.decisions import confirm_face, draw_face, reject_person_of_face
from gallery.faces.naming import follow_gallery, search_faces_again
from gallery.faces.tagging import GallerySearch
from gallery.history.undo import undo_events
from gallery.models import Face, Person, Photo
from gallery.models.fields import vector_from_bytes
from gallery.people.services import set_person_recognised
from gallery.privacy.erasure import find_faces_of_person
from recognition.analysis import Analysis
from recognition.types import State
from tests.engines import FakeEngine, somebody
from tests.gallery_world import an_unnamed_face, know, near, world
from tests.making import EMBEDDER, a_person, a_photo, a_user, a_vector

__all__ = ["world"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("world")]

ANNA = a_vector(1)
NEARER, FARTHER = a_vector(90, near=ANNA, spread=0.02), near(ANNA)
KNOWN, UNSURE = Face.State.KNOWN.value, Face.State.UNSURE.value


@pytest.fixture
def anna() -> Person:
    person = a_person("Anna")
    know(person, ANNA)
    return person


@pytest.fixture
def photo() -> Photo:
    """With two faces of Anna, the nearer one to the right."""
    photo = a_photo()
    an_unnamed_face(FARTHER, photo=photo, left=10)
    an_unnamed_face(NEARER, photo=photo, left=300)
    return photo


def states(photo: Photo) -> list[str]:
    return [face.state for face in photo.faces.order_by("left")]


def test_the_nearer_face_is_known_and_the_other_asks(anna: Person, photo: Photo) -> None:
    follow_gallery(is_all=True)
    assert states(photo) == [UNSURE, KNOWN]
    asking = photo.faces.get(state=UNSURE)
    assert asking.person is None
    assert asking.candidates.get().person == anna
    assert photo.faces.get(is_twice=True) == asking


def test_faces_that_are_searched_one_at_a_time_are_still_compared_with_those_beside_them(
    anna: Person, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(naming, "FACES_PER_TRANSACTION", 1)
    other = an_unnamed_face(FARTHER)
    follow_gallery(is_all=True)
    assert states(photo) == [UNSURE, KNOWN]
    assert states(other.photo) == [KNOWN]


def test_what_somebody_says_of_one_face_makes_the_machines_other_one_unsure_until_it_is_undone(
    anna: Person, photo: Photo
) -> None:
    user, farther = a_user(), photo.faces.get(left=10)
    follow_gallery(is_all=True)
    event = confirm_face(user, farther, anna)
    search_faces_again([farther.pk])
    assert states(photo) == [KNOWN, UNSURE]
    undo_events(user, event)
    search_faces_again([farther.pk])
    assert states(photo) == [UNSURE, KNOWN]


def test_where_the_nearer_face_is_said_to_be_somebody_else_the_other_is_known(
    anna: Person, photo: Photo
) -> None:
    nearer = photo.faces.get(left=300)
    follow_gallery(is_all=True)
    reject_person_of_face(a_user(), nearer, anna)
    assert search_faces_again([nearer.pk]) == 1  # the one beside it was not asked for
    assert states(photo) == [KNOWN, Face.State.UNKNOWN]


def test_both_faces_of_a_collage_keep_the_name_that_somebody_gave_them(anna: Person, photo: Photo) -> None:
    user = a_user()
    follow_gallery(is_all=True)
    for face in photo.faces.all():
        confirm_face(user, face, anna)
    follow_gallery(is_all=True)
    assert states(photo) == [KNOWN, KNOWN]
    assert photo.faces.filter(is_twice=True).count() == 2


def test_the_face_that_asks_is_one_of_the_persons_where_they_may_no_longer_be_recognised(
    anna: Person, photo: Photo
) -> None:
    follow_gallery(is_all=True)
    assert find_faces_of_person(anna).count() == 2
    set_person_recognised(a_user(), anna, False)
    assert {(face.is_veiled, face.embedding, face.state) for face in photo.faces.all()} == {
        (True, None, "unknown")
    }


def test_a_drawn_face_that_is_taken_back_gives_the_name_back(
    anna: Person, photo: Photo, sent: list[tuple[object, ...]]
) -> None:
    user = a_user()
    photo.faces.filter(left=300).delete()
    drawn = draw_face(user, photo, (500, 100, 80, 100))
    Face.objects.filter(pk=drawn.pk).update(embedding=NEARER, embedder_id=EMBEDDER)
    follow_gallery(is_all=True)
    assert states(photo) == [UNSURE, KNOWN]
    sent.clear()
    undo_events(user, user.events.latest("pk"))
    for task, faces in sent:
        assert task == "follow_faces"
        search_faces_again(faces)
    assert states(photo) == [KNOWN]


def test_tagging_a_photo_says_a_name_once(anna: Person, world: FakeEngine) -> None:
    found = [somebody(100, 1, FARTHER).detection, somebody(400, 1, NEARER).detection]
    vectors = np.stack([vector_from_bytes(vector) for vector in (FARTHER, NEARER)])
    faces = GallerySearch(world).name_faces(Analysis(800, 600, found, vectors, {}))
    assert [face.name for face in faces] == [None, "Anna"]
    assert faces[0].outcome.state is State.UNSURE
    assert faces[0].label == "Anna?"
    assert [face.as_json()["person_id"] for face in faces] == [None, anna.pk]
    assert [each["person_id"] for face in faces for each in face.candidates] == [anna.pk, anna.pk]

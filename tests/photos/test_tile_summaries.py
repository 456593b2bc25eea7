"""What a tile says of a photo's faces is what the photo's own page says of them."""

from __future__ import annotations

from itertools import product

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gallery.faces.labels import get_face_label
from gallery.models import Decision, Face, Photo
from gallery.photos.selectors import add_tile_summaries, get_tile_summary, join_label_names
from tests.making import a_face, a_person, a_photo

pytestmark = pytest.mark.django_db


def a_photo_of_every_kind() -> Photo:
    """A face of every state and decision, with a name of its own and without one, the last being the leftmost."""
    photo = a_photo()
    kinds = product(Face.State.values, Decision.values, (True, False))
    for place, (state, decision, has_name) in enumerate(kinds):
        person = a_person(f"Somebody {place}") if has_name else None
        a_face(photo, person=person, state=state, decision=decision, left=1_000.0 - place)
    return photo


def test_the_names_on_a_tile_are_those_of_the_photos_page() -> None:
    photo = a_photo_of_every_kind()
    faces = list(photo.faces.order_by("left", "pk"))
    assert get_tile_summary(photo).names == join_label_names(get_face_label(face) for face in faces)
    assert len(get_tile_summary(photo).names.split(", ")) == 4  # confirmed in three states, and recognised


def test_the_faces_to_name_are_those_that_nobody_decided_on() -> None:
    photo = a_photo_of_every_kind()
    assert get_tile_summary(photo).open == 4  # unsure and unknown, with a name and without


def test_a_name_stands_once_on_a_tile_and_from_left_to_right() -> None:
    photo, anna, bao = a_photo(), a_person("Anna"), a_person("Bảo")
    for left, person in ((30.0, anna), (20.0, bao), (10.0, anna)):
        a_face(photo, person=person, state=Face.State.KNOWN, left=left)
    assert get_tile_summary(photo).names == "Anna, Bảo"


def test_many_photos_take_one_query_and_each_has_its_own_faces() -> None:
    photos = [a_photo() for _ in range(3)]
    for number, photo in enumerate(photos[:2]):
        a_face(photo, person=a_person(f"Person {number}"), state=Face.State.KNOWN)
    with CaptureQueriesContext(connection) as asked:
        found = [get_tile_summary(photo).names for photo in add_tile_summaries(photos)]
    assert found == ["Person 0", "Person 1", ""]
    assert len(asked) == 1

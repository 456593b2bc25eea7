"""What is read the quick way is what the plain way would give."""

from __future__ import annotations

from datetime import date

import pytest
from django.test.utils import override_script_prefix
from django.urls import reverse
from django.utils import timezone

from gallery import derived
from gallery.browse import groups
from gallery.browse.groups import Rest
from gallery.models import Album, Role
from gallery.templatetags.media import face_src, photo_src, reference_src
from gallery.visibility import counted_faces, visible_faces
from tests.making import a_face, a_person, a_photo, a_reference, a_user

pytestmark = pytest.mark.django_db


def test_faces_are_counted_as_they_are_seen_by_each_user() -> None:
    maker, chosen, other = a_user("Maker"), a_user("Chosen"), a_user("Other")
    limited = Album.objects.create(name="Limited", date=date(2024, 5, 1), is_limited=True, created_by=maker)
    limited.members.add(chosen)
    plain = Album.objects.create(name="Plain", date=date(2024, 5, 1))
    for album in (limited, plain, None):
        a_face(a_photo(album=album))
        a_face(a_photo(album=album, trashed_at=timezone.now()))
    counts = {}
    for user in (maker, chosen, other, a_user("Admin", Role.ADMINISTRATOR)):
        assert set(counted_faces(user)) == set(visible_faces(user))
        counts[user.username] = counted_faces(user).count()
    assert list(counts.values()) == [3, 3, 2, 3]


def test_faces_outside_of_groups_are_counted_by_how_they_are_shown() -> None:
    user = a_user()
    for cluster in (1, 1, 2, 3, None, None, -1, -1, -1, -2):
        a_face(cluster=cluster)
    assert groups.rest(user) == Rest(single=4, like_ignored=4, forgotten=0)
    assert groups.rest(user).single == groups.singles(user).count()
    assert groups.rest(user).like_ignored == groups.like_ignored(user).count()


def test_nothing_is_outside_of_groups_where_there_are_no_faces() -> None:
    assert groups.rest(a_user()) == Rest(single=0, like_ignored=0, forgotten=0)


@pytest.mark.parametrize("prefix", ["/", "/faces/", "/11111/"])
def test_addresses_of_pictures_are_those_that_lead_to_them(prefix: str) -> None:
    face, reference = a_face(), a_reference(a_person())
    photo = face.photo
    with override_script_prefix(prefix):
        assert photo_src(photo, 640) == reverse(
            "photo_image", args=(photo.pk, derived.photo_digest(photo), 640)
        )
        assert face_src(face, 384) == reverse("face_image", args=(face.pk, derived.face_digest(face), 384))
        crop = (reference.pk, derived.reference_digest(reference), 128)
        assert reference_src(reference) == reverse("reference_image", args=crop)

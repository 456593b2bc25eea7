"""What was downloaded from the site is known for the photo it is of when it is uploaded again."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from gallery.core.exceptions import FileWasErased
from gallery.models import Album, Photo, Role, User
from gallery.photos.services import add_photo
from gallery.privacy.erasure import erase_photos
from tests import corpus
from tests.making import a_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "own_data")]


@pytest.fixture
def photo(user: User) -> Photo:
    return add_photo(user, [corpus.jpeg_with_position()], "sea.jpg").photo


def download_all(client: Client, photo: Photo) -> list[bytes]:
    """Every kind of copy that shows the whole photo."""
    pages = [
        reverse("photo_original", args=(photo.pk,)) + "?position=no",
        *(reverse("photo_export", args=(photo.pk, kind)) for kind in ("xmp",)),
    ]
    answer = client.post(reverse("photos_download"), {"photo": photo.pk, "kind": "xmp"})
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:  # type: ignore[attr-defined]
        packed = [archive.read(name) for name in archive.namelist()]
    return [client.get(page).content for page in pages] + packed


def test_each_copy_is_the_photo_it_is_of(curator: Client, user: User, photo: Photo) -> None:
    for content in download_all(curator, photo):
        assert content != Path(photo.file.path).read_bytes()
        added = add_photo(user, [content], "again.jpg")
        assert (added.photo.pk, added.is_duplicate) == (photo.pk, True)
    assert Photo.objects.count() == 1


def test_a_copy_does_not_take_the_place_of_a_lost_original(curator: Client, user: User, photo: Photo) -> None:
    copy = download_all(curator, photo)[0]
    Path(photo.file.path).unlink()
    add_photo(user, [copy], "again.jpg")
    assert not Path(photo.file.path).exists()


def test_a_copy_tells_nobody_of_a_photo_that_they_may_not_see(
    curator: Client, user: User, photo: Photo
) -> None:
    copy = download_all(curator, photo)[0]
    hidden = Album.objects.create(name="Hidden", is_limited=True)
    hidden.members.add(user)
    photo.albums.add(hidden)
    added = add_photo(a_user("other", Role.CONTRIBUTOR), [copy], "again.jpg")
    assert not added.is_duplicate
    assert added.photo.pk != photo.pk


def test_a_copy_of_an_erased_photo_is_asked_about(curator: Client, user: User, photo: Photo) -> None:
    copy = download_all(curator, photo)[0]
    erase_photos(user, [photo])
    with pytest.raises(FileWasErased):
        add_photo(user, [copy], "again.jpg")

"""Each page of a TIFF is a photo."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from PIL import Image

from gallery.history.undo import undo_events
from gallery.maintenance.rereading import reread_files
from gallery.models import Album, Event, Photo, User
from gallery.photos.services import add_photo
from recognition.images import read_photo
from tests import corpus

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "own_data")]


def scan(*sizes: tuple[int, int], **options: object) -> bytes:
    pages = [corpus.picture(*size, seed=seed) for seed, size in enumerate(sizes)]
    return corpus.saved(pages[0], "TIFF", save_all=True, append_images=pages[1:], **options)


def test_each_page_is_a_photo_without_loss_in_the_same_album(curator: Client, user: User) -> None:
    album = Album.objects.create(name="Scans")
    data = scan((64, 48), (80, 60), (40, 90))
    first = add_photo(user, [data], "family.tif", album).photo
    assert Path(first.file.path).read_bytes() == data
    pages = list(Photo.objects.filter(page_of=first).order_by("pk"))
    assert [(page.name, page.width, page.height) for page in pages] == [
        ("family, page 2.tif", 80, 60),
        ("family, page 3.tif", 40, 90),
    ]
    shown = read_photo(Path(pages[0].file.path)).pixels
    assert np.array_equal(shown, np.asarray(corpus.picture(80, 60, seed=1)))
    assert set(album.photos.all()) == {first, *pages}
    page = curator.get(reverse("photo", args=(pages[0].pk,))).content.decode()
    assert reverse("photo", args=(first.pk,)) in page
    add_photo(user, [data], "again.tif")
    assert Photo.objects.count() == 3
    undo_events(user, Event.objects.get(verb="photo.pages"))
    assert list(Photo.objects.outside_trash()) == [first]


def test_a_smaller_copy_is_no_page_and_a_broken_page_loses_no_other(user: User) -> None:
    file = io.BytesIO()
    small = corpus.picture(20, 15)
    small.encoderinfo = {"tiffinfo": {254: 1}}  # type: ignore[attr-defined]  # as Pillow has it for more images
    corpus.picture().save(file, "TIFF", save_all=True, append_images=[small])
    assert Image.open(io.BytesIO(file.getvalue())).n_frames == 2
    add_photo(user, [file.getvalue()], "with a thumbnail.tif")
    assert Photo.objects.count() == 1


def test_a_tiff_that_was_in_the_site_gets_its_pages_once(user: User) -> None:
    first = add_photo(user, [scan((64, 48), (80, 60))], "old.tif").photo
    Photo.objects.filter(page_of=first).delete()
    Photo.objects.update(reading=3)
    for _ in range(2):
        reread_files()
    assert Photo.objects.get(page_of=first).name == "old, page 2.tif"

"""Bursts and nearly the same pictures are stacked; who may not see a photo of a stack sees nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from PIL import Image, ImageFilter

from gallery.core.confirmation import let_confirmed_through
from gallery.faces import stacks
from gallery.faces.stacks import stack_photo
from gallery.history.undo import undo_events
from gallery.maintenance.rereading import reread_files
from gallery.models import Album, AlbumPhoto, Event, Photo, User
from gallery.models.storage import write_file
from gallery.photos.albums import change_album
from gallery.photos.membership import put_photos_in_album
from gallery.photos.stacks import list_stack, unstack_photos
from recognition.images import encode_pixels
from recognition.likeness import Likeness, count_different_bits, list_similar_bits, measure_likeness
from tests.making import a_face, a_photo, a_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "own_data")]
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def a_scene(seed: int, size: tuple[int, int] = (320, 240), blur: float = 0) -> np.ndarray[Any, Any]:
    coarse = np.random.default_rng(seed).integers(0, 255, (12, 16, 3), np.uint8)
    picture = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(blur)))


def stacked(pixels: np.ndarray[Any, Any], after: float | None = None, **columns: Any) -> Photo:
    """A photo that has been looked at, taken so many seconds after noon."""
    taken = (
        {"taken_at": NOON + timedelta(seconds=after), "taken_precision": "second"}
        if after is not None
        else {}
    )
    photo = a_photo(**{**taken, **columns})
    for _face in range(columns.get("bytes", 0)):
        a_face(photo)
    stack_photo(photo, measure_likeness(pixels))
    photo.refresh_from_db()
    return photo


def tiles(client: Client) -> list[tuple[int, int]]:
    rows = client.get(reverse("photos")).context["page"].rows
    return [(photo.pk, getattr(photo, "stacked", 1)) for photo in rows]


def test_the_same_picture_in_another_size_is_stacked_and_another_is_not(user: User) -> None:
    first = stacked(a_scene(1))
    second, other = stacked(a_scene(1, (640, 480))), stacked(a_scene(2))
    first.refresh_from_db()
    assert set(list_stack(user, first)) == {first, second}
    assert other.stack is None
    flat = np.full((60, 80, 3), 200, np.uint8)
    assert (stacked(flat).stack, stacked(flat).stack) == (None, None)


def test_a_burst_is_looser_than_the_same_picture_but_only_within_seconds(user: User) -> None:
    scene = a_scene(1)
    moved = scene.copy()
    moved[:60, :160] = moved[:60, :160][:, ::-1]
    one, other = measure_likeness(scene).bits, measure_likeness(moved).bits
    assert 2 < count_different_bits(one, other) <= 12
    first, late, second = stacked(scene, 0), stacked(moved, 3600), stacked(moved, 3, width=600, height=800)
    assert {late.stack, second.stack} == {None}  # an hour later; of another shape
    assert stacked(moved, 4).stack is not None
    assert first in list_stack(user, Photo.objects.latest("pk"))


def test_the_most_faces_and_then_the_sharpest_stand_in_front(curator: Client) -> None:
    sharp = stacked(a_scene(1))
    stacked(a_scene(1, blur=3))
    stacked(a_scene(1, (160, 120)), width=400, height=300)  # a copy made smaller
    assert tiles(curator) == [(sharp.pk, 3)]
    crowded = stacked(a_scene(1), bytes=2)
    assert tiles(curator) == [(crowded.pk, 4)]


def test_each_sees_only_their_part_of_a_stack(client: Client) -> None:
    mai, other = a_user("Mai"), a_user("Other")
    board = Album.objects.create(name="Board", is_limited=True, created_by=mai)
    hidden, seen = stacked(a_scene(1), bytes=3), stacked(a_scene(1))
    AlbumPhoto.objects.create(album=board, photo=hidden)
    client.force_login(mai)
    assert tiles(client) == [(hidden.pk, 2)]
    client.force_login(other)
    assert tiles(client) == [(seen.pk, 1)]
    page = client.get(reverse("photo", args=(seen.pk,))).content.decode()
    assert "Unstack" not in page


@pytest.mark.parametrize("unseen", ["hidden", "trashed"])
def test_a_photo_that_is_not_seen_brings_no_others_together(user: User, unseen: str) -> None:
    scene = a_scene(1)
    bits = measure_likeness(scene).bits
    board = Album.objects.create(name="Board", is_limited=True)
    columns = {"album": board} if unseen == "hidden" else {"trashed_at": NOON}
    between, one, other = a_photo(**columns), a_photo(), a_photo()
    for photo, flipped in ((one, 0b11), (between, 0), (other, 0b1100)):
        stack_photo(photo, Likeness(bits ^ flipped, 1.0))
    assert set(Photo.objects.values_list("stack", flat=True)) == {None}
    fellow = a_photo(album=board)
    stack_photo(fellow, Likeness(bits, 1.0))
    assert (Photo.objects.get(pk=fellow.pk).stack is not None) == (unseen == "hidden")
    assert {Photo.objects.get(pk=photo.pk).stack for photo in (one, other)} == {None}


def test_a_stack_is_given_up_when_others_see_a_photo_of_it_or_no_longer_but_not_by_open_albums(
    user: User,
) -> None:
    photos = [stacked(a_scene(1)), stacked(a_scene(1))]
    number = Photo.objects.get(pk=photos[1].pk).stack
    board = Album.objects.create(name="Board", is_limited=True, created_by=user)

    def list_stacks() -> set[int | None]:
        return set(Photo.objects.values_list("stack", flat=True))

    put_photos_in_album(user, photos[1:], "Trip")
    assert list_stacks() == {number}
    hide = put_photos_in_album(user, photos[:1], board)
    assert hide is not None
    assert list_stacks() == {None}
    acts: list[Callable[[], object]] = [
        lambda: change_album(user, board, {"is_limited": False}),
        lambda: change_album(user, board, {"is_limited": True}),
        lambda: undo_events(user, hide),
    ]
    for act in acts:
        Photo.objects.update(stack=number)
        with let_confirmed_through():
            act()
        assert list_stacks() == {None}


def test_a_stack_that_is_taken_apart_while_another_photo_joins_stays_so(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _second = stacked(a_scene(1)), stacked(a_scene(1))
    first.refresh_from_db()

    def take_apart(*_photos: Photo) -> bool:
        unstack_photos(user, first)
        return True

    monkeypatch.setattr(stacks, "_has_same_shape", take_apart)
    stacked(a_scene(1))
    assert Photo.objects.get(pk=first.pk).stack is None


def test_a_stack_is_taken_apart_by_one_click_stays_so_and_comes_back_by_undo(
    curator: Client, user: User
) -> None:
    first, second = stacked(a_scene(1)), stacked(a_scene(1))
    assert "Stack of 2 photos" in curator.get(reverse("photo", args=(first.pk,))).content.decode()
    curator.post(reverse("photo_unstack", args=(first.pk,)))
    assert len(tiles(curator)) == 2
    stack_photo(Photo.objects.get(pk=second.pk), measure_likeness(a_scene(1)))
    third = stacked(a_scene(1))
    assert len(tiles(curator)) == 3
    assert third.stack is None
    undo_events(user, Event.objects.get(verb="photo.unstack"))
    assert set(list_stack(user, Photo.objects.get(pk=first.pk))) == {first, second}


def test_similar_bits_are_those_of_which_few_differ() -> None:
    for bits in (5, -7):
        found = list(list_similar_bits(bits, 2))
        assert len(found) == len(set(found)) == 1 + 64 + 64 * 63 // 2
        assert max(count_different_bits(bits, other) for other in found) == 2
        assert all(-(1 << 63) <= other < 1 << 63 for other in found)


def test_photos_that_came_into_a_limited_album_together_are_stacked_again_in_the_background(
    user: User,
) -> None:
    photos = [stacked(a_scene(1, size), width=size[0], height=size[1]) for size in ((320, 240), (640, 480))]
    for photo in photos:
        write_file(photo.file.name, encode_pixels(a_scene(1, (photo.width, photo.height)), form="JPEG"))
    board = Album.objects.create(name="Board", search="board", is_limited=True, created_by=user)
    put_photos_in_album(user, photos, board)
    assert not Photo.objects.exclude(stack=None).exists()
    reread_files()
    assert Photo.objects.values("stack").distinct().count() == 1
    assert not Photo.objects.filter(stack=None).exists()


def test_of_a_chosen_stack_the_front_or_all_that_is_seen_is_acted_on(client: Client, user: User) -> None:
    front, behind = stacked(a_scene(1, (640, 480))), stacked(a_scene(1))
    other = stacked(a_scene(2))
    client.force_login(user)
    data = {"photo": [front.pk, other.pk], "do": "rate", "rating": 4}
    client.post(reverse("photos_act"), data)
    assert set(Photo.objects.filter(rating=4)) == {front, other}
    client.post(reverse("photos_act"), {**data, "stacks": 1, "rating": 5})
    assert set(Photo.objects.filter(rating=5)) == {front, behind, other}

"""Lists of photos have a timeline that leads to each month, and a slideshow, of what its viewer may see."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gallery.models import Album, AlbumPhoto, Photo, User
from gallery.models.photos import PhotoOrder
from gallery.photos.selectors import get_photo_grid
from gallery.photos.timeline import TimelineYear, get_timeline
from tests.making import a_photo

pytestmark = pytest.mark.django_db


def taken(*moments: tuple[int, ...]) -> list[Photo]:
    return [a_photo(taken_at=datetime(*moment, tzinfo=UTC)) for moment in moments]  # type: ignore[misc,arg-type]


def show(years: list[TimelineYear]) -> list[tuple[int, int, int]]:
    return [(year.year, month.start.month, month.count) for year in years for month in year.months]


@pytest.mark.parametrize("order", [PhotoOrder.LATEST, PhotoOrder.TAKEN, PhotoOrder.ADDED])
def test_each_month_leads_to_the_first_of_its_photos_in_the_order_of_the_list(order: PhotoOrder) -> None:
    moments = [(1998, 7, 4), (2023, 12, 31), (2024, 1, 1), (2024, 1, 31), (2024, 5, 1)]
    photos = taken(*moments)
    for photo, moment in zip(photos, moments, strict=True):
        Photo.objects.filter(pk=photo.pk).update(added_at=datetime(*moment, 12, tzinfo=UTC))
    years = get_timeline(Photo.objects.all(), order)
    months = [(2024, 5, 1), (2024, 1, 2), (2023, 12, 1), (1998, 7, 1)]
    assert show(years) == (months[::-1] if order == PhotoOrder.TAKEN else months)
    listed = [photo.pk for photo in get_photo_grid(Photo.objects.all(), None, order=order).rows]
    at = 0
    for month in (month for year in years for month in year.months):
        page = get_photo_grid(Photo.objects.all(), month.after, order=order)
        assert [photo.pk for photo in page.rows] == listed[at:]
        at += month.count


def test_months_are_those_of_the_place_where_the_site_is() -> None:
    taken((2024, 4, 30, 18), (2023, 12, 31, 17, 0), (2023, 12, 31, 16, 59))
    with timezone.override("Asia/Ho_Chi_Minh"):
        assert show(get_timeline(Photo.objects.all(), "")) == [(2024, 5, 1), (2024, 1, 1), (2023, 12, 1)]


def test_the_timeline_counts_what_its_viewer_may_see(client: Client, user: User) -> None:
    seen, hidden, trashed = taken((2024, 5, 1), (2024, 5, 2), (2019, 1, 1))
    board = Album.objects.create(name="Board", search="board", is_limited=True)
    AlbumPhoto.objects.create(album=board, photo=hidden)
    Photo.objects.filter(pk=trashed.pk).update(trashed_at=timezone.now())
    client.force_login(user)
    answer = client.get(reverse("timeline"), {"in": "photos:"})
    assert show(answer.context["years"]) == [(2024, 5, 1)]
    part = client.get(reverse("timeline"), {"in": "photos:"}, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    [link] = set(re.findall(r'href="(/photos/[^"]*after=[^"]*)"', part))
    assert [photo.pk for photo in client.get(link).context["page"].rows] == [seen.pk]
    assert show(client.get(reverse("timeline"), {"in": f"album:{board.pk}"}).context["years"]) == [
        (2024, 5, 1)
    ]


def test_an_album_in_an_order_of_ones_own_has_no_timeline(client: Client, user: User) -> None:
    album = Album.objects.create(name="Trip", search="trip", order=PhotoOrder.HAND)
    a_photo(album=album)
    client.force_login(user)
    assert reverse("timeline") not in client.get(reverse("album", args=(album.pk,))).content.decode()
    assert not client.get(reverse("timeline"), {"in": f"album:{album.pk}"}).context["years"]


def test_slides_come_in_parts_in_the_order_of_the_list(client: Client, user: User) -> None:
    photos = taken(*[(2024, 1, 1 + day) for day in range(31)])
    hidden = a_photo(album=Album.objects.create(name="Board", search="board", is_limited=True))
    client.force_login(user)
    first = client.get(reverse("slides"), {"in": "photos:"})
    after = first.context["page"].after
    last = client.get(reverse("slides"), {"in": "photos:", "after": after})
    shown = [photo.pk for answer in (first, last) for photo in answer.context["page"].rows]
    assert shown == [photo.pk for photo in reversed(photos)]
    assert last.context["page"].after is None
    assert f"/pictures/photo/{hidden.pk}/" not in first.content.decode() + last.content.decode()

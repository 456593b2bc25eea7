"""Moments of many photos are corrected at once, after a look at what would change, and come back by one undo."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from gallery.history.undo import undo_events
from gallery.models import Event, Photo, Role, User
from gallery.photos.moments import format_moment
from tests.making import a_photo, a_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent")]
NOON = datetime(2024, 5, 1, 12, 0, 30, 250_000, tzinfo=UTC)


@pytest.fixture
def photos() -> list[Photo]:
    return [
        a_photo("exact.jpg", taken_at=NOON, taken_source="exif", taken_precision="second"),
        a_photo("day.jpg", taken_at=NOON, taken_source="folder", taken_precision="day"),
        a_photo("year.jpg", taken_at=NOON, taken_source="folder", taken_precision="year"),
        a_photo("IMG-20190704-WA0001.jpg"),
    ]


def ask(client: Client, photos: list[Photo], **given: Any) -> Any:
    return client.post(
        "/photos/moments", {"photo": [photo.pk for photo in photos], "next": "/photos/", **given}
    )


def kept(photos: list[Photo]) -> list[tuple[datetime | None, str, str]]:
    found = Photo.objects.in_bulk()
    columns = ("taken_at", "taken_source", "taken_precision")
    return [tuple(getattr(found[photo.pk], column) for column in columns) for photo in photos]  # type: ignore[misc]


def test_a_clock_that_was_wrong_is_put_right_to_the_fraction_of_a_second(
    curator: Client, user: User, photos: list[Photo]
) -> None:
    before = kept(photos)
    shift = {"how": "shift", "days": "1", "hours": "-2"}
    shown = ask(curator, photos, **shift)
    changed = [then for _photo, then in shown.context["preview"]]
    assert [then and then.taken_at for then in changed] == [NOON + timedelta(hours=22), None, None, None]
    assert kept(photos) == before, "a look changes nothing"
    assert ask(curator, photos, apply="1", **shift)["Location"] == "/photos/"
    assert kept(photos) == [(NOON + timedelta(hours=22), "person", "second"), *before[1:]]
    undo_events(user, Event.objects.latest("pk"))
    assert kept(photos) == before
    ask(curator, photos, apply="1", how="shift", days="-1")
    assert kept(photos)[1] == (NOON - timedelta(days=1), "person", "day"), "a day is moved by whole days"


@pytest.mark.parametrize(
    ("at", "precision", "shown"),
    [
        ("1967", "year", "1967"),
        ("1967-07", "month", "July 1967"),
        ("1967-07-04 12:30:15.5", "second", "July 4, 1967"),
    ],
)
def test_a_moment_is_set_as_exactly_as_it_is_known(
    curator: Client, photos: list[Photo], at: str, precision: str, shown: str
) -> None:
    ask(curator, photos, apply="1", how="set", at=at)
    assert {moment[1:] for moment in kept(photos)} == {("person", precision)}
    photo = Photo.objects.get(pk=photos[0].pk)
    assert timezone.localtime(photo.taken_at).year == 1967
    assert format_moment(photo).startswith(shown)
    event = Event.objects.latest("pk")
    assert (event.verb, event.summary["count"]) == ("photos.taken", 4)


def test_names_say_when_and_photos_whose_names_do_not_stay(curator: Client, photos: list[Photo]) -> None:
    before = kept(photos)
    ask(curator, photos, apply="1", how="name")
    assert kept(photos)[:3] == before[:3]
    at, source, precision = kept(photos)[3]
    assert (timezone.localtime(at).strftime("%F"), source, precision) == ("2019-07-04", "name", "day")
    assert Event.objects.latest("pk").summary["count"] == 1


@pytest.mark.parametrize(
    "given",
    [{"how": "set", "at": "soon"}, {"how": "set"}, {"how": "shift"}, {"how": "shift", "days": "9" * 9}],
)
def test_what_is_no_moment_is_said_and_changes_nothing(
    curator: Client, photos: list[Photo], given: dict[str, str]
) -> None:
    before = kept(photos)
    assert ask(curator, photos, apply="1", **given).context["form"].errors
    assert kept(photos) == before


def test_a_photo_that_one_may_not_see_is_not_changed(client: Client, photos: list[Photo]) -> None:
    client.force_login(a_user("Minh", Role.VIEWER))
    before = kept(photos)
    assert ask(client, photos, apply="1", how="set", at="1967").status_code == 403
    assert kept(photos) == before

"""People and albums go on from where the page before ended: by key, not by number."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from gallery.core.pagination import PageCursor
from gallery.models import Album, Person, Role, User
from gallery.people import selectors as people_selectors
from gallery.people.selectors import get_people_page, list_people
from gallery.photos import albums as photos_albums
from gallery.photos.albums import get_album_page, list_albums
from tests.making import a_person, a_user
from tests.pages import folded

pytestmark = pytest.mark.django_db
DAY = date(2024, 5, 1)


@pytest.fixture(autouse=True)
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people_selectors, "PEOPLE_PER_PAGE", 3)
    monkeypatch.setattr(photos_albums, "ALBUMS_PER_PAGE", 3)


def people_page(after: PageCursor | None = None) -> tuple[list[Person], PageCursor | None]:
    return get_people_page(list_people(), after)


def album_page(after: PageCursor | None = None) -> tuple[list[Album], PageCursor | None]:
    return get_album_page(list_albums(a_user_once()), after)


def a_user_once() -> User:
    return User.objects.filter(username="Looker").first() or a_user("Looker", Role.ADMINISTRATOR)


def an_album(name: str, day: date | None) -> Album:
    return Album.objects.create(name=name, date=day)


def all_names(
    page_of: Callable[[PageCursor | None], tuple[Sequence[Person | Album], PageCursor | None]],
) -> list[list[str]]:
    """The names of every page, each page asked for by the mark of the one before, as it stands in addresses."""
    pages: list[list[str]] = []
    after: PageCursor | None = None
    for _ in range(20):
        rows, following = page_of(after)
        pages.append([row.name for row in rows])
        if following is None:
            return pages
        after = PageCursor.read(str(following))
    raise AssertionError("the pages have no end")


def test_people_whose_names_differ_in_accents_alone_come_once_each() -> None:
    for name in ("Bao", "Bảo", "Báo", "Bào", "Anna", "Zoe", "Bạo"):
        a_person(name)
    assert all_names(people_page) == [["Anna", "Bao", "Bảo"], ["Báo", "Bào", "Bạo"], ["Zoe"]]


def test_a_page_that_ends_the_list_leads_to_no_empty_one() -> None:
    for name in "ABC":
        a_person(name)
    assert all_names(people_page) == [["A", "B", "C"]]


def test_nobody_is_left_out_where_people_went_meanwhile() -> None:
    made = {name: a_person(name) for name in "ABCDEFG"}
    _rows, after = people_page()
    for name in "ABC":  # by offset, the page would now begin with G; C itself is the mark
        made[name].delete()
    assert [person.name for person in people_page(after)[0]] == ["D", "E", "F"]


def test_nobody_comes_twice_where_people_came_meanwhile() -> None:
    for name in "BCDEF":
        a_person(name)
    _rows, after = people_page()
    a_person("A")
    assert [person.name for person in people_page(after)[0]] == ["E", "F"]


def test_albums_run_from_the_newest_to_those_without_a_date() -> None:
    for number, day in enumerate((None, DAY, DAY - timedelta(1), None, DAY + timedelta(1), DAY, None, DAY)):
        an_album(str(number), day)
    assert all_names(album_page) == [["4", "7", "5"], ["1", "2", "6"], ["3", "0"]]


def test_no_album_is_left_out_where_others_went_meanwhile() -> None:
    made = [an_album(str(number), DAY) for number in range(5)]
    _rows, after = album_page()
    for album in made[2:]:
        album.delete()
    assert [album.name for album in album_page(after)[0]] == ["1", "0"]


def test_an_album_page_may_end_among_those_without_a_date() -> None:
    for number in range(5):
        an_album(str(number), None)
    assert all_names(album_page) == [["4", "3", "2"], ["1", "0"]]


@pytest.mark.parametrize("text", ["", "5", "x:y", ":", "5:\0", "-1:a", "9" * 30 + ":a"])
def test_what_is_no_mark_begins_at_the_beginning(text: str) -> None:
    assert PageCursor.read(text) is None
    a_person("Anna")
    assert [person.name for person in people_page(PageCursor.read(text))[0]] == ["Anna"]


def test_a_mark_with_a_day_that_is_none_begins_at_the_beginning() -> None:
    an_album("Trip", DAY)
    assert [album.name for album in album_page(PageCursor(1, "the day before"))[0]] == ["Trip"]


@pytest.mark.parametrize("name", ["people", "albums"])
def test_the_pages_are_led_through_by_their_links_and_skip_nothing(client: Client, name: str) -> None:
    client.force_login(a_user("Curator"))
    for number in range(7):
        a_person(f"Nguyễn & {number}")
        an_album(f"Trip & {number}", DAY)
    seen: list[str] = []
    address: str | None = reverse(name)
    while address:
        with CaptureQueriesContext(connection) as asked:
            page = folded(client.get(address))
        assert not any("OFFSET" in query["sql"] for query in asked.captured_queries)
        seen += re.findall(r'<span class="name" dir="auto">[^<]*(\d)\s?</span>', page)
        found = re.search(r'<nav class="pager"[^>]*><a class="button" href="(\?[^"]*)"', page)
        address = reverse(name) + found[1].replace("&amp;", "&") if found else None
    assert sorted(seen) == [str(number) for number in range(7)]
    assert len(seen) == 7


def test_a_page_of_found_people_goes_on_with_what_was_looked_for(client: Client) -> None:
    client.force_login(a_user("Curator"))
    for number in range(5):
        a_person(f"Anna {number}")
        a_person(f"Bảo {number}")
    page = client.get(reverse("people") + "?name=bao").content.decode()
    found = re.search(r'href="(\?[^"]*after=[^"]*)"', page)
    assert found is not None
    page = client.get(reverse("people") + found[1].replace("&amp;", "&")).content.decode()
    assert re.findall(r'dir="auto">(\w+ \d)</span>', page) == ["Bảo 3", "Bảo 4"]

"""One search box: people, albums, dates, file names; photos with A and B, without C."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from django.urls import reverse
from django.utils import translation

from gallery.models import Album, Face, Role
from gallery.models.people import get_search_key
from gallery.photos import search
from gallery.photos.search import DateSpan, parse_date_span
from tests.making import a_face, a_named_face, a_person, a_photo, a_user


@pytest.fixture
def bao(client, db):
    user = a_user("Bao", Role.VIEWER)
    client.force_login(user)
    return user


def find(client, **query):
    return client.get(reverse("search"), query).context


def photos(client, **query):
    return {photo.name for photo in find(client, **query)["page"].rows}


@pytest.mark.parametrize("text", ["Đào", "dao", "DAO", "đào thị"])
def test_people_are_found_with_and_without_accents(client, bao, text):
    a_person("Đào Thị Lan"), a_person("Anna")
    assert [one.person.name for one in find(client, q=text)["portraits"]] == ["Đào Thị Lan"]


def test_hidden_people_are_not_offered(client, bao):
    person = a_person("Anna")
    person.is_hidden = True
    person.save()
    assert find(client, q="anna")["portraits"] == []


def test_photos_are_found_by_file_name_person_and_album(client, bao):
    album = Album.objects.create(name="Hội làng", search=get_search_key("Hội làng"))
    a_photo("beach.jpg")
    a_photo("party.jpg", album=album)
    a_named_face(a_person("Anna"), a_photo("IMG_7.jpg"))
    assert photos(client, q="BEACH") == {"beach.jpg"}
    assert photos(client, q="hoi lang") == {"party.jpg"}
    assert photos(client, q="anna") == {"IMG_7.jpg"}
    assert [cover.album for cover in find(client, q="hoi")["covers"]] == [album]


@pytest.mark.parametrize("few", [0, 1, 16])
def test_photos_of_few_and_of_many_people_of_a_name_are_found_alike(client, bao, monkeypatch, few):
    monkeypatch.setattr(search, "FEW_PEOPLE", few)
    for number in range(3):
        a_named_face(a_person(f"Anna {number}"), a_photo(f"{number}.jpg"))
    a_named_face(a_person("Bea"), a_photo("bea.jpg"))
    face = a_named_face(a_person("Anna 9"), a_photo("ignored.jpg"))
    Face.objects.filter(pk=face.pk).update(decision="ignored")
    assert photos(client, q="anna") == {"0.jpg", "1.jpg", "2.jpg"}
    assert photos(client, q="nobody") == set()


def test_dates_find_photos_and_albums(client, bao):
    album = Album.objects.create(name="Trip", date=date(2023, 5, 6))
    a_photo("may.jpg", taken_at=datetime(2024, 5, 31, 12, tzinfo=UTC))
    a_photo("june.jpg", taken_at=datetime(2024, 6, 1, 12, tzinfo=UTC))
    a_photo("undated.jpg", album=album)
    assert photos(client, q="2024") == {"may.jpg", "june.jpg"}
    assert photos(client, q="2024-05") == {"may.jpg"}
    assert photos(client, q="1.6.2024") == {"june.jpg"}
    assert photos(client, q="May 2023") == {"undated.jpg"}
    assert [cover.album for cover in find(client, q="2023")["covers"]] == [album]


def family():
    anna, eva, bao = a_person("Anna"), a_person("Eva"), a_person("Bảo Ngọc")
    for name, there in {
        "a.jpg": [anna],
        "ab.jpg": [anna, bao],
        "abe.jpg": [anna, bao, eva],
        "e.jpg": [eva],
    }.items():
        photo = a_photo(name)
        for person in there:
            a_named_face(person, photo)
    return anna, eva, bao


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Anna, Bao", {"ab.jpg", "abe.jpg"}),
        ("anna, bảo ngọc, -eva", {"ab.jpg"}),
        ("Anna, without Eva", {"a.jpg", "ab.jpg"}),
        ("-Anna", {"e.jpg"}),
    ],
)
def test_names_between_commas_find_photos_with_all_of_them(client, bao, text, found):
    family()
    assert photos(client, q=text) == found


def test_chosen_people_are_chips_that_come_back_with_the_address(client, bao):
    anna, eva, _bao = family()
    page = find(client, **{"with": anna.pk, "without": eva.pk})
    assert {photo.name for photo in page["page"].rows} == {"a.jpg", "ab.jpg"}
    assert (page["asked"].people, page["asked"].without) == ((anna,), (eva,))
    assert page["walk"] == f"search:with={anna.pk}&without={eva.pk}"


def test_a_typed_name_joins_those_chosen_before(client, bao):
    anna, _eva, _bao = family()
    assert photos(client, **{"with": anna.pk, "also": "eva"}) == {"abe.jpg"}
    assert photos(client, **{"with": anna.pk, "but": "eva"}) == {"a.jpg", "ab.jpg"}


def test_faces_said_to_be_nothing_do_not_count(client, bao):
    anna = a_person("Anna")
    a_named_face(anna, a_photo("x.jpg"), decision="ignored")
    assert photos(client, **{"with": anna.pk}) == set()


def test_photos_with_unnamed_faces_only(client, bao):
    a_named_face(a_person("Anna"), a_photo("named.jpg"))
    a_face(a_photo("unnamed.jpg"))
    assert photos(client, unnamed="1") == {"unnamed.jpg"}


def test_limited_albums_are_not_found_by_others(client, bao):
    album = Album.objects.create(name="Secret trip", search="secret trip", is_limited=True)
    a_photo("secret.jpg", album=album)
    page = find(client, q="secret")
    assert list(page["page"].rows) == []
    assert page["covers"] == []


def test_nothing_found_says_how_to_search(client, bao):
    assert "Nothing found" in client.get(reverse("search"), {"q": "zzz"}).content.decode()


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2024", "2024-01-01", "2024-12-31"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("02/2024", "2024-02-01", "2024-02-29"),
        ("2024-02-29", "2024-02-29", "2024-02-29"),
        ("31.12.2023", "2023-12-31", "2023-12-31"),
        ("25/3/2024", "2024-03-25", "2024-03-25"),
        ("3/25/2024", "2024-03-25", "2024-03-25"),
        ("March 2024", "2024-03-01", "2024-03-31"),
        ("5 Mar 2024", "2024-03-05", "2024-03-05"),
        ("mar 5, 2024", "2024-03-05", "2024-03-05"),
    ],
)
def test_dates_are_read_as_people_write_them(text, first, last):
    assert parse_date_span(text) == DateSpan(date.fromisoformat(first), date.fromisoformat(last))


@pytest.mark.parametrize("text", ["", "Anna", "2024-13", "2024-02-30", "99.99.2024", "12345", "IMG_2024.jpg"])
def test_other_text_is_no_date(text):
    assert parse_date_span(text) is None


def test_months_are_known_in_vietnamese():
    with translation.override("vi"):
        assert parse_date_span("Tháng 5 2024") == DateSpan(date(2024, 5, 1), date(2024, 5, 31))
        assert parse_date_span("3/4/2024") == DateSpan(date(2024, 4, 3), date(2024, 4, 3))


def test_the_page_costs_the_same_number_of_queries_for_any_number_of_photos(
    client, bao, django_assert_max_num_queries
):
    anna = a_person("Anna")
    for _number in range(25):
        a_named_face(anna, a_photo())
    with django_assert_max_num_queries(22):
        find(client, q="anna")


def test_a_typed_name_narrows_what_a_text_found(client, bao):
    anna, eva = a_person("Anna"), a_person("Eva")
    for name, person in (("IMG_1.jpg", anna), ("IMG_2.jpg", eva), ("other.jpg", anna)):
        a_named_face(person, a_photo(name))
    assert photos(client, q="img", also="anna") == {"IMG_1.jpg"}
    assert photos(client, q="img", but="anna") == {"IMG_2.jpg"}


def test_a_typed_name_that_nobody_has_is_said(client, bao):
    a_named_face(a_person("Anna"), a_photo("x.jpg"))
    page = client.get(reverse("search"), {"also": "Zoë"})
    assert page.context["asked"].lost == ("Zoë",)
    assert "There is not just one person called “Zoë”." in page.content.decode()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Smith, John", {"john.jpg", "both.jpg"}),
        ("Smith, John, Anna", {"both.jpg"}),
        ("Anna, -smith, john", {"anna.jpg"}),
        ("-Eva", {"minus.jpg"}),
        ("Not Alone, Anna", {"anna.jpg"}),
        ("--Eva", {"anna.jpg", "john.jpg", "both.jpg"}),
        ("Smith, Anna", {"both.jpg"}),  # of the only Smith
    ],
)
def test_people_are_found_whose_names_hold_commas_or_begin_like_a_word_of_the_search(
    client, bao, text, found
):
    anna, john, minus, alone = (a_person(name) for name in ("Anna", "Smith, John", "-Eva", "not alone"))
    there = {"anna.jpg": [anna, alone], "john.jpg": [john], "both.jpg": [john, anna], "minus.jpg": [minus]}
    for name, people in there.items():
        photo = a_photo(name)
        for person in people:
            a_named_face(person, photo)
    assert photos(client, q=text) == found
    if text.startswith("Smith, John, "):
        assert photos(client, also=text) == found

"""What is read the quick way is what the plain way would give."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django import forms
from django.contrib import admin
from django.contrib.admin.templatetags.admin_list import results
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.db.models import F, Model, QuerySet
from django.test import Client, override_settings
from django.test.html import parse_html
from django.test.utils import override_script_prefix
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from gallery.admin.changelist import render_rows as cells
from gallery.admin.people import PersonAdmin
from gallery.admin.photos import LongSelect
from gallery.core.permissions import remember_hidden_albums
from gallery.curation import review
from gallery.curation.review import get_review_queue, get_waiting_candidates
from gallery.faces.clusters import (
    UnclusteredCounts,
    count_cluster_sizes,
    count_unclustered_faces,
    get_faces_like_ignored,
    get_single_faces,
    list_clusters,
)
from gallery.faces.selectors import count_faces, count_faces_by_person, count_unknown_by_cluster
from gallery.models import (
    Album,
    Build,
    Candidate,
    Event,
    Face,
    Invitation,
    Person,
    Photo,
    Reference,
    Role,
    User,
    sql,
)
from gallery.models.querysets import unseen_faces, visible_faces, visible_faces_for_counting
from gallery.models.sql import GIVEN_ID, count_rows, fetch_rows, given_ids
from gallery.people.selectors import PersonTimeline, get_person_timeline
from gallery.photos.renditions import face_digest, photo_digest, reference_digest
from gallery.templatetags.media import face_src, photo_src, reference_src
from gallery.templatetags.photos import album_options, picks, suggestions, tile
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
    anna, bao = a_person(), a_person("Bao")
    everything = list(Face.objects.all())
    for number, face in enumerate(everything):
        Face.objects.filter(pk=face.pk).update(person=(anna, bao, None)[number // 2], cluster=number)
    counts = {}
    for user in (maker, chosen, other, a_user("Admin", Role.ADMINISTRATOR)):
        for _ in range(2):  # asked anew, as written before
            remember_hidden_albums(user)
            shown = set(visible_faces(user))
            assert set(visible_faces_for_counting(user)) == shown == set(everything) - set(unseen_faces(user))
            assert count_faces(user, 100) == len(shown)
            assert count_faces_by_person(user) == Counter(face.person_id for face in shown)
            nameless = [face.cluster for face in shown if face.person_id is None]
            assert count_unknown_by_cluster(user) == Counter(nameless)
            user = User.objects.get(pk=user.pk)
        counts[user.username] = visible_faces_for_counting(user).count()
    assert list(counts.values()) == [3, 3, 2, 3]


def test_a_kept_query_is_asked_with_what_is_given_each_time() -> None:
    anna, bao = a_person(), a_person("Bao")

    def named() -> QuerySet[Person, str]:
        return Person.objects.filter(pk__in=given_ids()).order_by("pk").values_list("name", flat=True)

    def one() -> QuerySet[Person, str]:
        return Person.objects.filter(pk=GIVEN_ID).values_list("name", flat=True)

    for key in ("a test", "a test", None):
        assert fetch_rows(key and f"{key} of some", named, ids=[bao.pk, anna.pk]) == [("Anna",), ("Bao",)]
        assert fetch_rows(key and f"{key} of some", named, ids=(pk for pk in [bao.pk])) == [("Bao",)]
        assert fetch_rows(key and f"{key} of some", named) == []
        assert count_rows(key and f"{key} of all", Person.objects.all) == 2
        assert fetch_rows(key and f"{key} of one", one, pk=bao.pk) == [("Bao",)]
        assert fetch_rows(key and f"{key} of one", one, pk=anna.pk) == [("Anna",)]
    assert "a test of some" in sql._kept_queries
    assert None not in sql._kept_queries


def test_no_more_queries_are_kept_than_the_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql, "MAX_KEPT_QUERIES", 2)
    monkeypatch.setattr(sql, "_kept_queries", {})
    a_person()
    for number in (1, 2, 3, 1):
        assert fetch_rows(number, lambda: Person.objects.values_list("name")) == [("Anna",)]
    assert len(sql._kept_queries) == 2


@pytest.mark.parametrize("order", ["-4", "4", "-4.1", ""])
def test_people_ordered_by_their_faces_come_as_the_database_would_order_them(
    client: Client, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    monkeypatch.setattr(PersonAdmin, "list_per_page", 3)
    faces = [3, 0, 1, 3, 2, 1, 0]
    for number, times in enumerate(faces):
        person = a_person(f"Person {number}")
        for _ in range(times):
            a_face(person=person)
        a_face(a_photo(trashed_at=timezone.now()), person=person)  # which does not count
    client.force_login(a_user())
    for query in ({}, {"is_hidden__exact": "0"}):
        shown = []
        for page in (1, 2, 3):
            address = reverse("admin:gallery_person_changelist")
            changes = client.get(address, {"o": order, "p": page, **query}).context["cl"]
            assert changes.result_count == len(faces)
            shown += [(row.name, row.times) for row in changes.result_list]
            plain = [(row.name, row.ranked) for row in changes.queryset.annotate(ranked=F("times"))]
        assert shown == plain
        assert sorted(times for _, times in shown) == sorted(faces)


def test_the_admins_list_of_faces_counts_what_a_filter_leaves(client: Client) -> None:
    client.force_login(a_user())
    person = a_person()
    for number in range(5):
        a_face(person=person if number < 2 else None, state="unknown" if number else "known")
    a_face(a_photo(trashed_at=timezone.now()), person=person)
    for query, expected in (({}, 5), ({"o": "1"}, 5), ({"state__exact": "known"}, 1), ({"q": "anna"}, 2)):
        changes = client.get(reverse("admin:gallery_face_changelist"), query).context["cl"]
        assert changes.result_count == len(changes.result_list) == expected


STATES = [
    ({"work": "queued"}, "busy", "Waiting"),
    ({"work": "processing"}, "busy", "Looking for faces"),
    ({"work": "failed"}, "failed", "Failed"),
    ({"work": "done", "height": 900, "width": 300}, "tall", "<b>.jpg"),
    ({"work": "failed", "width": 0, "height": 0}, "failed", "<b>.jpg"),
]


@pytest.mark.parametrize(("columns", "kind", "says"), STATES)
def test_a_tile_says_how_far_its_photo_is(columns: dict[str, Any], kind: str, says: str) -> None:
    photo = a_photo("<b>.jpg")
    for name, value in columns.items():
        setattr(photo, name, value)
    html = tile(photo)
    assert f'<li class="tile {kind}" id="tile-{photo.pk}"' in html
    assert escape(says) in html
    assert ("data-busy" in html) == (kind == "busy")
    assert ("<img" in html) == bool(photo.width)
    assert "<b>" not in html
    assert "checkbox" not in html
    assert "hx-swap-oob" not in html
    assert 'hx-swap-oob="true"' in tile(photo, swap=True)
    in_album = tile(photo, "album:7")
    assert f'href="{reverse("photo", args=(photo.pk,))}?in=album%3A7"' in in_album
    assert f'value="{photo.pk}" form="choosing"' in in_album
    assert parse_html(in_album)


def test_a_tile_says_who_is_there_and_how_many_are_not_named() -> None:
    photo = a_photo()
    a_face(photo, person=a_person("Anna & Bao"), state="known")
    for _ in range(2):
        a_face(photo, state="unknown")
    html = tile(photo)
    assert 'alt="Anna &amp; Bao"' in html
    assert html.count("2 faces without a name") == 2
    assert "tile-" in html


def test_faces_to_tick_are_told_apart() -> None:
    first, second = a_face(a_photo("<1>.jpg")), a_face()
    html = picks([first, second])
    assert [each in html for each in (f'value="{first.pk}:0"', f'value="{second.pk}:0"')] == [True, True]
    assert 'alt="Face 1, in &lt;1&gt;.jpg"' in html
    assert f'href="{reverse("photo", args=(second.photo_id,))}?face={second.pk}"' in html
    assert "checked" not in html
    assert picks([first], True).count(" checked") == 1
    assert parse_html(html)


def test_the_albums_a_photo_can_be_put_into_are_named(client: Client) -> None:
    maker = a_user("Maker")
    shown, other = Album.objects.create(name="A & B"), Album.objects.create(name="Z")
    Album.objects.create(name="Hidden", is_limited=True, created_by=maker)
    photo = a_photo(album=other)
    client.force_login(a_user())
    page = client.get(reverse("admin:gallery_photo_change", args=(photo.pk,))).content.decode()
    options = re.findall(r'<option value="(\d*)"( selected)?>([^<]*)<', page)
    assert options == [
        ("", "", "in no album"),
        (str(shown.pk), "", "A &amp; B"),
        (str(other.pk), " selected", "Z"),
    ]


def test_faces_outside_of_groups_are_counted_by_how_they_are_shown() -> None:
    user = a_user()
    for cluster in (1, 1, 2, 3, None, None, -1, -1, -1, -2):
        a_face(cluster=cluster)
    rest = count_unclustered_faces(user, count_cluster_sizes(user))
    assert rest == UnclusteredCounts(single=4, like_ignored=4, forgotten=0)
    assert rest.single == get_single_faces(user).count()
    assert rest.like_ignored == get_faces_like_ignored(user).count()


def test_nothing_is_outside_of_groups_where_there_are_no_faces() -> None:
    user = a_user()
    assert count_unclustered_faces(user, count_cluster_sizes(user)) == UnclusteredCounts(
        single=0, like_ignored=0, forgotten=0
    )
    assert list_clusters(user, count_cluster_sizes(user), 0) == ([], False)


@pytest.mark.parametrize("prefix", ["/", "/faces/"])
def test_addresses_of_pictures_are_those_that_lead_to_them(prefix: str) -> None:
    face, reference = a_face(), a_reference(a_person())
    photo = face.photo
    with override_script_prefix(prefix):
        assert photo_src(photo, 640) == reverse("photo_image", args=(photo.pk, photo_digest(photo), 640))
        assert face_src(face, 384) == reverse("face_image", args=(face.pk, face_digest(face), 384))
        crop = (reference.pk, reference_digest(reference), 128)
        assert reference_src(reference) == reverse("reference_image", args=crop)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Ho_Chi_Minh", "America/New_York"])
def test_a_timeline_counts_years_as_the_sites_clock_has_them(zone: str) -> None:
    person, user = a_person(), a_user()
    moments = [
        datetime(2021, 5, 1, tzinfo=UTC),
        datetime(2022, 12, 31, 20, tzinfo=UTC),
        datetime(2023, 1, 1, 2, tzinfo=UTC),
        datetime(2023, 1, 1, 12, tzinfo=UTC),
    ]
    a_face(a_photo(), person=person)
    assert get_person_timeline(user, person) == PersonTimeline({}, 1)  # no photo is dated
    for moment in moments:
        a_face(a_photo(taken_at=moment), person=person)
    with override_settings(TIME_ZONE=zone), timezone.override(zone):
        expected: dict[int, int] = {}
        for moment in reversed(moments):
            year = timezone.localtime(moment).year
            expected[year] = expected.get(year, 0) + 1
        assert list(get_person_timeline(user, person).years.items()) == list(expected.items())
        assert get_person_timeline(user, person).photos == 5  # the one without a date, too
        a_photo(taken_at=datetime(1823, 6, 1, tzinfo=UTC))  # of nobody; too many years to compare with each
        assert list(get_person_timeline(user, person).years.items()) == list(expected.items())


def test_the_queue_counts_the_faces_that_it_asks_about() -> None:
    maker, other = a_user("Maker"), a_user("Other")
    limited = Album.objects.create(name="Limited", date=date(2024, 5, 1), is_limited=True, created_by=maker)
    person, twin = a_person(), a_person("Twin")
    for number, album in enumerate([limited] * 3 + [None] * (review.REVIEW_PAGE_SIZE + 2)):
        whom = twin if number % 5 else person
        face = a_face(
            a_photo(album=album, trashed_at=timezone.now() if number == 4 else None), state=Face.State.UNSURE
        )
        Candidate.objects.create(face=face, person=whom, similarity=0.6, rank=0)
    for user in (maker, other):
        for chosen in (
            {},
            {"person": person.pk},
            {"album": limited.pk},
            {"person": twin.pk, "album": limited.pk},
        ):
            waiting = get_waiting_candidates(user, **chosen)
            assert get_review_queue(user, None, **chosen).left == waiting.count()
            first = get_review_queue(user, None, **chosen)
            if first.after:
                assert get_review_queue(user, first.after, **chosen).left == waiting.count()
    assert (
        get_waiting_candidates(maker).count()
        > get_waiting_candidates(other).count()
        > review.REVIEW_PAGE_SIZE
    )


def test_a_queue_of_one_page_counts_what_it_shows() -> None:
    face = a_face(state=Face.State.UNSURE)
    a_face(state=Face.State.UNSURE)  # whose proposal has just gone
    Candidate.objects.create(face=face, person=a_person(), similarity=0.6, rank=0)
    assert get_review_queue(a_user(), None).left == 1


def test_rows_of_the_admin_are_ticked_and_opened_as_django_has_it(client: Client) -> None:
    reference = a_reference(a_person("<Anna> & Co"))
    model = admin.site.get_model_admin(Reference)
    own, djangos = model.action_checkbox(reference), admin.ModelAdmin.action_checkbox(model, reference)
    assert attributes(own) == attributes(djangos)
    client.force_login(a_user("Admin", Role.ADMINISTRATOR))
    page = client.get("/admin/gallery/reference/", {"status__exact": reference.status, "q": "anna"})
    changes = page.context["cl"]
    filters = model.get_preserved_filters(page.wsgi_request)
    assert "status__exact" in filters
    plain = reverse("admin:gallery_reference_change", args=(reference.pk,))
    wanted = add_preserved_filters({"preserved_filters": filters, "opts": model.opts}, plain)
    assert f'href="{wanted}"' in page.content.decode()
    assert (
        add_preserved_filters(
            {"preserved_filters": "", "opts": model.opts}, changes.url_for_result(reference)
        )
        == wanted
    )


LISTS = [
    (model, query)
    for model in (Person, Reference, Photo, Face, Album, Event, Build, Invitation)
    for query in ("", "?o=2", "?e=1")
]


@pytest.mark.parametrize(("model", "query"), LISTS, ids=lambda value: getattr(value, "__name__", value))
def test_cells_of_the_admin_say_what_django_has_them_say(
    client: Client, model: type[Model], query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin_user = a_user("<b>Admin</b>", Role.ADMINISTRATOR)
    person = a_person("<Anna> & Co")
    album = Album.objects.create(name="  ", date=date(2024, 5, 1), created_by=admin_user, is_limited=True)
    photo = a_photo("<script>.jpg", album=album, failure="unreadable", taken_at=timezone.now())
    face = a_face(photo, person=person, similarity=0.5)
    for columns in ({}, {"source_face": face}, {"failure": "no_face", "status": "pending"}):
        a_reference(person, **columns)
    a_face(a_photo())
    a_person("Nobody")
    Event.objects.create(actor=admin_user, verb="person.hide", object_type="person", object_id=person.pk)
    act = {"object_type": "face", "object_id": face.pk, "summary": {"photo_id": photo.pk}}
    Event.objects.create(
        actor=admin_user, verb="face.confirm", undone_by=admin_user, undone_at=timezone.now(), **act
    )
    Build.objects.create(embedder_id="one", directory="x", recall=0.5, is_active=True)
    Build.objects.create(embedder_id="one", directory="")
    expires = timezone.now() + timedelta(days=1)
    Invitation.objects.create(
        email="a&b@example.org", token_hash="x", expires_at=expires, invited_by=admin_user
    )
    client.force_login(admin_user)
    monkeypatch.setattr(Model, "refresh_from_db", Model.__getattribute__)  # no column is asked for afterwards
    changes = client.get(reverse(f"admin:gallery_{model._meta.model_name}_changelist") + query).context["cl"]
    own, djangos = list(cells(changes)), list(results(changes))
    assert ["".join(row) for row in own] == ["".join(row) for row in djangos]
    assert query == "?e=1" or len(own) >= 1


def test_a_list_to_choose_from_in_a_popup_is_djangos_own(client: Client) -> None:
    client.force_login(a_user("Admin", Role.ADMINISTRATOR))
    person = a_person()
    page = client.get(reverse("admin:gallery_person_changelist"), {"_popup": "1"})
    assert f'data-popup-opener="{person.pk}"' in page.content.decode()


def attributes(html: str) -> dict[str, str]:
    return dict(re.findall(r'([a-z-]+)="([^"]*)"', html))


def test_a_long_choice_is_written_as_django_writes_it() -> None:
    choices = [("", "in no album"), (1, "Anna & Bao"), (2, "<b>")]
    attrs = {"id": "id_album", "required": True, "disabled": False}
    for chosen in (None, 2):
        quick, plain = (kind(attrs, choices).render("album", chosen) for kind in (LongSelect, forms.Select))
        assert parse_html(quick) == parse_html(plain)
        assert f'value="{chosen or ""}" selected' in quick


def test_long_lists_of_names_are_written_safely() -> None:
    assert suggestions(['Bao "B"', "<i>"]) == (
        '<option value="Bao &quot;B&quot;"></option><option value="&lt;i&gt;"></option>'
    )
    first, second = (Album.objects.create(name=name) for name in ("One", "T&wo"))
    assert album_options([first, second], second.pk) == (
        f'<option value="{first.pk}">One</option><option value="{second.pk}" selected>T&amp;wo</option>'
    )

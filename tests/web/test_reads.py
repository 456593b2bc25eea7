"""What is read the quick way is what the plain way would give."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import Client, override_settings
from django.test.html import parse_html
from django.test.utils import override_script_prefix
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from gallery.admin.people import PersonAdmin
from gallery.curation import review
from gallery.curation.review import get_review_queue, get_waiting_candidates
from gallery.faces.selectors import (
    count_cluster_sizes,
    count_unclustered_faces,
    get_faces_like_ignored,
    get_single_faces,
    list_clusters,
)
from gallery.models import (
    Album,
    Candidate,
    Face,
    Photo,
    Role,
)
from gallery.people.selectors import PersonTimeline, get_person_timeline
from gallery.photos.membership import put_photos_in_album
from gallery.photos.renditions import face_digest, photo_digest, reference_digest
from gallery.templatetags.media import face_src, photo_src, reference_src
from tests.making import a_face, a_person, a_photo, a_reference, a_user
from tests.pages import folded

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
        shown = set(Face.objects.visible_to(user))
        nameless = [face.cluster for face in shown if face.person_id is None]
        assert count_cluster_sizes(user) == Counter(nameless)
        counts[user.username] = len(shown)
    assert list(counts.values()) == [3, 3, 2, 3]


@pytest.mark.parametrize("order", ["-4", "4", "-4.1", ""])
def test_people_ordered_by_their_faces_are_so_across_pages(
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
        assert sorted(times for _, times in shown) == sorted(faces)
        ranks = [times for _, times in shown]
        assert not order or ranks == sorted(faces, reverse=order.startswith("-"))


def test_the_admins_list_of_faces_counts_what_a_filter_leaves(client: Client) -> None:
    client.force_login(a_user())
    person = a_person()
    for number in range(5):
        a_face(person=person if number < 2 else None, state="unknown" if number else "known")
    a_face(a_photo(trashed_at=timezone.now()), person=person)
    for query, expected in (({}, 5), ({"state__exact": "known"}, 1), ({"q": "anna"}, 2)):
        changes = client.get(reverse("admin:gallery_face_changelist"), query).context["cl"]
        assert changes.result_count == len(changes.result_list) == expected


STATES = [
    ({"work": "queued"}, "busy", "Waiting"),
    ({"work": "processing"}, "busy", "Looking for faces"),
    ({"work": "failed"}, "failed", "Failed"),
    ({"work": "done", "height": 900, "width": 300}, "tall", "<b>.jpg"),
    ({"work": "failed", "width": 0, "height": 0}, "failed", "<b>.jpg"),
]


def render_tile(photo: Photo, **context: object) -> str:
    return render_to_string("gallery/_tile.html", {"photo": photo, **context})


def render_face_boxes(faces: list[Face], **context: object) -> str:
    return render_to_string("curation/_face_boxes.html", {"faces": faces, **context})


@pytest.mark.parametrize(("columns", "kind", "says"), STATES)
def test_a_tile_says_how_far_its_photo_is(columns: dict[str, Any], kind: str, says: str) -> None:
    photo = a_photo("<b>.jpg")
    for name, value in columns.items():
        setattr(photo, name, value)
    html = render_tile(photo)
    attributes = dict(parse_html(html).attributes)
    assert (set(attributes["class"].split()), attributes["id"]) == ({"tile", kind}, f"tile-{photo.pk}")
    assert escape(says) in html
    assert ("data-busy" in html) == (kind == "busy")
    assert ("<img" in html) == bool(photo.width)
    assert "<b>" not in html
    assert "checkbox" not in html
    assert "hx-swap-oob" not in html
    assert 'hx-swap-oob="true"' in render_tile(photo, swap=True)
    in_album = render_tile(photo, walk="album:7")
    assert f'href="{reverse("photo", args=(photo.pk,))}?in=album%3A7"' in in_album
    box = dict(parse_html(in_album[in_album.index("<input") : in_album.index("</label>")]).attributes)
    assert (box["type"], box["value"], box["form"]) == ("checkbox", str(photo.pk), "selection")


def test_a_tile_says_who_is_there_and_how_many_are_not_named() -> None:
    photo = a_photo()
    a_face(photo, person=a_person("Anna & Bao"), state="known")
    for _ in range(2):
        a_face(photo, state="unknown")
    html = render_tile(photo)
    assert 'alt="Anna &amp; Bao"' in html
    assert html.count("2 faces without a name") == 2
    assert "tile-" in html


def test_faces_to_tick_are_told_apart() -> None:
    first, second = a_face(a_photo("<1>.jpg")), a_face()
    html = render_face_boxes([first, second])
    assert [each in html for each in (f'value="{first.pk}:0"', f'value="{second.pk}:0"')] == [True, True]
    assert 'alt="Face 1, in &lt;1&gt;.jpg"' in html
    assert f'href="{reverse("photo", args=(second.photo_id,))}?face={second.pk}"' in html
    assert "checked" not in html
    assert render_face_boxes([first], is_ticked=True).count(" checked") == 1
    assert parse_html(html)


def test_the_admin_tells_of_a_photos_albums_only_those_that_are_seen(client: Client) -> None:
    maker = a_user("Maker")
    shown, hidden = (
        Album.objects.create(name=name, search=name.casefold(), is_limited=name == "Hidden", created_by=maker)
        for name in ("A & B", "Hidden")
    )
    photo = a_photo("both.jpg", album=shown)
    put_photos_in_album(maker, [photo, a_photo("other.jpg")], hidden)
    client.force_login(a_user())
    photos = reverse("admin:gallery_photo_changelist")
    for address in (photos, reverse("admin:gallery_photo_change", args=(photo.pk,))):
        page = client.get(address).content.decode()
        assert "A &amp; B" in page
        assert "Hidden" not in page
    assert "both.jpg" in client.get(photos, {"album": shown.pk}).content.decode()
    assert "both.jpg" not in client.get(photos, {"album": hidden.pk}).content.decode()
    for lookup in ("albums__id__exact", "albums__name__startswith", "albumphoto__album", "limited_by"):
        answer = client.get(photos, {lookup: hidden.pk})
        assert answer.status_code == 400 or answer["Location"].endswith("?e=1")


def test_faces_outside_of_groups_are_counted_by_how_they_are_shown() -> None:
    user = a_user()
    for cluster in (1, 1, 2, 3, None, None, -1, -1, -1, -2):
        a_face(cluster=cluster)
    rest = count_unclustered_faces(user, count_cluster_sizes(user))
    assert rest == {"single": 4, "like_ignored": 4, "forgotten": 0}
    assert rest["single"] == get_single_faces(user).count()
    assert rest["like_ignored"] == get_faces_like_ignored(user).count()


def test_nothing_is_outside_of_groups_where_there_are_no_faces() -> None:
    user = a_user()
    assert count_unclustered_faces(user, count_cluster_sizes(user)) == {
        "single": 0,
        "like_ignored": 0,
        "forgotten": 0,
    }
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
            {"album": limited},
            {"person": twin.pk, "album": limited},
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


def test_names_in_lists_to_choose_from_are_escaped(client: Client) -> None:
    client.force_login(a_user())
    a_person('Bao "B"')
    assert '<option value="Bao &quot;B&quot;"></option>' in client.get(reverse("search")).content.decode()
    first, second = (Album.objects.create(name=name) for name in ("One", "T&wo"))
    photo = a_photo(album=second)
    page = folded(client.get(reverse("photo", args=(photo.pk,))))
    assert f'<option value="{first.pk}">One</option>' in page
    assert f'<a href="{reverse("album", args=(second.pk,))}" dir="auto">T&amp;wo</a>' in page

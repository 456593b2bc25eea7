"""The curators' pages on the index: its builds, their figures, the names they changed."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from gallery.core.exceptions import CannotUndo
from gallery.faces.naming import follow_gallery
from gallery.history.undo import undo_events
from gallery.index.builds import request_build, run_build
from gallery.index.tasks import roll_back, verify_index
from gallery.models import Album, Build, Event, NameChange, ReferenceVector, Role, Status, User
from tests.gallery_world import an_unnamed_face, know, near, world
from tests.making import EMBEDDER, a_person, a_photo, a_user, a_vector

__all__ = ["world"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("world")]


def build_now() -> Build:
    made = run_build(request_build("test", delay=0).pk)
    assert made is not None
    return made


def page(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_before_the_first_build_the_page_says_so(curator: Client) -> None:
    assert "There is no build yet" in page(curator, "/builds/")


def test_the_list_says_which_build_serves_and_what_the_delta_adds(curator: Client) -> None:
    know(a_person("Anna"), a_vector(1))
    old, new = build_now(), build_now()
    know(a_person("Bao"), a_vector(2))
    text = page(curator, "/builds/")
    assert f"Build {new.pk} answers, with 1 reference." in text
    assert "1 change since then waits for the next build; searches take it into account already." in text
    assert "Go back to the build before" in text
    assert text.count("Serving") == 1
    assert f'href="/builds/{old.pk}/"' in text


def test_a_build_shows_what_was_measured_and_what_memory_cost(curator: Client) -> None:
    know(a_person(), a_vector(1))
    build = build_now()
    text = page(curator, f"/builds/{build.pk}/")
    assert "with so many, that is fast" in text
    assert "did not get their nearest" not in text
    build.figures |= {"reason": "memory", "recall": 0.962}
    build.save()
    text = page(curator, f"/builds/{build.pk}/")
    assert "38 of 1,000 faces did not get their nearest" in text
    assert "FACESITE_INDEX_MAX_MEMORY" in text


def test_changed_names_are_listed_photo_by_photo_and_reviewed(curator: Client) -> None:
    face = an_unnamed_face(near(a_vector(1)))
    know(a_person("Anna"), a_vector(1))
    build = build_now()
    follow_gallery()
    text = page(curator, f"/builds/{build.pk}/")
    assert face.photo.name in text
    assert "no name" in text
    assert ">Anna</a>" in text
    change = NameChange.objects.get()
    assert "1 new" in page(curator, "/builds/")
    curator.post(f"/builds/{build.pk}/review", {"change": [str(change.pk), "x"]})
    change.refresh_from_db()
    assert change.reviewed_by is not None
    assert "I have looked at these" not in page(curator, f"/builds/{build.pk}/")


def test_names_in_photos_a_curator_may_not_see_stay_out(curator: Client) -> None:
    album = Album.objects.create(name="Private", is_limited=True)
    hidden = a_photo("hidden.jpg", album)
    an_unnamed_face(near(a_vector(1)), photo=hidden)
    know(a_person("Anna"), a_vector(1))
    build = build_now()
    follow_gallery()
    text = page(curator, f"/builds/{build.pk}/")
    assert ("hidden.jpg" in text) == (curator.get(f"/photos/{hidden.pk}/").status_code == 200)


def test_the_worker_is_asked_to_build_and_to_go_back(curator: Client, sent: list[Any]) -> None:
    curator.post("/builds/request")
    curator.post("/builds/roll-back")
    assert [args[0] for args in sent] == ["request_build"]
    know(a_person(), a_vector(1))
    build_now()
    build_now()
    sent.clear()
    curator.post("/builds/roll-back")
    assert [args[0] for args in sent] == ["roll_back"]


def test_a_waiting_build_can_be_stopped_from_the_list(curator: Client) -> None:
    build = Build.objects.create(embedder_id=EMBEDDER)
    assert "Stop" in page(curator, "/builds/")
    curator.post(f"/builds/{build.pk}/cancel")
    build.refresh_from_db()
    assert build.work == Status.CANCELLED
    answer = curator.post(f"/builds/{build.pk}/cancel", follow=True)
    assert "not running any more" in answer.content.decode()


def test_a_failed_build_says_why(curator: Client) -> None:
    build = Build.objects.create(embedder_id=EMBEDDER, work=Status.FAILED, failure="The disk is full.")
    assert "The disk is full." in page(curator, f"/builds/{build.pk}/")


def test_a_long_list_of_changes_ends_between_photos(curator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gallery.index.selectors.NAME_CHANGES_PER_PAGE", 3)
    photos = [a_photo() for _ in range(3)]
    for photo in photos:
        for seed in (1, 2):
            an_unnamed_face(near(a_vector(seed), seed), photo=photo)
    for seed, name in ((1, "Anna"), (2, "Minh")):
        know(a_person(name), a_vector(seed))
    build = build_now()
    follow_gallery()
    seen = []
    address = f"/builds/{build.pk}/"
    for _ in range(3):
        text = page(curator, address)
        seen += [photo for photo in photos if f'href="/photos/{photo.pk}/"' in text]
        more = re.search(r'href="(\?after=\d+)"', text)
        address = f"/builds/{build.pk}/{more[1] if more else ''}"
    assert more is None
    assert seen == photos[::-1]


def test_figures_are_plotted_once_there_are_two_builds(curator: Client) -> None:
    know(a_person("Anna"), a_vector(1))
    build_now()
    assert '<svg class="plot"' not in page(curator, "/builds/")
    build_now()
    text = page(curator, "/builds/")
    assert text.count('<svg class="plot"') == 5
    assert 'aria-label="Time to build (s)"' in text


def test_names_changed_in_albums_for_others_are_not_counted(curator: Client) -> None:
    hidden = a_photo(album=Album.objects.create(is_limited=True))
    an_unnamed_face(near(a_vector(1)), photo=hidden)
    know(a_person("Anna"), a_vector(1))
    build = build_now()
    follow_gallery()
    assert NameChange.objects.filter(build=build).exists()
    assert "1 new" not in page(curator, "/builds/")


def test_the_list_asks_as_often_for_many_builds_as_for_few(curator: Client) -> None:
    know(a_person("Anna"), a_vector(1))
    build_now()
    build_now()
    with CaptureQueriesContext(connection) as few:
        page(curator, "/builds/")
    for _ in range(4):
        build_now()
    with CaptureQueriesContext(connection) as many:
        page(curator, "/builds/")
    assert len(few) == len(many)


def test_verifying_is_asked_for_watched_and_its_result_shown(curator: Client, sent: list[Any]) -> None:
    know(a_person("Anna"), a_vector(1))
    build_now()
    curator.post("/builds/verify")
    assert sent[-1] == ("verify_index",)
    text = page(curator, "/builds/")
    assert "The index is being compared with the database" in text
    assert 'data-poll="2"' in text
    verify_index()
    text = page(curator, "/builds/")
    assert "1 reference, and the index says of it what the database says." in text
    assert "data-poll" not in text


def test_an_index_that_differed_is_said_to_have_and_to_be_mended(curator: Client) -> None:
    know(a_person("Anna"), a_vector(1))
    build_now()
    ReferenceVector.objects.update(vector=a_vector(9))  # behind everybody's back
    verify_index()
    text = page(curator, "/builds/")
    assert "the index differed from the database" in text
    assert "another vector: 1" in text
    assert "It was built anew, and is right now." in text


def undo(verb: str) -> Event:
    event = Event.objects.filter(verb=verb).order_by("-pk")[0]
    return undo_events(User.objects.get(), event)[0]


def test_going_back_is_undone_by_going_forth(curator: Client, sent: list[Any]) -> None:
    know(a_person("Anna"), a_vector(1))
    old, new = build_now(), build_now()
    sent.clear()
    curator.post("/builds/roll-back")
    roll_back()
    assert Build.objects.get(is_active=True) == old
    undo("build.roll_back")
    roll_back()
    assert Build.objects.get(is_active=True) == new
    assert [args[0] for args in sent].count("roll_back") == 2


def test_asking_for_a_build_is_undone_while_it_has_not_been_made(curator: Client, sent: list[Any]) -> None:
    curator.post("/builds/request")
    asked = Build.objects.create(embedder_id=EMBEDDER, asked_by=User.objects.get())
    undone = undo("build.request")
    asked.refresh_from_db()
    assert asked.work == Status.CANCELLED
    sent.clear()
    undo_events(User.objects.get(), undone)
    assert sent[0][0] == "request_build"
    Build.objects.all().delete()
    curator.post("/builds/request")
    with pytest.raises(CannotUndo, match="It has been built already"):
        undo("build.request")


def test_stopping_a_build_is_undone_by_asking_for_it_again(curator: Client, sent: list[Any]) -> None:
    build = Build.objects.create(embedder_id=EMBEDDER)
    curator.post(f"/builds/{build.pk}/cancel")
    undo("build.cancel")
    assert sent[-1][0] == "request_build"


@pytest.mark.parametrize("address", ["/", "/people/", "/admin/gallery/reference/", "/builds/"])
def test_what_waits_for_the_next_build_is_said_where_it_matters(curator: Client, address: str) -> None:
    know(a_person("Anna"), a_vector(1))
    a_photo()
    build_now()
    words = re.compile(r"wait(s)? for the next build")
    assert not words.search(page(curator, address))
    know(a_person("Bao"), a_vector(2))
    assert words.search(page(curator, address))


def test_viewers_are_not_told_of_builds(client: Client) -> None:
    client.force_login(a_user("Vy", Role.VIEWER))
    know(a_person("Anna"), a_vector(1))
    build_now()
    know(a_person("Bao"), a_vector(2))
    assert "for the next build" not in page(client, "/people/")

"""The curators' pages on the index: its builds, their figures, the names they changed."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from gallery.models import Album, Build, NameChange, Status
from gallery.pipeline import builds, renaming
from tests.gallery_world import an_unnamed_face, know, near, world
from tests.making import EMBEDDER, a_person, a_photo, a_user, a_vector

__all__ = ["world"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("world")]


@pytest.fixture
def curator(client: Client) -> Client:
    client.force_login(a_user())
    return client


def build_now() -> Build:
    made = builds.run_build(builds.request_build("test", delay=0).pk)
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
    assert "1 change since then is taken into account already." in text
    assert "Go back to the build before" in text
    assert text.count("Serving") == 1
    assert f'href="/builds/{old.pk}/"' in text


def test_a_build_shows_what_was_measured_and_what_memory_cost(curator: Client) -> None:
    know(a_person(), a_vector(1))
    build = build_now()
    text = page(curator, f"/builds/{build.pk}/")
    assert "with so many, that is fast" in text
    assert "did not get their nearest reference" not in text
    build.figures |= {"reason": "memory", "recall": 0.962}
    build.save()
    text = page(curator, f"/builds/{build.pk}/")
    assert "38 of 1,000 faces did not get their nearest reference" in text
    assert "FACESITE_INDEX_MAX_MEMORY" in text


def test_changed_names_are_listed_photo_by_photo_and_reviewed(curator: Client) -> None:
    face = an_unnamed_face(near(a_vector(1)))
    know(a_person("Anna"), a_vector(1))
    build = build_now()
    renaming.follow_gallery()
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
    renaming.follow_gallery()
    text = page(curator, f"/builds/{build.pk}/")
    assert ("hidden.jpg" in text) == (curator.get(f"/photos/{hidden.pk}/").status_code == 200)


def test_the_worker_is_asked_to_build_and_to_go_back(
    curator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[Any, ...]] = []
    monkeypatch.setattr("gallery.queue.send", lambda *args, countdown=0: sent.append(args))
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
    monkeypatch.setattr("gallery.browse.builds.CHANGES", 3)
    photos = [a_photo() for _ in range(3)]
    for photo in photos:
        for seed in (1, 2):
            an_unnamed_face(near(a_vector(1), seed), photo=photo)
    know(a_person("Anna"), a_vector(1))
    build = build_now()
    renaming.follow_gallery()
    seen = []
    address = f"/builds/{build.pk}/"
    for _ in range(3):
        text = page(curator, address)
        seen += [photo for photo in photos if f'href="/photos/{photo.pk}/"' in text]
        more = re.search(r'href="(\?after=\d+)"', text)
        address = f"/builds/{build.pk}/{more[1] if more else ''}"
    assert more is None
    assert seen == photos[::-1]

"""Health, figures, logs and the audit trail: the owner sees what is going on, nobody else does."""

from __future__ import annotations

import io
import json
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.test import Client
from django.utils import timezone

from facesite.logs import JsonFormatter, WithoutAddresses
from gallery.history.audit import (
    VERB_DOWNLOADED,
    VERB_SEEN,
    VERB_SIGN_IN,
    VERB_SIGN_OUT,
    record_view,
    write_audit_event,
)
from gallery.history.changeset import record_event
from gallery.models import Build, Event, GalleryChange, Photo, Status, User, WorkerBeat
from tests.access_world import World, make_world

pytestmark = pytest.mark.django_db
TOKEN = "t0ken-" * 6


@pytest.fixture
def world(own_data: Path) -> World:
    return make_world()


def browser(who: User) -> Client:
    client = Client()
    client.force_login(who)
    return client


# Health and figures


def test_a_site_that_works_is_ready() -> None:
    assert Client().get("/readyz").status_code == 200


def test_a_site_without_its_database_is_alive_but_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise DatabaseError("connection to 10.0.0.5 refused")

    monkeypatch.setattr(connection, "cursor", away)
    assert Client().get("/healthz").status_code == 200
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert b"10.0.0.5" not in answer.content


def scrape(settings: Any) -> dict[str, float]:
    settings.METRICS_TOKEN = TOKEN
    answer = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    lines = [line for line in answer.content.decode().splitlines() if not line.startswith("#")]
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines}


def test_figures_need_the_token_even_of_administrators(settings: Any, world: World) -> None:
    assert browser(world.users["administrator"]).get("/metrics").status_code == 404  # none is set
    settings.METRICS_TOKEN = TOKEN
    assert browser(world.users["administrator"]).get("/metrics").status_code == 401
    for wrong in ("", "Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", TOKEN):
        assert Client().get("/metrics", headers={"Authorization": wrong}).status_code == 401


def test_figures_say_what_waits_failed_and_how_fresh_the_index_is(settings: Any, world: World) -> None:
    now = timezone.now()
    Photo.objects.update(work=Status.QUEUED, queued_at=now - timedelta(seconds=90))
    Photo.objects.filter(pk=world.values["photo"]).update(
        work=Status.DONE, started_at=now - timedelta(seconds=3), finished_at=now, milliseconds={"detect": 200}
    )
    Photo.objects.filter(pk=world.values["hidden_photo"]).update(work=Status.FAILED, finished_at=now)
    Build.objects.update(is_active=True, vectors=7, finished_at=now - timedelta(hours=2))
    GalleryChange.objects.create(kind="added", object_id=1, person=1, embedder_id="dlib-000000000000")
    WorkerBeat.objects.create(name="a:1", kind="worker", started_at=now, seen_at=now)
    WorkerBeat.objects.create(name="a:2", kind="worker", started_at=now, seen_at=now - timedelta(minutes=5))
    found = scrape(settings)
    assert found['facesite_work{kind="photo",state="done"}'] == 1
    assert found['facesite_work{kind="photo",state="failed"}'] == 1
    assert found['facesite_failed_last_hour{kind="photo"}'] == 1
    assert found["facesite_photo_seconds"] == pytest.approx(3)
    assert found['facesite_photo_step_seconds{step="detect"}'] == pytest.approx(0.2)
    assert found['facesite_index_vectors{embedder="dlib-000000000000"}'] == 7
    assert found['facesite_index_age_seconds{embedder="dlib-000000000000"}'] >= 7200
    assert found['facesite_index_waiting_changes{embedder="dlib-000000000000"}'] == 1
    assert found['facesite_processes{kind="worker"}'] == 1
    Photo.objects.filter(pk=world.values["photo"]).update(
        work=Status.QUEUED, queued_at=now - timedelta(seconds=90)
    )
    assert scrape(settings)['facesite_oldest_queued_seconds{kind="photo"}'] >= 90


# The trail


def test_who_saw_and_took_what_is_in_the_trail(world: World) -> None:
    viewer, photo = world.users["contributor"], world.values["photo"]
    client = browser(viewer)
    client.get(f"/photos/{photo}/")
    client.get(f"/photos/{photo}/")
    client.get(f"/people/{world.values['person']}/")
    client.get(f"/photos/{photo}/original")
    client.get(f"/photos/{photo}/export/json")
    found = Event.objects.filter(actor=viewer, verb__in=(VERB_SEEN, VERB_DOWNLOADED))
    assert list(found.order_by("pk").values_list("verb", "object_type")) == [
        ("seen", "photo"),
        ("seen", "person"),
        ("downloaded", "photo"),
        ("downloaded", "photo"),
    ]


def test_administrators_read_the_trail_and_narrow_it(world: World) -> None:
    photo = Photo.objects.get(pk=world.values["photo"])
    record_view(world.users["viewer"], photo)
    record_event(world.users["curator"], "photo.trash", photo, {"name": "a.jpg"})
    client = browser(world.users["administrator"])
    everything = client.get("/audit/").content.decode()
    assert 'data-verb="seen"' in everything
    assert 'data-verb="photo.trash"' in everything
    seen = client.get("/audit/?kind=seen").content.decode()
    assert 'data-verb="seen"' in seen
    assert 'data-verb="photo.trash"' not in seen
    by = client.get(f"/audit/?actor={world.users['curator'].pk}&kind=changed").content.decode()
    assert 'data-verb="photo.trash"' in by
    assert 'data-verb="seen"' not in by
    for nothing in ("until=2001-01-01", "actor=0", "id=0"):
        assert "<td>" not in client.get(f"/audit/?{nothing}").content.decode()
    for odd in ("since=x", "since=2026-99-99", "id=abc", "after=zz", "kind=%00", "actor=1e9"):
        assert client.get(f"/audit/?{odd}").status_code == 200


def test_the_history_shows_neither_the_trail_nor_what_concerns_users_nor_hidden_albums(world: World) -> None:
    from gallery.models import Album

    write_audit_event(world.users["viewer"], VERB_SIGN_IN, world.users["viewer"], address="192.0.2.77")
    hidden = Album.objects.get(pk=world.values["hidden_album"])
    record_event(world.users["administrator"], "album.create", hidden, {"name": "Zanzibar"})
    record_event(world.users["administrator"], "user.change", world.users["viewer"], {"role": "viewer"})
    page = browser(world.users["curator"]).get("/history/").content.decode()
    assert "192.0.2.77" not in page
    assert "Zanzibar" not in page
    assert "user: change" not in page


def test_the_trail_is_forgotten_after_its_time_and_what_can_be_undone_is_not(
    settings: Any, world: World
) -> None:
    settings.AUDIT_DAYS = 30
    photo = Photo.objects.get(pk=world.values["photo"])
    record_view(world.users["viewer"], photo)
    record_event(world.users["viewer"], "photo.trash", photo, {"name": "a.jpg"}, undo={})
    Event.objects.update(at=timezone.now() - timedelta(days=31))
    write_audit_event(world.users["viewer"], VERB_SIGN_OUT)
    out = io.StringIO()
    call_command("forget_old", "--json", stdout=out)
    assert json.loads(out.getvalue())["trail"] == 1
    left = set(Event.objects.values_list("verb", flat=True))
    assert VERB_SEEN not in left
    assert {"photo.trash", VERB_SIGN_OUT} <= left
    settings.AUDIT_DAYS = 0
    Event.objects.update(at=timezone.now() - timedelta(days=3000))
    call_command("forget_old", stdout=out)
    assert Event.objects.filter(verb=VERB_SIGN_OUT).exists()


# Logs


def test_a_log_line_is_one_json_document_with_its_fields() -> None:
    entry = logging.makeLogRecord({"name": "x", "levelname": "INFO", "msg": "photo %s", "args": (7,)})
    entry.fields = {"photo": 7}
    line = json.loads(JsonFormatter().format(entry))
    assert (line["message"], line["photo"], line["level"]) == ("photo 7", 7, "info")


def test_requests_are_logged_by_the_name_of_their_address_and_ids_only(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "facesite.request")
    browser(world.users["viewer"]).get("/search/?q=Lan+Nguyen")
    Client().get("/shared/some-secret-token/")
    fields = [entry.fields for entry in caplog.records if entry.name == "facesite.request"]  # type: ignore[attr-defined] -- ours
    assert [entry["view"] for entry in fields] == ["search", "shared_album"]
    assert fields[0]["user"] == world.users["viewer"].pk
    assert "Lan" not in str(fields)
    assert "some-secret-token" not in str(fields)


def test_djangos_own_complaints_lose_the_address_they_name(rf: Any) -> None:
    request = rf.get("/shared/some-secret-token/")
    request.resolver_match = None
    entry = logging.makeLogRecord(
        {"msg": "%s: %s", "args": ("Not Found", request.path), "levelname": "ERROR"}
    )
    entry.request, entry.status_code = request, 404
    assert WithoutAddresses().filter(entry)
    assert "some-secret-token" not in JsonFormatter().format(entry)


def test_a_failed_sign_in_leaves_neither_name_nor_password_in_the_logs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    Client().post("/account/login", {"username": "hoang.minh", "password": "hunter2"})
    assert "hoang.minh" not in caplog.text
    assert "hunter2" not in caplog.text

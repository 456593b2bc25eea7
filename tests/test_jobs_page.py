"""The jobs page admits failure, and what it offers works."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from facesite.celery import app
from gallery import beats, queries, tasks
from gallery.models import Album, Photo, Role, Status, WorkerBeat
from gallery.pipeline.photos import process_photo
from gallery.scheduler import Scheduler
from tests.making import a_photo, a_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def curator(client: Client) -> Client:
    client.force_login(a_user("Curator", Role.CURATOR))
    return client


def page(client: Client) -> str:
    return client.get(reverse("jobs")).content.decode()


def act(client: Client, word: str) -> None:
    assert client.post(reverse("jobs_act"), {"act": word}).status_code == 302


def test_a_failure_is_shown_with_its_reason_and_tried_again(curator: Client) -> None:
    photo = a_photo("broken.jpg", work=Status.FAILED, failure="The file is empty.", attempts=2)
    shown = page(curator)
    assert "broken.jpg" in shown
    assert "The file is empty." in shown
    act(curator, "retry")
    photo.refresh_from_db()
    assert (photo.work, photo.failure, photo.attempts) == (Status.QUEUED, "", 0)


def test_failures_in_an_album_for_others_are_neither_shown_nor_touched(curator: Client) -> None:
    hidden = a_photo("secret.jpg", album=Album.objects.create(is_limited=True), work=Status.FAILED)
    assert "secret.jpg" not in page(curator)
    act(curator, "retry")
    assert Photo.objects.get(pk=hidden.pk).work == Status.FAILED


def test_paused_photos_wait_and_go_on(curator: Client) -> None:
    photo = a_photo(work=Status.QUEUED)
    act(curator, "pause")
    assert queries.is_paused()
    assert process_photo(photo.pk) is False
    assert Photo.objects.get(pk=photo.pk).work == Status.QUEUED
    assert "Processing is paused." in page(curator)
    act(curator, "resume")
    assert not queries.is_paused()


def test_a_paused_queue_is_not_polled(curator: Client) -> None:
    a_photo(work=Status.QUEUED)
    assert "every 5s" in page(curator)
    act(curator, "pause")
    assert "every 5s" not in page(curator)


def test_waiting_photos_are_set_aside_and_running_ones_left(curator: Client) -> None:
    waiting, running = a_photo(work=Status.QUEUED), a_photo(work=Status.PROCESSING)
    act(curator, "cancel")
    assert Photo.objects.get(pk=waiting.pk).work == Status.CANCELLED
    assert Photo.objects.get(pk=running.pk).work == Status.PROCESSING


def test_a_worker_that_fell_silent_is_said_within_a_minute(curator: Client) -> None:
    assert "No worker has been heard of" in page(curator)
    beats.beat("worker", "here:1")
    beats.beat("scheduler", "scheduler")
    assert "has been heard of" not in page(curator)
    WorkerBeat.objects.filter(kind="scheduler").update(seen_at=timezone.now() - timedelta(seconds=61))
    assert "The scheduler has not been heard of" in page(curator)
    WorkerBeat.objects.filter(kind="worker").update(seen_at=timezone.now() - timedelta(seconds=61))
    assert "No worker has been heard of" in page(curator)


def test_the_scheduler_says_itself_that_it_lives(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each tick may, however long the queue is; none goes through it."""
    monkeypatch.setattr(Scheduler, "apply_async", lambda *args, **kwargs: None)
    monkeypatch.setattr("gallery.beats.close_old_connections", lambda: None)
    scheduler = Scheduler(app, schedule_filename=str(tmp_path / "schedule"))
    scheduler.tick()
    said = WorkerBeat.objects.get()
    assert said.kind == "scheduler"
    scheduler.tick()
    assert WorkerBeat.objects.get().seen_at == said.seen_at  # not at every tick
    scheduler.close()
    assert not WorkerBeat.objects.exists()


def test_the_sweep_says_nothing_of_the_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gallery.queue.waiting", lambda rows, limit: [])
    tasks.sweep()
    assert not WorkerBeat.objects.exists()

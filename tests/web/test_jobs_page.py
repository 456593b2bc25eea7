"""The jobs page admits failure, and what it offers works."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from facesite.celery import app
from gallery.faces.processing import process_photo
from gallery.history.descriptions import describe_event
from gallery.history.undo import undo_events
from gallery.jobs.heartbeats import DEAD_AFTER, get_host_name, set_current_task, write_heartbeat
from gallery.jobs.leases import claim_row, get_process_name
from gallery.jobs.selectors import IDLE_POLL_SECONDS, is_processing_paused
from gallery.jobs.services import track_job
from gallery.jobs.tasks import HeartbeatScheduler, stop_heartbeats_at_exit
from gallery.models import (
    Album,
    Build,
    Erasure,
    Event,
    PersonExport,
    Photo,
    Reference,
    ReferenceDraft,
    Role,
    Status,
    User,
    WorkerBeat,
)
from gallery.tasks import sweep
from tests.making import EMBEDDER, a_person, a_photo, a_reference, a_user

pytestmark = pytest.mark.django_db


def page(client: Client) -> str:
    return client.get(reverse("jobs")).content.decode()


def act(client: Client, word: str, **values: object) -> None:
    assert client.post(reverse("jobs_act"), {"act": word, **values}).status_code == 302


def test_a_failure_is_shown_with_its_reason_and_tried_again(curator: Client) -> None:
    photo = a_photo("broken.jpg", work=Status.FAILED, failure_code="empty", attempts=2)
    shown = page(curator)
    assert "broken.jpg" in shown
    assert "The file is empty." in shown
    act(curator, "retry")
    photo.refresh_from_db()
    assert (photo.work, photo.failure_text, photo.attempts) == (Status.QUEUED, "", 0)


def test_failures_in_an_album_for_others_are_neither_shown_nor_touched(curator: Client) -> None:
    hidden = a_photo("secret.jpg", album=Album.objects.create(is_limited=True), work=Status.FAILED)
    assert "secret.jpg" not in page(curator)
    act(curator, "retry")
    assert Photo.objects.get(pk=hidden.pk).work == Status.FAILED


def test_paused_photos_wait_and_go_on(curator: Client) -> None:
    photo = a_photo(work=Status.QUEUED)
    act(curator, "pause")
    assert is_processing_paused()
    assert process_photo(photo.pk) is False
    assert Photo.objects.get(pk=photo.pk).work == Status.QUEUED
    assert "Processing is paused." in page(curator)
    act(curator, "resume")
    assert not is_processing_paused()


def test_a_paused_queue_is_only_watched_for_workers_that_die(curator: Client) -> None:
    a_photo(work=Status.QUEUED)
    assert 'data-poll="5"' in page(curator)
    act(curator, "pause")
    assert 'data-poll="25"' in page(curator)


def test_waiting_photos_are_set_aside_and_running_ones_left(curator: Client) -> None:
    waiting, running = a_photo(work=Status.QUEUED), a_photo(work=Status.PROCESSING)
    act(curator, "cancel")
    assert Photo.objects.get(pk=waiting.pk).work == Status.CANCELLED
    assert Photo.objects.get(pk=running.pk).work == Status.PROCESSING


def silent(kind: str, seconds: float = 36) -> None:
    """As if processes of this kind had last been heard of so long ago."""
    long_ago = timezone.now() - timedelta(seconds=seconds)
    WorkerBeat.objects.filter(kind=kind).update(seen_at=long_ago, started_at=long_ago)


def test_a_death_is_noticed_by_an_open_page_within_a_minute() -> None:
    assert DEAD_AFTER.total_seconds() + IDLE_POLL_SECONDS <= 60


def test_who_fell_silent_is_said_by_name_with_what_to_do(curator: Client) -> None:
    assert "No worker is running." in page(curator)
    write_heartbeat("worker", "here:1")
    assert "No scheduler is running." in page(curator)
    write_heartbeat("scheduler", "here:2")
    assert 'class="notice bad"' not in page(curator)
    silent("scheduler", 30)
    assert 'class="notice bad"' not in page(curator)
    silent("scheduler")
    shown = page(curator)
    assert "The scheduler here:2 has not been heard of for" in shown
    assert "Start the scheduler (celery beat) again" in shown
    silent("worker")
    shown = page(curator)
    assert "The worker here:1 has not been heard of for" in shown
    assert "Start the worker" in shown


def test_one_dead_worker_among_others_is_said_too_until_another_takes_its_place(curator: Client) -> None:
    write_heartbeat("scheduler", "here:2")
    write_heartbeat("worker", "here:1")
    silent("worker")
    WorkerBeat.objects.create(
        name="here:3", kind="worker", seen_at=timezone.now(), started_at=timezone.now() - timedelta(hours=1)
    )
    assert "The worker here:1 has not been heard of" in page(curator)
    assert "The other workers go on" in page(curator)
    write_heartbeat("worker", "here:4")
    shown = page(curator)
    assert "has not been heard of" not in shown
    assert "another has taken its place" in shown


def test_a_worker_that_was_stopped_on_purpose_is_not_missed(curator: Client) -> None:
    write_heartbeat("worker", "here:1")
    act(curator, "forget", name="here:1")
    assert WorkerBeat.objects.exists()  # it lives: nothing to forget
    silent("worker")
    act(curator, "forget", name="here:1")
    assert not WorkerBeat.objects.exists()


def test_a_worker_that_ends_in_an_orderly_way_is_gone_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gallery.jobs.heartbeats.close_old_connections", lambda: None)
    write_heartbeat("worker", f"{get_host_name(get_process_name())}:1")
    silent("worker")
    write_heartbeat("worker")
    stop_heartbeats_at_exit()
    assert not WorkerBeat.objects.exists()  # nor is the one missed whose place it had taken


def test_what_each_worker_does_is_said_with_since_when(curator: Client) -> None:
    write_heartbeat("worker", "here:1")
    a_photo("busy.jpg", work=Status.PROCESSING, lease_owner="here:1", started_at=timezone.now())
    set_current_task("check_gallery")
    write_heartbeat("worker", "here:2")
    set_current_task("")
    write_heartbeat("worker", "here:3")
    rows = re.findall(r"<tr>.*?</tr>", page(curator), re.DOTALL)
    said = {name: row for name in ("here:1", "here:2", "here:3") for row in rows if name in row}
    assert "busy.jpg" in said["here:1"]
    assert "checking the gallery" in said["here:2"]
    assert "waits for work" in said["here:3"]


def test_one_failure_is_tried_again_and_the_others_left(curator: Client) -> None:
    one, other = (a_photo(work=Status.FAILED, failure="The file is empty.") for _ in range(2))
    act(curator, "retry", kind="photo", pk=one.pk)
    assert Photo.objects.get(pk=one.pk).work == Status.QUEUED
    assert Photo.objects.get(pk=other.pk).work == Status.FAILED


def test_numbers_of_rows_are_sent_as_they_are_where_thousands_are_set_apart(
    curator: Client, settings: Any
) -> None:
    settings.USE_THOUSAND_SEPARATOR = True
    a_photo(pk=12345, work="failed")
    assert 'name="pk" value="12345"' in page(curator)


def test_each_failure_says_what_can_be_done(curator: Client) -> None:
    a_photo(work=Status.FAILED, failure_code="empty")
    a_photo(work=Status.FAILED, failure="Something nobody thought of.")
    shown = page(curator)
    assert "Trying again will not help. Add a good copy" in shown
    assert "If it fails again, the worker" in shown


def test_failed_references_builds_and_exports_are_explained_and_tried_again(
    curator: Client, sent: list[Any]
) -> None:
    anna = a_person("Anna")
    reference = a_reference(anna, work=Status.FAILED, failure_code="no_face")
    Build.objects.create(embedder_id=EMBEDDER, work=Status.FAILED, failure="The disk is full.")
    export = PersonExport.objects.create(
        person=anna, work=Status.FAILED, failure="The disk may be full.", expires_at=timezone.now()
    )
    shown = page(curator)
    for reason in ("No face was found in this image.", "The disk is full.", "The disk may be full."):
        assert reason in shown
    for kind, pk in (("reference", reference.pk), ("export", export.pk)):
        act(curator, "retry", kind=kind, pk=pk)
    act(curator, "retry", kind="build")
    assert [args[0] for args in sent] == ["embed_reference", "make_person_export", "request_build"]
    assert Reference.objects.get().work == PersonExport.objects.get().work == Status.QUEUED


def test_a_failed_erasure_is_for_administrators_to_see_and_try_again(
    curator: Client, sent: list[Any]
) -> None:
    erasure = Erasure.objects.create(kind="person", work=Status.FAILED, failure="The disk is gone.")
    assert "The disk is gone." not in page(curator)
    curator.force_login(a_user("Admin", Role.ADMINISTRATOR))
    assert "The disk is gone." in page(curator)
    act(curator, "retry", kind="erasure", pk=erasure.pk)
    assert sent == [("erase", erasure.pk)]


def test_a_failed_build_that_a_later_one_made_good_is_history(curator: Client) -> None:
    Build.objects.create(embedder_id=EMBEDDER, work=Status.FAILED, failure="The disk is full.")
    Build.objects.create(embedder_id=EMBEDDER, work=Status.DONE)
    assert "The disk is full." not in page(curator)


def test_a_site_job_that_failed_is_said_and_run_again(curator: Client, sent: list[Any]) -> None:
    with track_job("verify_index"):
        raise OSError("the disk is gone")
    assert "the disk is gone" in page(curator)
    act(curator, "run", kind="verify_index")
    assert sent == [("verify_index",)]


def test_setting_aside_and_queueing_again_are_undone_exactly(curator: Client, sent: list[Any]) -> None:
    waiting, before = a_photo(work=Status.QUEUED), a_photo(work=Status.CANCELLED)
    act(curator, "cancel", kind="photo")
    user, event = User.objects.get(), Event.objects.get(verb="queue.cancel")
    assert describe_event(event) == "set 1 waiting job aside"
    undone = undo_events(user, event)[0]
    assert works() == {waiting.pk: Status.QUEUED, before.pk: Status.CANCELLED}
    undo_events(user, undone)
    assert works() == {waiting.pk: Status.CANCELLED, before.pk: Status.CANCELLED}
    act(curator, "again", kind="photo", pk=waiting.pk)
    assert works() == {waiting.pk: Status.QUEUED, before.pk: Status.CANCELLED}


def works() -> dict[int, str]:
    return dict(Photo.objects.values_list("pk", "work"))


def test_pausing_is_undone_from_the_history(curator: Client) -> None:
    act(curator, "pause")
    undo_events(User.objects.get(), Event.objects.get(verb="queue.pause"))
    assert not is_processing_paused()


def test_one_waiting_photo_is_set_aside(curator: Client) -> None:
    one, other = a_photo("a.jpg", work=Status.QUEUED), a_photo("b.jpg", work=Status.QUEUED)
    act(curator, "cancel", kind="photo", pk=one.pk)
    assert works() == {one.pk: Status.CANCELLED, other.pk: Status.QUEUED}


def test_a_build_is_not_set_aside_here(curator: Client) -> None:
    Build.objects.create(embedder_id=EMBEDDER)
    answer = curator.post(reverse("jobs_act"), {"act": "cancel", "kind": "build"}, follow=True)
    assert "This cannot be set aside." in answer.content.decode()


def test_times_are_plotted_and_said_step_by_step(curator: Client) -> None:
    now = timezone.now()
    for number in range(1, 11):
        steps = {"decode": 5, "detect": 100 * number}
        begun = now - timedelta(seconds=number)
        a_photo(work=Status.DONE, started_at=begun, finished_at=now, milliseconds=steps)
    shown = page(curator)
    assert shown.count('<svg class="plot"') == 2
    assert re.search(
        r"Finding faces\s*</th>\s*<td class=\"number\">550 ms</td>\s*<td class=\"number\">900 ms", shown
    )


def test_the_page_asks_as_often_for_much_work_as_for_little(curator: Client) -> None:
    def fill() -> None:
        a_photo(work=Status.FAILED, failure="The file is empty.")
        a_photo(work=Status.QUEUED)
        a_photo(work=Status.PROCESSING, started_at=timezone.now())
        a_photo(work=Status.DONE, started_at=timezone.now(), finished_at=timezone.now())
        a_reference(a_person(f"P{Reference.objects.count()}"), work=Status.FAILED)
        write_heartbeat("worker", f"here:{Photo.objects.count()}")

    fill()
    with CaptureQueriesContext(connection) as few:
        page(curator)
    for _ in range(6):
        fill()
    with CaptureQueriesContext(connection) as many:
        page(curator)
    assert len(few) == len(many)


def test_the_scheduler_says_itself_that_it_lives(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each tick may, however long the queue is; none goes through it."""
    monkeypatch.setattr(HeartbeatScheduler, "apply_async", lambda *args, **kwargs: None)
    monkeypatch.setattr("gallery.jobs.heartbeats.close_old_connections", lambda: None)
    scheduler = HeartbeatScheduler(app, schedule_filename=str(tmp_path / "schedule"))
    scheduler.tick()
    said = WorkerBeat.objects.get()
    assert said.kind == "scheduler"
    scheduler.tick()
    assert WorkerBeat.objects.get().seen_at == said.seen_at  # not at every tick
    scheduler.close()
    assert not WorkerBeat.objects.exists()


def test_the_sweep_says_nothing_of_the_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gallery.jobs.leases.list_claimable_ids", lambda rows, limit: [])
    sweep()
    assert not WorkerBeat.objects.exists()


def test_trying_again_says_what_it_did_and_is_undone_for_what_has_not_been_begun(curator: Client) -> None:
    anna = a_person("Anna")
    params = {"limit": "50"}
    failure = {"failure_code": "too_many_frames", "failure_params": params}
    photo, other = (a_photo(work=Status.FAILED, **failure) for _ in range(2))
    reference = a_reference(anna, work=Status.FAILED, failure_code="no_face")
    said = curator.post(reverse("jobs_act"), {"act": "retry"}, follow=True)
    assert "You tried 3 failed jobs again." in said.content.decode()
    claim_row(Photo.objects.all(), other.pk)
    event = Event.objects.get(verb="queue.retry")
    (undone,) = undo_events(User.objects.get(username="Curator"), event)
    assert describe_event(undone).endswith("(1 thing changed since was left as it is)")
    assert works() == {photo.pk: Status.FAILED, other.pk: Status.PROCESSING}
    reference.refresh_from_db()
    assert (reference.work, reference.failure_text) == (Status.FAILED, "No face was found in this image.")
    assert Photo.objects.get(pk=photo.pk).failure_params == params
    undo_events(User.objects.get(username="Curator"), undone)
    assert works() == {photo.pk: Status.QUEUED, other.pk: Status.PROCESSING}


def test_trying_again_what_is_done_by_now_says_so(curator: Client) -> None:
    said = curator.post(reverse("jobs_act"), {"act": "retry"}, follow=True).content.decode()
    assert "they have been dealt with meanwhile" in said
    assert not Event.objects.filter(verb="queue.retry").exists()


def test_a_picture_that_could_not_be_looked_at_is_told_to_who_sent_it_and_tried_again(
    curator: Client, sent: list[Any]
) -> None:
    anna, me = a_person("Anna"), User.objects.get(username="Curator")
    columns = {
        "person": anna,
        "width": 9,
        "height": 9,
        "work": Status.FAILED,
        "failure": "The file is cut off.",
    }
    mine = ReferenceDraft.objects.create(
        image="drafts/1.jpg", sha256="1", name="mine.jpg", added_by=me, **columns
    )
    hoa = a_user("Hoa", Role.CURATOR)
    ReferenceDraft.objects.create(
        image="drafts/2.jpg", sha256="2", name="theirs.jpg", added_by=hoa, **columns
    )
    shown = page(curator)
    assert "mine.jpg" in shown
    assert "theirs.jpg" not in shown
    assert "Leave it out on the person" in shown
    act(curator, "retry", kind="draft", pk=mine.pk)
    assert sent == [("look_at_draft", mine.pk)]
    assert ReferenceDraft.objects.get(pk=mine.pk).work == Status.QUEUED
    undo_events(me, Event.objects.get(verb="queue.retry"))
    assert ReferenceDraft.objects.get(pk=mine.pk).failure == "The file is cut off."


def test_failed_backups_and_file_checks_are_for_administrators_to_see_and_run_again(
    curator: Client, sent: list[Any]
) -> None:
    with track_job("make_backup"):
        raise OSError("the disk is full")
    with track_job("check_files") as result:
        result["lost"] = {"count": 2, "first": ["photos/1.jpg"]}
    assert "the disk is full" not in page(curator)
    act(curator, "run", kind="make_backup")
    assert not sent
    curator.force_login(a_user("Admin", Role.ADMINISTRATOR))
    shown = page(curator)
    assert "the disk is full" in shown
    assert "See whether the folder for backups is there" in shown
    assert "2 files are gone or are not what they were." in shown
    act(curator, "run", kind="make_backup")
    act(curator, "run", kind="check_files")
    assert [args[0] for args in sent] == ["make_backup", "check_files"]


def test_thousands_of_failures_are_tried_again_in_few_statements(curator: Client, sent: list[Any]) -> None:
    rows = (Photo(file=f"photos/f{n}.jpg", sha256=f"f{n}", name="f", work="failed") for n in range(2_000))
    Photo.objects.bulk_create(rows, batch_size=500)
    with CaptureQueriesContext(connection) as counted:
        act(curator, "retry", kind="photo")
    assert len(counted) < 60
    assert len(sent) == 500  # the sweep finds the rest
    assert not Photo.objects.filter(work=Status.FAILED).exists()

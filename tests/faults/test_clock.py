"""A clock jumps by hours, back and forth, under the worker and the scheduler."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from celery.schedules import schedule

from facesite.celery import app
from gallery.jobs import leases
from gallery.jobs.leases import claim_row, extend_lease, finish_row, postpone_row, recover_expired_leases
from gallery.jobs.tasks import HeartbeatScheduler
from gallery.models import Photo, Status
from tests import servers
from tests.faults.clock import WallClock
from tests.faults.scene import Scene, embedded, served
from tests.making import a_photo
from tests.servers import wait_for

HOURS = 2 * 3600.0
APP = "tests.faults.app"
HELD = "SELECT attempts FROM gallery_photo WHERE work = 'processing'"


class Clock:
    """The clock of leases, set by hand."""

    def __init__(self) -> None:
        self.time = datetime(2026, 7, 1, tzinfo=UTC)

    def pass_by(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(leases, "get_database_time", lambda: found.time)
    return found


def sweep() -> None:
    recover_expired_leases(Photo.objects.all())


def work_of(photo: Photo) -> str:
    photo.refresh_from_db()
    return photo.work


@pytest.mark.django_db
@pytest.mark.parametrize("jump", [HOURS, -HOURS])
def test_a_jump_takes_no_photo_from_a_worker_that_lives(hands: Clock, jump: float) -> None:
    held = claim_row(Photo.objects.all(), a_photo(work=Status.QUEUED).pk)
    assert held
    hands.pass_by(jump)
    sweep()
    assert claim_row(Photo.objects.all(), held.pk) is None
    extend_lease(held)  # as it does every quarter of a lease
    hands.pass_by(30)
    sweep()
    assert work_of(held) == Status.PROCESSING
    finish_row(held, Status.DONE)


@pytest.mark.django_db
@pytest.mark.parametrize("jump", [0, HOURS, -HOURS])
def test_what_a_dead_worker_held_waits_again_soon_whatever_the_clock_does(hands: Clock, jump: float) -> None:
    held = claim_row(Photo.objects.all(), a_photo(work=Status.QUEUED).pk)
    assert held
    hands.pass_by(jump)
    for _ in range(9):
        hands.pass_by(10)
        sweep()
    assert work_of(held) == Status.QUEUED
    again = claim_row(Photo.objects.all(), held.pk)
    assert again
    assert again.attempts == 2


@pytest.mark.django_db
def test_a_photo_queued_before_the_clock_went_back_does_not_wait_for_it(hands: Clock) -> None:
    photo = a_photo(work=Status.QUEUED, queued_at=hands.time)
    hands.pass_by(-HOURS)
    assert leases.list_claimable_ids(Photo.objects.all(), limit=5) == [photo.pk]
    assert claim_row(Photo.objects.all(), photo.pk)


@pytest.mark.django_db
def test_what_was_put_off_is_not_due_before_its_time(hands: Clock) -> None:
    held = claim_row(Photo.objects.all(), a_photo(work=Status.QUEUED).pk)
    assert held
    postpone_row(held, 60)
    assert claim_row(Photo.objects.all(), held.pk) is None
    hands.pass_by(61)
    again = claim_row(Photo.objects.all(), held.pk)
    assert again
    assert again.attempts == 1  # being put back did not count


@pytest.mark.parametrize("jump", [HOURS, -HOURS])
def test_the_scheduler_goes_on_when_the_clock_jumps(
    jump: float, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sent: list[str] = []
    real, offset = time.time, 0.0
    monkeypatch.setattr(HeartbeatScheduler, "apply_async", lambda self, entry, **_: sent.append(entry.name))
    monkeypatch.setattr("gallery.jobs.tasks.try_heartbeat", lambda kind: None)
    monkeypatch.setattr(
        app.conf, "beat_schedule", {"sweep": {"task": "none", "schedule": schedule(0.2, app=app)}}
    )
    monkeypatch.setattr(app, "now", lambda: datetime.fromtimestamp(real() + offset, UTC))
    monkeypatch.setattr("gallery.jobs.tasks.time.time", lambda: real() + offset)
    scheduler = HeartbeatScheduler(app, schedule_filename=str(tmp_path / "schedule"))
    for _ in range(2):
        wait_for(lambda: scheduler.tick() and sent, "the first message", 5)
        offset += jump
        sent.clear()
    wait_for(lambda: scheduler.tick() and sent, "a message after the jump", 5)
    scheduler.sync()


def test_what_became_due_while_the_clock_leapt_is_sent_however_often_it_leaps(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As of a computer that sleeps more than it is awake."""
    sent: list[str] = []
    real, offset = time.time, 0.0
    monkeypatch.setattr(HeartbeatScheduler, "apply_async", lambda self, entry, **_: sent.append(entry.name))
    monkeypatch.setattr("gallery.jobs.tasks.try_heartbeat", lambda kind: None)
    daily = {"daily": {"task": "none", "schedule": schedule(86_400, app=app)}}
    monkeypatch.setattr(app.conf, "beat_schedule", daily)
    monkeypatch.setattr(app, "now", lambda: datetime.fromtimestamp(real() + offset, UTC))
    monkeypatch.setattr("gallery.jobs.tasks.time.time", lambda: real() + offset)
    scheduler = HeartbeatScheduler(app, schedule_filename=str(tmp_path / "schedule"))
    for _ in range(50):
        scheduler.tick()
        offset += HOURS
    for _ in range(3):
        scheduler.tick()
    assert sent.count("daily") == 4
    scheduler.sync()


@pytest.mark.servers
@pytest.mark.slow
@pytest.mark.parametrize("make", [embedded, served])
def test_no_photo_is_stuck_or_done_twice_when_the_clock_of_real_processes_jumps(
    make: Callable[..., AbstractContextManager[Scene]], tmp_path: Path, demo: tuple[Path, Path]
) -> None:
    """Of all of them: web server, worker, scheduler, commands, PostgreSQL and Redis."""
    if not WallClock.is_possible():
        pytest.skip("NOT TESTED: no C compiler is installed here, so no clock can be turned")
    if make is served and not (servers.redis_program() and servers.postgres_folder()):
        pytest.skip("NOT TESTED: redis-server or PostgreSQL is not installed here")
    clock = WallClock(tmp_path / "clock")
    with make(tmp_path / "site", demo[0], **clock.environment) as scene:
        log = scene.site.folder / "read.log"
        scene.start_web()
        scene.upload(6)
        scene.start_worker(APP, FAULTS_LOG=str(log), FAULTS_SLOW="3", CONCURRENCY="2")
        for seconds in (HOURS, -2 * HOURS, HOURS):
            wait_for(lambda: scene.site.rows(HELD), "a photo in hand", 60)
            clock.turn(int(seconds))
            scene.upload(2)
        scene.settle()
        scene.end_worker(signal.SIGTERM)
        read = log.read_text().splitlines()
        assert len(read) == len(set(read)) == 12
        scene.check()
        scene.upload(1)
        scene.start_worker(APP, FAULTS_SLOW="60")
        wait_for(lambda: scene.site.rows(HELD), "a photo in hand", 60)
        scene.end_worker(signal.SIGKILL)
        clock.turn(int(-HOURS))
        scene.start_worker()
        scene.settle(40)
        scene.check()

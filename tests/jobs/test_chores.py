"""Chores: however many schedulers ask, one process at a time does them, and not more often than is due."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.conf import settings

from facesite.celery import app
from gallery.jobs import leases
from gallery.jobs.leases import hold_chore
from gallery.models import Chore, Status
from gallery.models.clock import get_database_time

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The database's time, which a test sets."""
    now = [get_database_time()]
    monkeypatch.setattr(leases, "get_database_time", lambda: now[0])
    return now


def test_a_chore_is_done_once_however_many_schedulers_ask(clock: list[datetime]) -> None:
    done = []
    for _ in range(3):
        with hold_chore("sweep", 10) as is_ours:
            done.append(is_ours)
    assert done == [True, False, False]
    clock[0] += timedelta(seconds=6)
    with hold_chore("sweep", 10) as is_ours:
        assert is_ours


def test_a_chore_that_another_process_does_is_left_to_it_until_its_lease_has_run_out(
    clock: list[datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    until = clock[0] + timedelta(seconds=30)
    Chore.objects.create(name="sweep", work=Status.PROCESSING, lease_owner="dead:1", lease_until=until)
    with hold_chore("sweep", 10) as is_ours:
        assert not is_ours
    clock[0] += timedelta(seconds=31)
    with hold_chore("sweep", 10) as is_ours:
        assert is_ours


def test_what_the_scheduler_sends_is_a_chore_and_outlives_clocks_that_differ_by_minutes() -> None:
    for entry in settings.CELERY_BEAT_SCHEDULE.values():
        assert entry["kwargs"] == {"every": entry["schedule"]}
        assert entry["options"].get("expires", 900) >= 900


def test_what_a_person_asks_for_is_done_whenever_it_was_last_done(monkeypatch: pytest.MonkeyPatch) -> None:
    import gallery.tasks  # noqa: F401 -- registers them

    Chore.objects.create(name="forget_old", work=Status.DONE)
    app.tasks["forget_old"].run()
    chore = Chore.objects.get()
    assert chore.started_at is None
    app.tasks["forget_old"].run(every=3600.0)
    chore.refresh_from_db()
    assert chore.started_at is not None
    assert chore.work == Status.DONE


def test_a_clock_that_jumps_during_a_chore_does_not_put_off_the_next(clock: list[datetime]) -> None:
    with hold_chore("sweep", 10):
        clock[0] += timedelta(days=365)
    clock[0] += timedelta(seconds=110)
    with hold_chore("sweep", 10) as is_ours:
        assert is_ours

"""A worker that is killed, and a scheduler, are said to be dead within a minute; by real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from tests.servers import wait_for
from tests.site import ROOT, Site, stop_group

pytestmark = [pytest.mark.servers, pytest.mark.slow]

NAMES = "answer = dict(WorkerBeat.objects.values_list('kind', 'name'))"
OTHERS = "answer = dict(WorkerBeat.objects.exclude(name__in={names}).values_list('kind', 'name'))"
# What the jobs page says when it is asked so many seconds from now: time is put forward, not waited for.
SAID = """
import re
from datetime import timedelta
from unittest import mock
from django.test import Client
from django.utils import timezone
client = Client(SERVER_NAME="localhost")
client.force_login(User.objects.filter(username="kim").first() or User.objects.create_user("kim", role="curator"))
later = timezone.now() + timedelta(seconds={seconds})
with mock.patch("django.utils.timezone.now", lambda: later), mock.patch(
    "gallery.models.clock.get_database_time", lambda: later
):
    text = client.get("/jobs/").content.decode()
answer = re.findall(r"(worker|scheduler) (\\S+) has not been heard of", text)
"""
BUSY = """
from gallery.jobs.dispatch import send_task
for number in range(200):
    send_task("forget_old")
answer = 1
"""


def test_a_worker_whose_scheduler_is_killed_ends_to_be_started_again(site: Site) -> None:
    worker = site.start_worker()
    try:
        wait_for(lambda: len(site.ask(NAMES)) == 2, "both to say that they live", 60)
        os.kill(int(site.ask(NAMES)["scheduler"].rsplit(":", 1)[1]), signal.SIGKILL)
        assert worker.wait(30) == 0
    finally:
        stop_group(worker, signal.SIGKILL)


def said(site: Site, seconds: float) -> dict[str, str]:
    found: list[Any] = site.ask(SAID.format(seconds=seconds))
    return dict(found)


def test_a_killed_worker_and_its_scheduler_are_named_within_a_minute(site: Site) -> None:
    worker = site.start_worker()
    try:
        wait_for(lambda: len(site.ask(NAMES)) == 2, "both to say that they live", 60)
        names = site.ask(NAMES)
        assert said(site, 15) == {}
    finally:
        stop_group(worker, signal.SIGKILL)
    assert said(site, 60) == names
    again = site.start_worker()
    try:
        wait_for(
            lambda: len(site.ask(OTHERS.format(names=[*names.values()]))) == 2, "others in their place", 90
        )
        wait_for(lambda: not said(site, 30), "nobody to be missed", 20)
    finally:
        stop_group(again)
    assert said(site, 60) == {}  # who ends in an orderly way is not missed


def test_the_scheduler_lives_however_long_the_queue_is(site: Site) -> None:
    """It runs alone here, as in the compose file: nobody takes anything from the queue."""
    site.ask("WorkerBeat.objects.all().delete()\n" + BUSY)
    command = [sys.executable, "-m", "celery", "-q", "-A", "facesite", "beat", "--schedule"]
    scheduler = subprocess.Popen(
        [*command, str(site.folder / "alone")], cwd=ROOT, env=site.environment, start_new_session=True
    )
    try:
        wait_for(lambda: "scheduler" in site.ask(NAMES), "the scheduler", 60)
        assert "scheduler" not in said(site, 15)
    finally:
        stop_group(scheduler)

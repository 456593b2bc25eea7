"""Broker and database killed, restarted and away; SQLite locked for longer than anybody waits."""

from __future__ import annotations

import http.client
import shutil
import signal
import sqlite3
import threading
import time
from contextlib import closing

import pytest

from tests.faults.client import Answer, Uploader
from tests.faults.scene import Scene
from tests.servers import wait_for

pytestmark = [pytest.mark.servers, pytest.mark.slow]

AWAY = 4.0  # seconds
BUSY = "The database is busy or away. Try again in a moment; nothing is taken twice."


def page(uploader: Uploader, path: str) -> tuple[int, str]:
    line = http.client.HTTPConnection("127.0.0.1", uploader.port, timeout=60)
    line.request("GET", path, headers={**uploader.headers(), "Accept": "text/html"})
    response = line.getresponse()
    return response.status, response.read().decode()


def test_photos_are_accepted_while_the_broker_is_away(large: Scene) -> None:
    large.start_web()
    large.end_worker()
    large.upload(1)  # the web server has a connection to it by now
    assert large.redis
    large.redis.kill()
    started = time.monotonic()
    answers = [large.uploader.upload(*large.picture()) for _ in range(4)]
    assert [answer.kind for answer in answers] == ["added"] * 4
    assert time.monotonic() - started < 40
    large.start_worker()
    time.sleep(AWAY)
    large.redis.start()
    large.settle()
    large.check()


def test_a_broker_killed_with_work_in_hand_loses_nothing(large: Scene) -> None:
    large.start_web()
    large.end_worker()
    large.upload(12, scale=4)
    left = large.unsettled()
    large.start_worker()
    wait_for(lambda: large.unsettled() < left, "the worker to begin", 60)
    assert large.redis
    large.redis.kill()
    time.sleep(AWAY)
    large.redis.start()
    large.upload(1)
    large.settle()
    large.check()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["restarted", "killed"])
def test_a_database_that_goes_away_is_said_and_loses_nothing(large: Scene, number: int) -> None:
    large.start_web()
    large.end_worker()
    large.upload(10, scale=4)
    left = large.unsettled()
    large.start_worker()
    wait_for(lambda: large.unsettled() < left, "the worker to begin", 60)
    assert large.postgres
    large.postgres.child.send_signal(number)
    large.postgres.child.wait(20)
    content, name = large.picture()
    answer = large.uploader.upload(content, name)
    assert answer == Answer(503, sentence=BUSY, retry_after="30")
    status, text = page(large.uploader, "/")
    assert (status, BUSY in text) == (503, True)
    time.sleep(AWAY)
    large.postgres.start()
    large.uploader.until_accepted(content, name)
    large.settle()
    large.check()


def test_an_embedded_broker_that_is_gone_loses_nothing(small: Scene) -> None:
    small.start_web()
    small.end_worker()
    folder = small.site.folder / "broker"
    wait_for(folder.exists, "the web server to have begun")
    shutil.rmtree(folder)
    small.upload(3)
    small.start_worker()
    small.settle()
    small.check()


def test_a_locked_database_is_said_and_loses_nothing(small: Scene) -> None:
    """Another program writes for longer than web and worker wait."""
    small.site.environment["DJANGO_SETTINGS_MODULE"] = "tests.faults.impatient"
    small.end_web()
    small.end_worker()
    small.start_web()
    small.upload(6, scale=4)
    left = small.unsettled()
    small.start_worker()
    wait_for(lambda: small.unsettled() < left, "the worker to begin", 60)
    content, name = small.picture()
    with closing(sqlite3.connect(small.site.folder / "facesite.sqlite3", timeout=20)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = small.uploader.upload(content, name)
        several = [threading.Thread(target=small.uploader.upload, args=small.picture()) for _ in range(3)]
        for each in several:
            each.start()
        for each in several:
            each.join()
        time.sleep(AWAY)
        other.rollback()
    assert (answer.kind, answer.sentence) == ("failed", BUSY)
    assert not any(each.is_accepted for each in small.uploader.answers[-3:])
    small.uploader.until_accepted(content, name)
    small.settle()
    small.check()

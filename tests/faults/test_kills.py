"""Web and worker killed with kill -9 at random moments, with many uploads in flight."""

from __future__ import annotations

import random
import signal
import threading
import time

import pytest

from tests.faults.scene import Scene
from tests.servers import wait_for

pytestmark = [pytest.mark.servers, pytest.mark.slow]

CLIENTS, EACH, KILLS = 6, 4, 3


def upload_all(scene: Scene) -> list[threading.Thread]:
    """Several people at once, each sending again what was not taken."""
    photos = [[scene.picture() for _ in range(EACH)] for _ in range(CLIENTS)]

    def send(own: list[tuple[bytes, str]]) -> None:
        for content, name in own:
            scene.uploader.until_accepted(content, name)

    threads = [threading.Thread(target=send, args=(own,)) for own in photos]
    for thread in threads:
        thread.start()
    return threads


def test_what_was_accepted_survives_kills_of_the_web_server(scene: Scene) -> None:
    dice = random.Random(20)
    scene.start_web()
    uploader = scene.uploader
    threads = upload_all(scene)
    for _ in range(KILLS):
        taken = len(uploader.promised)
        wait_for(
            lambda before=taken: len(uploader.promised) > before or not is_busy(threads), "an upload", 60
        )
        time.sleep(dice.random() * 0.3)
        scene.end_web(signal.SIGKILL)
        scene.start_web()
    for thread in threads:
        thread.join(120)
    assert len(uploader.promised) == CLIENTS * EACH
    assert any(answer.status == 0 for answer in uploader.answers), (
        "no upload was in flight when it was killed"
    )
    scene.start_worker()
    scene.settle()
    scene.end_worker(signal.SIGTERM)
    scene.check()
    assert len(scene.site.rows("SELECT 1 FROM gallery_photo")) == CLIENTS * EACH
    assert scene.leftovers() == []


def is_busy(threads: list[threading.Thread]) -> bool:
    return any(thread.is_alive() for thread in threads)


def test_photos_survive_kills_of_the_worker_at_any_moment(scene: Scene) -> None:
    dice = random.Random(21)
    scene.start_web()
    scene.upload(15, scale=4)
    for _ in range(2):
        left = scene.unsettled()
        scene.start_worker()
        wait_for(lambda before=left: scene.unsettled() < before, "the worker to do something", 60)
        time.sleep(dice.random())
        scene.end_worker(signal.SIGKILL)
    assert scene.unsettled(), "the worker was done before it was killed; nothing was tested"
    scene.start_worker()
    scene.settle()
    scene.end_worker(signal.SIGTERM)
    scene.check(may_fail=True)
    assert scene.states().get("failed", 0) <= 1  # only one that was in hand twice

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

CLIENTS, KILLS, MOST_KILLS = 6, 3, 20
PILE = 15  # photos that wait when a worker is about to be killed


class Crowd:
    """Several people at once, who send photo after photo, each again until it is taken, until told to stop."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.enough = threading.Event()
        self.failures: list[BaseException] = []
        self.threads = [threading.Thread(target=self.send) for _ in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def send(self) -> None:
        try:
            while not self.enough.is_set():
                self.scene.upload(1)
        except BaseException as failure:  # a thread's own would only be printed
            self.failures.append(failure)

    def end(self) -> None:
        self.enough.set()
        for thread in self.threads:
            thread.join(120)
        assert self.failures == []


def test_what_was_accepted_survives_kills_of_the_web_server(scene: Scene) -> None:
    dice = random.Random(20)
    scene.start_web()
    uploader = scene.uploader
    crowd = Crowd(scene)
    try:
        for count in range(1, MOST_KILLS + 1):
            taken = len(uploader.promised)
            wait_for(lambda before=taken: len(uploader.promised) > before, "an upload", 60)
            time.sleep(dice.random() * 0.3)
            scene.end_web(signal.SIGKILL)
            scene.start_web()
            if count >= KILLS and any(answer.was_cut_off for answer in uploader.answers):
                break
    finally:
        crowd.end()
    assert any(answer.was_cut_off for answer in uploader.answers), (
        "no upload was in flight when it was killed"
    )
    assert len(uploader.promised) == scene.made
    scene.start_worker()
    scene.settle()
    scene.end_worker(signal.SIGTERM)
    scene.check()
    assert len(scene.site.rows("SELECT 1 FROM gallery_photo")) == scene.made
    assert scene.leftovers() == []


def test_photos_survive_kills_of_the_worker_at_any_moment(scene: Scene) -> None:
    dice = random.Random(21)
    scene.start_web()
    for _ in range(2):
        scene.upload(PILE - scene.unsettled(), scale=4)
        left = scene.unsettled()
        scene.start_worker()
        wait_for(lambda before=left: scene.unsettled() < before, "the worker to do something", 60)
        time.sleep(dice.random() * 0.5)
        scene.end_worker(signal.SIGKILL)
    assert scene.unsettled(), "the worker was done before it was killed; nothing was tested"
    scene.start_worker()
    scene.settle()
    scene.end_worker(signal.SIGTERM)
    scene.check(may_fail=True)
    assert scene.states().get("failed", 0) <= 1  # only one that was in hand twice

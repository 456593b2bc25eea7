"""Workers that die of a photo, are told to end, are replaced by a newer version, or miss their models."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from pathlib import Path

import pytest

from tests.faults.scene import Scene
from tests.servers import wait_for

pytestmark = [pytest.mark.servers, pytest.mark.slow]

APP = "tests.faults.app"
HELD = "SELECT attempts FROM gallery_photo WHERE work = 'processing'"
OLD_MESSAGES = """
from facesite.celery import app
app.send_task("gallery.tasks.renamed_since", args=[1])
app.send_task("gallery.tasks.process_photo", kwargs={"photo": 1})
app.send_task("gallery.tasks.process_photo", args=["none", 2, 3])
app.send_task("gallery.tasks.process_photo", args=[{"pk": 1}])
answer = 1
"""
DOUBLED = """
from facesite.celery import app
for pk in Photo.objects.filter(work="queued").values_list("pk", flat=True):
    for _ in range(3):
        app.send_task("gallery.tasks.process_photo", args=[pk])
    app.send_task("gallery.tasks.sweep")
answer = 1
"""


def test_a_photo_that_kills_its_worker_twice_is_set_aside_and_the_rest_goes_on(scene: Scene) -> None:
    scene.start_web()
    content, name = scene.picture()
    scene.uploader.until_accepted(content, name)
    sha256 = hashlib.sha256(content).hexdigest()
    log = scene.site.folder / "read.log"
    scene.start_worker(APP, FAULTS_DEADLY=f"{sha256}.jpg", FAULTS_LOG=str(log))
    scene.upload(3)
    scene.settle()
    scene.end_worker(signal.SIGTERM)
    assert log.read_text().count(sha256) == 2  # and no third time
    failed = scene.site.rows("SELECT sha256, failure_code FROM gallery_photo WHERE work = 'failed'")
    assert failed == [(sha256, "worker_stopped")]
    scene.check(may_fail=True)


def test_a_worker_told_to_end_finishes_or_gives_back_what_it_holds(scene: Scene) -> None:
    """First politely, as on a deployment; then all its processes at once, as a system's shutdown does."""
    scene.start_web()
    scene.upload(5)
    scene.start_worker(APP, FAULTS_SLOW="1")
    wait_for(lambda: scene.site.rows(HELD), "a photo in hand", 60)
    scene.end_worker(signal.SIGTERM)
    assert scene.site.rows(HELD) == []
    left = scene.unsettled()
    assert left, "all were done before it was stopped; nothing was tested"
    log = scene.site.folder / "slow.log"
    scene.start_worker(APP, FAULTS_SLOW="20", FAULTS_LOG=str(log))
    wait_for(log.exists, "a photo to be read", 60)
    assert scene.worker
    os.killpg(scene.worker.pid, signal.SIGTERM)
    wait_for(lambda: not scene.site.rows(HELD), "the photo to be given back", 15)
    attempts = scene.site.rows("SELECT MAX(attempts) FROM gallery_photo WHERE work = 'queued'")
    assert attempts == [(0,)], "being told to end counted as an attempt"
    scene.end_worker()
    scene.start_worker()
    scene.settle()
    scene.check()


def test_messages_of_another_version_do_not_stop_the_worker(scene: Scene) -> None:
    scene.start_web()
    scene.end_worker()
    scene.upload(2)
    scene.site.ask(OLD_MESSAGES)
    spoil(scene.site.folder / "broker" / "queue")
    scene.upload(2)
    scene.start_worker()
    scene.settle()
    assert scene.worker
    assert scene.worker.poll() is None
    scene.check()


def spoil(queue: Path) -> None:
    """Messages as a power cut may leave them, in an embedded broker: empty, torn, of another kind."""
    if queue.exists():
        for number, content in enumerate((b"", b'{"body": "W1', b"[]", b"\xff\xfe")):
            (queue / f"{number}_spoilt.facesite.msg").write_bytes(content)


def test_two_schedulers_and_many_doubled_messages_process_no_photo_twice(scene: Scene) -> None:
    scene.start_web()
    scene.end_worker()
    scene.upload(8)
    scene.site.ask(DOUBLED)
    log = scene.site.folder / "once.log"
    scene.start_worker(APP, FAULTS_LOG=str(log), FACESITE_SWEEP_SECONDS="0.5")
    other = scene.site.start_worker(
        APP, FAULTS_LOG=str(log), FACESITE_SWEEP_SECONDS="0.5", SCHEDULE=str(scene.site.folder / "other")
    )
    try:
        scene.settle()
        time.sleep(2)
    finally:
        other.terminate()
        other.wait(20)
    read = log.read_text().splitlines()
    assert len(read) == len(set(read)) == 8
    scene.check()


def test_what_is_scheduled_does_not_wait_behind_photos(scene: Scene) -> None:
    """Its messages expire within seconds or minutes, and a queue may be as long as a night."""
    scene.start_web()
    scene.end_worker()
    scene.upload(6)
    dead = "work='processing', lease_owner='gone:1', lease_until='2020-01-01T00:00Z', attempts=1"
    scene.site.ask(f"Photo.objects.filter(pk=Photo.objects.last().pk).update({dead})\nanswer = 1")
    scene.start_worker(APP, FAULTS_SLOW="2")
    held = "SELECT 1 FROM gallery_photo WHERE lease_owner = 'gone:1'"
    wait_for(lambda: not scene.site.rows(held), "the sweep to find what a dead worker held", 60)
    assert scene.unsettled() > 2, "the sweep came after the photos"
    scene.end_worker()
    scene.start_worker()
    scene.settle()
    scene.check()


def test_work_goes_on_when_a_process_that_waits_for_work_is_killed(scene: Scene) -> None:
    """With the embedded broker it holds what others would wait for: the worker ends then, to be started again."""
    scene.start_web()
    scene.end_worker()
    scene.site.ask("answer = WorkerBeat.objects.all().delete()[0]")
    scene.start_worker(FACESITE_SWEEP_SECONDS="3600")
    scene.upload(1)
    scene.settle()
    beats = "SELECT name FROM gallery_workerbeat WHERE kind = 'worker'"
    ((name,),) = scene.site.rows(beats)
    time.sleep(1)  # until it waits again, which nothing tells
    os.kill(int(name.rpartition(":")[2]), signal.SIGKILL)
    scene.upload(1)
    worker = scene.worker
    wait_for(
        lambda: worker and (not scene.unsettled() or worker.poll() is not None), "the photo, or the end", 60
    )
    if scene.unsettled():
        scene.end_worker()
        scene.start_worker()
    scene.settle()
    scene.check()


def test_photos_wait_for_models_that_are_missing(scene: Scene) -> None:
    scene.start_web()
    scene.end_worker()
    scene.upload(2)
    scene.start_worker(APP, FAULTS_MISSING="face_recognition_models")
    waits = "SELECT COUNT(*) FROM gallery_photo WHERE work = 'queued' AND failure <> '' AND attempts = 0"
    wait_for(lambda: scene.site.rows(waits) == [(scene.unsettled(),)], "both to wait for the model", 60)
    assert scene.unsettled() >= 2
    scene.end_worker(signal.SIGTERM)
    scene.site.ask("Photo.objects.update(queued_at=None)\nanswer = 1")  # a minute has passed
    scene.start_worker()
    scene.settle()
    scene.check()

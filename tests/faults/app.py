"""The site's Celery application with a worker that misbehaves, as its environment says.

Run as ``celery -A tests.faults.app worker``.

FAULTS_DEADLY    name of a file below media: reading it kills the worker process, as an exhausted memory would
FAULTS_SLOW      seconds that reading any photo takes
FAULTS_LOG       a file that gets a line for every photo read
FAULTS_MISSING   a package that seems not to be installed
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from celery.signals import worker_process_init

from facesite.celery import app

__all__ = ["app"]


@worker_process_init.connect
def misbehave(**_: Any) -> None:
    from gallery.index import engine
    from recognition import weights
    from recognition.images import Photo, Turned

    read, has_package = engine.read_photo, weights.has_package

    def reading(photo: Turned | Path) -> Photo:
        path = Path(str(photo.file)) if isinstance(photo, Turned) else photo
        if log := os.environ.get("FAULTS_LOG"):
            with Path(log).open("a") as file:
                file.write(f"{path.name}\n")
        if path.name == os.environ.get("FAULTS_DEADLY"):
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(float(os.environ.get("FAULTS_SLOW", "0")))
        return read(photo)

    def having(package: str) -> bool:
        return package != os.environ.get("FAULTS_MISSING") and has_package(package)

    engine.read_photo = reading
    weights.has_package = having

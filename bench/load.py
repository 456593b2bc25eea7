"""Uploads a second, and how long each takes, through the web server as `make run` starts it.

    python -m bench.load [--seconds 20] [--clients 8] [--kilobytes 200 3000]

Clients and servers share this machine and talk over its loopback; an upload counts when its answer says that the
photo is safe. Once on SQLite with the embedded broker, once on PostgreSQL with Redis; without a worker and with one
that processes what comes in. Writes bench/out/load.json and prints a table.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from bench.__main__ import OUT
from gallery.management.demo import prepare_demo_folders
from tests.faults.pictures import portrait
from tests.faults.scene import Scene, embedded, served
from tests.servers import is_open, wait_for
from tests.site import ROOT, stop_group

UNLIMITED = {"FACESITE_UPLOADS_PER_HOUR": "1000000", "FACESITE_UPLOAD_GB_PER_HOUR": "100000"}
PLACES = {"SQLite, embedded broker": embedded, "PostgreSQL, Redis": served}
Row = dict[str, Any]


def photo(people: Path, kilobytes: int) -> bytes:
    """A portrait of 960 pixels, made so large by bytes after its end; the site hashes and syncs all of them."""
    jpeg = portrait(people, 1, scale=4)
    return jpeg + os.urandom(max(0, 1000 * kilobytes - len(jpeg)))


def start_web(scene: Scene) -> subprocess.Popen[bytes]:
    """With the processes and threads that `manage.py serve` gives it."""
    code = (
        "import django; django.setup()\n"
        "from gallery.management.commands.serve import web_command\n"
        f"print(*web_command('127.0.0.1', {scene.port}, None), sep='\\n')"
    )
    asked = ["-c", code]
    environment = {**scene.site.environment, "DJANGO_SETTINGS_MODULE": "facesite.settings"}
    command = subprocess.run(
        [sys.executable, *asked], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    ).stdout.split("\n")[:-1]
    child = subprocess.Popen(
        command, cwd=ROOT, env=environment, start_new_session=True, stderr=subprocess.DEVNULL
    )
    wait_for(lambda: is_open(scene.port), "the web server")
    return child


def hammer(scene: Scene, body: bytes, clients: int, seconds: float) -> Row:
    numbers, times, others = itertools.count(), list[float](), Counter[str]()
    until, run = time.monotonic() + seconds, uuid.uuid4()

    def send() -> None:
        while (began := time.monotonic()) < until:
            number = next(numbers)
            tail = f"{run}-{number}".encode()
            answer = scene.uploader.upload(body + tail, f"{number}.jpg")
            if answer.kind == "added":
                times.append(time.monotonic() - began)
            else:
                others[f"{answer.status} {answer.kind} {answer.sentence}"] += 1

    threads = [threading.Thread(target=send) for _ in range(clients)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    cuts = statistics.quantiles(times, n=100)
    return {
        "uploads": len(times),
        "not taken": dict(others),
        "a second": round(len(times) / seconds, 1),
        "median ms": round(1000 * cuts[49]),
        "p95 ms": round(1000 * cuts[94]),
        "longest ms": round(1000 * max(times)),
    }


def measure(place: str, people: Path, folder: Path, options: argparse.Namespace) -> list[Row]:
    make = PLACES[place]
    opened: AbstractContextManager[Scene] = make(folder, people, **UNLIMITED)
    rows = []
    with opened as scene:
        _ = scene.uploader
        web = start_web(scene)
        try:
            for kilobytes, has_worker in itertools.product(options.kilobytes, (False, True)):
                if has_worker:
                    scene.start_worker()
                    time.sleep(8)  # until it works
                body = photo(people, kilobytes)
                hammer(scene, body, 2, 2)  # warm
                found = hammer(scene, body, options.clients, options.seconds)
                scene.end_worker()
                rows.append({"on": place, "KB": kilobytes, "worker": has_worker, **found})
        finally:
            stop_group(web)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--kilobytes", type=int, nargs="+", default=[200, 3000])
    options = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        people, _ = prepare_demo_folders(Path(name) / "portraits")
        for number, place in enumerate(PLACES):
            folder = Path(name) / str(number)
            folder.mkdir()
            rows += measure(place, people, folder, options)
    OUT.mkdir(exist_ok=True)
    (OUT / "load.json").write_text(json.dumps(rows, indent=1))
    print("| " + " | ".join(rows[0]) + " |")
    print("|" + "---|" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join(str(value) for value in row.values()) + " |")


if __name__ == "__main__":
    main()

"""Random load with random kills of all parts, for as long as one likes; everything is checked at the end.

    python -m tests.faults.soak [--minutes 30] [--seed 1] [--on embedded|served|both]

Prints a line of JSON for each installation: how many faults of which kind, and what became of the photos.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg

from gallery.management.demo import prepare_demo_folders
from tests.faults.scene import Scene, embedded, served

CLIENTS = 3
BACKLOG = 40  # photos that wait, above which nobody sends more: the machine is not what is tested
REBUILD = """
from facesite.celery import app
app.send_task("gallery.tasks.request_build", args=["soak", None, True])
app.send_task("gallery.tasks.sweep")
answer = 1
"""


class Soak:
    def __init__(self, scene: Scene, seed: int) -> None:
        self.scene = scene
        self.dice = random.Random(seed)
        self.faults: Counter[str] = Counter()
        self.is_over = threading.Event()
        self.lock = threading.Lock()
        self.acts: dict[str, Callable[[], None]] = {
            "web server killed": self.kill_web,
            "worker killed": self.kill_worker,
            "worker stopped": self.stop_worker,
            "index rebuilt": self.rebuild,
        }
        if scene.redis:
            self.acts |= {"Redis killed and away": self.kill_redis}
        if scene.postgres:
            self.acts |= {
                "PostgreSQL killed and away": lambda: self.end_postgres(signal.SIGKILL),
                "PostgreSQL restarted": lambda: self.end_postgres(signal.SIGINT),
            }
        else:
            self.acts |= {"SQLite locked": self.lock_sqlite}

    def run(self, seconds: float) -> dict[str, object]:
        self.scene.site.manage("import_people", str(self.scene.people))
        _ = self.scene.uploader  # signed in before anything breaks
        self.scene.start_web()
        self.scene.start_worker()
        clients = [threading.Thread(target=self.send) for _ in range(CLIENTS)]
        for each in clients:
            each.start()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(self.dice.uniform(1, 5))
            act = self.dice.choice(sorted(self.acts))
            self.acts[act]()
            self.faults[act] += 1
        self.is_over.set()
        for each in clients:
            each.join()
        return self.judge(seconds)

    def judge(self, seconds: float) -> dict[str, object]:
        """Wait until all is settled, and look at everything."""
        self.scene.settle(300)
        self.scene.end_worker(signal.SIGTERM)
        self.scene.end_web(signal.SIGTERM)
        self.scene.check(may_fail=True)
        assert self.scene.leftovers() == []
        (index,) = self.scene.site.json("verify_index", is_checked=False)
        answers = Counter(answer.kind or f"status {answer.status}" for answer in self.scene.uploader.answers)
        return {
            "seconds": seconds,
            "faults": dict(self.faults),
            "answers": dict(answers),
            "promised": len(self.scene.uploader.promised),
            "photos": self.scene.states(),
            "index": index,
        }

    def send(self) -> None:
        while not self.is_over.is_set():
            with self.lock:
                content, name = self.scene.picture(scale=2)
            while not self.is_over.is_set() and not self.scene.uploader.upload(content, name).is_accepted:
                self.is_over.wait(0.5)
            while not self.is_over.is_set() and self.is_behind():
                self.is_over.wait(1)

    def is_behind(self) -> bool:
        try:
            return self.scene.unsettled() > BACKLOG
        except (sqlite3.Error, psycopg.Error):  # it is away, by our own doing
            return True

    def kill_web(self) -> None:
        self.scene.end_web(signal.SIGKILL)
        self.scene.start_web()

    def kill_worker(self) -> None:
        self.scene.end_worker(signal.SIGKILL)
        self.scene.start_worker()

    def stop_worker(self) -> None:
        self.scene.end_worker(signal.SIGTERM)
        self.scene.start_worker()

    def rebuild(self) -> None:
        self.scene.site.manage("shell", "-v0", "--no-imports", "-c", REBUILD, is_checked=False)

    def kill_redis(self) -> None:
        assert self.scene.redis
        self.scene.redis.kill()
        time.sleep(self.dice.uniform(0, 5))
        self.scene.redis.start()

    def end_postgres(self, number: int) -> None:
        assert self.scene.postgres
        self.scene.postgres.child.send_signal(number)
        self.scene.postgres.child.wait(30)
        time.sleep(self.dice.uniform(0, 5))
        self.scene.postgres.start()

    def lock_sqlite(self) -> None:
        with closing(sqlite3.connect(self.scene.site.folder / "facesite.sqlite3", timeout=60)) as other:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(self.dice.uniform(1, 6))
            other.rollback()


PLACES = {"embedded": embedded, "served": served}
IMPATIENT = {"DJANGO_SETTINGS_MODULE": "tests.faults.impatient"}


def soak(place: str, folder: Path, people: Path, seconds: float, seed: int) -> dict[str, object]:
    settings = IMPATIENT if place == "embedded" else {}
    with PLACES[place](folder, people, **settings) as scene:
        return {"on": place, "seed": seed, **Soak(scene, seed).run(seconds)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--on", choices=[*PLACES, "both"], default="both")
    options = parser.parse_args()
    places = list(PLACES) if options.on == "both" else [options.on]
    with tempfile.TemporaryDirectory() as name:
        people, _ = prepare_demo_folders(Path(name) / "portraits")
        for place in places:
            folder = Path(name) / place
            folder.mkdir()
            seconds = 60 * options.minutes / len(places)
            sys.stdout.write(json.dumps(soak(place, folder, people, seconds, options.seed)) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()

"""Runs a soak and prints, as the last line of stdout, one JSON document of what was counted and what holds.

    python -m bench.soak [--minutes 60] [--seed 1] [--on embedded|served] [--break lose|double|leak|decision|...]

A site of its own, in a directory of its own: web server, worker and scheduler as real processes, on SQLite with the
embedded broker, or `served` by PostgreSQL and Redis. Photos come all the time; faces are named, people added,
indexes built, embedders switched, backups made, people and photos erased; parts are killed and come back. Seven days
pass: all processes have a wall clock that leaps ahead every few moments, and now and then an hour back
(tests/faults/clock.c, which takes a C compiler; without one the day is today). Between two leaps time goes at its
own pace, and files are as old as they are. Exit code 1 when a promise is broken.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.soak.breaks import BREAKS, EARLY
from bench.soak.owner import Owner
from bench.soak.promises import PROMISES
from bench.soak.week import Week
from gallery.management.demo import prepare_demo_folders
from tests.faults.clock import WallClock
from tests.faults.scene import embedded, served

SHORT_MINUTES = 5  # below which leases are short, or nobody would see one run out
BUILDS = "SELECT embedder_id, COUNT(*) FROM gallery_build WHERE work = 'done' GROUP BY embedder_id"
PLACES = {"embedded": embedded, "served": served}


def settings_for(minutes: float) -> dict[str, str]:
    found = {
        "FACESITE_BACKUP_HOURS": "24",
        "FACESITE_BACKUP_KEEP": "3",
        "FACESITE_UPLOADS_PER_HOUR": "1000000",
        "FACESITE_API_CALLS_PER_MINUTE": "100000",
    }
    if minutes >= SHORT_MINUTES:
        found |= {"FACESITE_LEASE_SECONDS": "40", "FACESITE_SWEEP_SECONDS": "10", "FACESITE_IDENTIFY": "yes"}
    return found


@contextmanager
def open_week(place: str, folder: Path, people: Path, minutes: float, seed: int) -> Iterator[Week]:
    """A site with some people, which recognises them by dlib and may switch to SFace."""
    clock = WallClock(folder / "clock") if WallClock.is_possible() else None
    (folder / "site").mkdir()
    environment = {**settings_for(minutes), **(clock.environment if clock else {})}
    with PLACES[place](folder / "site", people, **environment) as scene:
        scene.site.environment["FACESITE_EMBEDDER"] = "dlib"
        scene.site.manage("import_people", str(people))
        scene.site.manage("build_index")
        del scene.site.environment["FACESITE_EMBEDDER"]
        _ = scene.uploader
        scene.site.ask("answer = User.objects.update(role='admin', is_staff=True, is_superuser=True)")
        scopes = ("--scopes", "read,upload,decide,curate", "--days", "365")
        (made,) = scene.site.json("create_api_key", "Uploader", *scopes)
        owner = Owner(scene, made["key"], random.Random(seed))
        yield Week(scene, owner, clock, random.Random(seed + 1), 60 * minutes)


def judge(week: Week) -> dict[str, Any]:
    """Each promise, and what breaks it."""
    wrong = {name: check(week) for name, check in PROMISES.items()}
    ledger, uploads = week.owner.ledger, week.scene.uploader
    return {
        "days": round(week.clock.seconds / 86_400, 1) if week.clock else None,
        "leaps": week.leaps,
        "faults": dict(week.faults),
        "acts": dict(ledger.acts),
        "answers": dict(ledger.statuses),
        "uploads": dict(Counter(answer.kind or f"status {answer.status}" for answer in uploads.answers)),
        "accepted": len(uploads.promised),
        "decisions": len(ledger.decisions),
        "erased": len(week.owner.list_erased()),
        "photos": week.scene.states(),
        "builds": dict(week.scene.site.rows(BUILDS)),
        "memory": week.memory(),
        "promises": {name: not each for name, each in wrong.items()},
        "wrong": {name: each[:10] for name, each in wrong.items() if each},
    }


def soak(
    place: str, folder: Path, people: Path, minutes: float, seed: int, breaks: str = ""
) -> dict[str, Any]:
    with open_week(place, folder, people, minutes, seed) as week:
        if breaks in EARLY:
            BREAKS[breaks](week)
        week.run()
        if breaks and breaks not in EARLY:
            BREAKS[breaks](week)
        return {
            "on": place,
            "seed": seed,
            "minutes": minutes,
            "broken on purpose": breaks or None,
            **judge(week),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--on", choices=PLACES, default="embedded")
    parser.add_argument("--break", choices=["", *BREAKS], default=os.environ.get("BREAK", ""), dest="breaks")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        people, _ = prepare_demo_folders(Path(name) / "portraits")
        found = soak(options.on, Path(name), people, options.minutes, options.seed, options.breaks)
    print(json.dumps(found))
    sys.exit(0 if all(found["promises"].values()) else 1)


if __name__ == "__main__":
    main()

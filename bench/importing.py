"""`import_people` on many images: its pace, its memory, and whether it goes on after Ctrl-C where it stopped.

    python -m bench.importing [--images 10000]

The images are made of the demonstration's portraits, no two alike, ten in each person's folder. The command runs on
a terminal of its own, as somebody would start it, so that it shows its pace and the time left; half way it is
interrupted as by Ctrl-C, and then started again. What is in the database and on the disk at the end is counted.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import re
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance

from bench.__main__ import OUT, ROOT, demonstration, pictures
from bench.process import held_mb

PER_PERSON = 10
PROGRESS = re.compile(r"(\d+)/\d+ \[[\d:]+<([\d:]+), +([\d.]+ images/s|[\d.]+s/ images)\]")
SAMPLES = (0.05, 0.25, 0.45, 0.55, 0.75, 0.95)  # of the images, at which memory is looked at


@dataclass
class Run:
    """One run of the command: what it showed and held, by the share of images done."""

    images: int
    process: subprocess.Popen[bytes]
    done: int = 0
    shown: str = ""  # its last words on pace and time left
    moments: list[tuple[float, int]] = field(default_factory=list)  # when how many were done
    memory: dict[float, float] = field(default_factory=dict)

    def watch(self, terminal: int) -> None:
        """Read the terminal until the command ends."""
        rest = ""
        while True:
            try:
                rest += os.read(terminal, 4096).decode(errors="replace")
            except OSError:  # the other side is closed
                return
            for found in PROGRESS.finditer(rest):
                self._note(int(found[1]), f"{found[3]}, {found[2]} left")
            rest = rest[-200:]

    def _note(self, done: int, shown: str) -> None:
        if done <= self.done:
            return
        self.done, self.shown = done, shown
        self.moments.append((time.monotonic(), done))
        for share in SAMPLES:
            if share not in self.memory and share <= done / self.images < share + 0.1:
                self.memory[share] = held_mb(self.process.pid)

    def pace(self) -> float:
        """Images a second, from a twentieth of all on."""
        counted = [moment for moment in self.moments if moment[1] >= self.images / 20]
        (begin, first), (end, last) = counted[0], counted[-1]
        return (last - first) / (end - begin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000)
    options = parser.parse_args()
    # Or what is started might inherit that Ctrl-C is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as name:
        portraits, _ = demonstration(Path(name))
        people = Path(name) / "people"
        make(pictures(portraits), options.images, people)
        report = measured(people, options.images, Path(name) / "data")
    show(report)
    OUT.mkdir(exist_ok=True)
    (OUT / "importing.json").write_text(json.dumps(report, indent=1))


def make(portraits: list[Path], count: int, folder: Path) -> None:
    """So many pictures: one of the portraits each, cut, lit and sized a little differently."""
    random = np.random.default_rng(3)
    opened = [Image.open(path).convert("RGB") for path in portraits]
    for picture in opened:
        picture.thumbnail((640, 640))
    for number in range(count):
        picture = opened[number % len(opened)]
        left, top, right, bottom = random.uniform(0, 0.08, 4)
        width, height = picture.size
        box = (left * width, top * height, (1 - right) * width, (1 - bottom) * height)
        side = int(random.integers(330, 480))
        made = picture.resize((side, round(side * height / width)), Image.Resampling.BILINEAR, box)
        made = ImageEnhance.Brightness(made).enhance(float(random.uniform(0.8, 1.2)))
        path = folder / f"Person {number // PER_PERSON:05}" / f"{number:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        made.save(path, quality=int(random.integers(82, 95)))


def measured(people: Path, images: int, data: Path) -> dict[str, Any]:
    environment = {**os.environ, "FACESITE_DATA_DIR": str(data), "FACESITE_LOG_LEVEL": "ERROR"}
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
    first, _ = run(people, images, environment, stop_at=images // 2)
    code, kept = first.process.returncode, stored(data)
    second, said = run(people, images, environment)
    after = stored(data)
    return {
        "images": images,
        "photos_a_second": first.pace(),
        "shown": first.shown,
        "memory_mb": {share: held for share, held in first.memory.items() if share < 0.5}
        | {share: held for share, held in second.memory.items() if share > 0.5},
        "stopped": {"at": first.done, "code": code, "kept": kept["references"]},
        "second": {"added": said["added"], "skipped": reasons(said["skipped"]), "people": said["people"]},
        "end": after,
    }


def run(
    people: Path, images: int, environment: dict[str, str], stop_at: int | None = None
) -> tuple[Run, dict[str, Any]]:
    """The command until its end, or interrupted once so many images are done; and what it reports."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("4H", 24, 100, 0, 0))
    command = [sys.executable, "manage.py", "import_people", str(people), "--json"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=its)
    os.close(its)
    watched = Run(images, process)
    watcher = threading.Thread(target=watched.watch, args=(ours,))
    watcher.start()
    while stop_at and watched.done < stop_at and process.poll() is None:
        time.sleep(0.05)
    if stop_at:
        process.send_signal(signal.SIGINT)
    said, _ = process.communicate()
    watcher.join()
    os.close(ours)
    return watched, json.loads(said) if said else {}


def stored(data: Path) -> dict[str, int]:
    """What the database and the disk hold."""
    with closing(sqlite3.connect(f"file:{data}/facesite.sqlite3?mode=ro", uri=True)) as opened:
        asked = (
            "SELECT count(*), count(DISTINCT source_sha256), count(DISTINCT person_id) FROM gallery_reference"
        )
        references, different, persons = opened.execute(asked).fetchone()
        (vectors,) = opened.execute("SELECT count(*) FROM gallery_referencevector").fetchone()
    files = sum(path.is_file() for path in (data / "media" / "references").rglob("*"))
    return {
        "references": references,
        "different": different,
        "vectors": vectors,
        "persons": persons,
        "files": files,
    }


def reasons(skipped: list[dict[str, str]]) -> dict[str, int]:
    """How many were left out as already there, and for other reasons."""
    there = sum(each["reason"].startswith("Already") for each in skipped)
    return {"already there": there, "other": len(skipped) - there}


def show(report: dict[str, Any]) -> None:
    stopped, second, end = report["stopped"], report["second"], report["end"]
    print(
        f"{report['images']} images: {report['photos_a_second']:.1f} a second; it showed: {report['shown']}"
    )
    print("| images done | " + " | ".join(f"{share:.0%}" for share in report["memory_mb"]) + " |")
    print("|---" * (len(report["memory_mb"]) + 1) + "|")
    print("| memory, MB | " + " | ".join(f"{held:.0f}" for held in report["memory_mb"].values()) + " |")
    print(f"Ctrl-C at {stopped['at']}: exit code {stopped['code']}, {stopped['kept']} references kept.")
    print(f"Started again: {second['added']} added, {second['skipped']}.")
    is_whole = end["references"] == end["different"] == end["vectors"] == end["files"]
    is_all = end["references"] + second["skipped"]["other"] == report["images"]
    print(f"At the end: {end}; {'nothing doubled' if is_whole else 'NOT WHOLE'}, ", end="")
    print("nothing lost." if is_all else "SOMETHING LOST.")


if __name__ == "__main__":
    main()

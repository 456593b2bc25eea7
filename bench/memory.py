"""What a worker holds in memory after many mixed photos of up to 24 megapixels, each of its processes apart.

    python -m bench.memory [FOLDER] [--photos 3000] [--processes 2]

Faces of FOLDER (labelled photos; the demonstration's without) are pasted at many sizes into made-up photos, from an
old telephone's to 24 megapixels, most of them JPEG. Each comes often, as another file by some bytes at its end. A
worker as `manage.py serve` starts it takes them up; originals are emptied once they are done. With
FACESITE_WORKER_MEMORY_MB=0 it shows what would be held if no process were replaced. Writes bench/out/memory.json.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from bench.__main__ import OUT, ROOT, demonstration, pictures, prepared_site
from bench.process import memory_mb, tree
from tests.site import stop_group

SIZES = ((640, 480), (1600, 1200), (2048, 1365), (3264, 2448), (4032, 3024), (6000, 4000))
FORMATS = ("JPEG",) * 8 + ("PNG", "WEBP")
FACE_SIDES = (60, 120, 240, 480)  # pixels of a pasted portrait
KINDS, BATCH = 60, 120  # different photos, and how many wait at once


def made_photos(portraits: list[Path], folder: Path, seed: int) -> list[Path]:
    """Photos of every size in turn, with one to forty portraits each."""
    dice, made = random.Random(seed), []
    for number in range(KINDS):
        width, height = SIZES[number % len(SIZES)]
        blotches = np.random.default_rng(number).integers(0, 255, (4, 5, 3), dtype=np.uint8)
        sheet = Pillow.fromarray(blotches).resize((width, height), Pillow.Resampling.BICUBIC)
        for _ in range(dice.choice((1, 2, 3, 5, 8, 40))):
            side = min(dice.choice(FACE_SIDES), height // 2)
            with Pillow.open(dice.choice(portraits)) as opened:
                portrait = opened.convert("RGB").resize((side, side))
            sheet.paste(portrait, (dice.randrange(width - side), dice.randrange(height - side)))
        form = dice.choice(FORMATS)
        path = folder / f"{number:02}.{form.lower()}"
        sheet.save(path, form, quality=88)
        made.append(path)
    return made


def batches(photos: list[Path], count: int, folder: Path, seed: int) -> Iterator[tuple[Path, int]]:
    """Folders of new files made of these; each is emptied when the next one is asked for."""
    dice, made = random.Random(seed), 0
    while made < count:
        for _ in range(min(BATCH, count - made)):
            source = dice.choice(photos)
            (folder / f"{made:06}{source.suffix}").write_bytes(source.read_bytes() + made.to_bytes(4, "big"))
            made += 1
        yield folder, made
        for path in folder.iterdir():
            path.unlink()


def measured(environment: dict[str, str], photos: list[Path], folder: Path, count: int) -> dict[str, Any]:
    data = Path(environment["FACESITE_DATA_DIR"])
    with (data / "worker.log").open("wb") as said:
        worker = subprocess.Popen(
            command_of(environment),
            cwd=ROOT,
            env=environment,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    rows: list[dict[str, Any]] = []
    peaks: dict[str, float] = {}
    pids: set[int] = set()
    try:
        for batch, made in batches(photos, count, folder, seed=2):
            command = [sys.executable, "manage.py", "import_photos", str(batch)]
            subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
            while is_busy(data):
                for name, pid, _, most in list_processes(worker.pid):
                    peaks[name] = max(peaks.get(name, 0), round(most))
                    pids |= {pid} if name == "process" else set()
                time.sleep(1)
            for path in data.glob("media/photos/**/*.*"):
                path.write_bytes(b"")
            held = {f"{name} {pid}": round(now) for name, pid, now, _ in list_processes(worker.pid)}
            rows.append({"photos": made, "processes so far": len(pids), **held})
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    finally:
        stop_group(worker)
    return {"photos": count, "processes": len(pids), "peaks": peaks, "after each batch": rows}


def command_of(environment: dict[str, str]) -> list[str]:
    """The worker's, with the settings of this environment."""
    code = "import django; django.setup()\nfrom gallery.management.commands.serve import worker_command\n"
    command = [sys.executable, "-c", f"{code}print(*worker_command(), sep='\\n')"]
    printed = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    return printed.stdout.splitlines()


def is_busy(data: Path) -> bool:
    with closing(sqlite3.connect(f"file:{data}/facesite.sqlite3?mode=ro", uri=True)) as opened:
        rows = opened.execute("SELECT COUNT(*) FROM gallery_photo WHERE work NOT IN ('done', 'failed')")
        return bool(rows.fetchone()[0])


def list_processes(worker: int) -> Iterator[tuple[str, int, float, float]]:
    """Each process of the worker by its part: what it holds, and what it held at most, in MB."""
    for pid in tree(worker):
        try:
            said = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        name = "process"
        if pid == worker:
            name = "the one that started them"
        elif any(b"answer_lookups" in part for part in said):
            name = "pictures that are not kept"
        elif b"recognition.images.sandbox" in said:
            name = "decoder"
        held, most = memory_mb(pid)
        if held:
            yield name, pid, held, most


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--photos", type=int, default=3000)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        people, _ = demonstration(Path(name))
        environment = prepared_site(Path(name) / "data", people)
        environment |= {"FACESITE_WORKER_PROCESSES": str(options.processes), "FACESITE_BACKUP_HOURS": "0"}
        for part in ("made", "batch"):
            (Path(name) / part).mkdir()
        photos = made_photos(pictures(options.folder or people), Path(name) / "made", seed=1)
        report = measured(environment, photos, Path(name) / "batch", options.photos)
    OUT.mkdir(exist_ok=True)
    (OUT / "memory.json").write_text(json.dumps(report, indent=1))
    print(json.dumps({key: report[key] for key in ("photos", "processes", "peaks")}))


if __name__ == "__main__":
    main()

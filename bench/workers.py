"""Photos a second of the real worker with one process and with as many as cores, and what each holds in memory.

    python -m bench.workers [FOLDER] [--photos 60]

Photos (the demonstration's without a folder) are added to a site of its own while no worker runs; then one is
started. Time runs from the first photo's begin, after each process has done one, to the last one's end. One process
is measured as half of the machine, as it is when there are two, and with all cores to itself. Beside it stands what
the machine allows: the networks alone, without queue, database and decoding, in one process and in as many.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from PIL import Image

from bench.__main__ import OUT, ROOT, demonstration, pictures, prepared_site
from bench.process import peak_mb, tree

WAYS = (  # processes that run, and processes the cores are shared out to
    ("one process, one thread", 1, os.cpu_count() or 1),
    ("one process, all threads", 1, 1),
    ("as many processes as cores", os.cpu_count() or 1, os.cpu_count() or 1),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--photos", type=int, default=60)
    options = parser.parse_args()
    report = {}
    with tempfile.TemporaryDirectory() as name:
        people, shots = demonstration(Path(name))
        copies = different(pictures(options.folder or shots.parent), options.photos, Path(name) / "copies")
        for number, (way, processes, shares) in enumerate(WAYS):
            environment = prepared_site(Path(name) / f"data{number}", people)
            environment["FACESITE_WORKER_PROCESSES"] = str(shares)
            report[way] = measured(copies, processes, environment)
            print(way, report[way], file=sys.stderr)
    processes = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as name:
        copies = different(
            pictures(options.folder or demonstration(Path(name))[1].parent), 20, Path(name) / "copies"
        )
        alone = {number: networks_alone(copies, number) for number in (1, processes)}
    report["networks alone"] = {"photos_a_second": alone}
    base = report[WAYS[0][0]]["photos_a_second"]
    print("| | photos/s | times the first | peak memory of the largest process and its decoder, MB |")
    print("|---|---|---|---|")
    for way, *_ in WAYS:
        rate = report[way]["photos_a_second"]
        print(f"| {way} | {rate:.1f} | {rate / base:.2f} | {max(report[way]['peak_mb']):.0f} |")
    for number, rate in alone.items():
        print(
            f"| networks alone, {number} of one thread | {rate:.1f} | {rate / alone[1]:.2f} of its own first | |"
        )
    OUT.mkdir(exist_ok=True)
    (OUT / "workers.json").write_text(json.dumps(report, indent=1))


ALONE = """
import sys, time
from pathlib import Path
from PIL import Image
import numpy as np
from recognition import detector, embedders
from recognition.analysis import embed_faces
photos = [np.asarray(Image.open(path)) for path in sorted(Path(sys.argv[1]).iterdir())]
finds, embedder = detector.load_detector("mtcnn", threads=1), embedders.load_embedder("dlib", threads=1)
def look(pixels): embed_faces(pixels, finds.detect(pixels), embedder)
look(photos[0])
print("ready", flush=True)
sys.stdin.readline()
for pixels in photos: look(pixels)
"""


def networks_alone(photos: Path, processes: int) -> float:
    """Photos a second in so many processes of one thread each, which begin together."""
    command = [sys.executable, "-c", ALONE, str(photos)]
    started = [
        subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(processes)
    ]
    for one in started:
        if one.stdout is None or one.stdout.readline() != "ready\n":
            sys.exit("The networks could not be loaded.")
    begun = time.perf_counter()
    for one in started:
        if one.stdin is not None:
            one.stdin.write("\n")
            one.stdin.flush()
    if any(one.wait() for one in started):
        sys.exit("The networks failed on a photo.")
    return processes * len(list(photos.iterdir())) / (time.perf_counter() - begun)


def different(photos: list[Path], count: int, folder: Path) -> Path:
    """So many photos made of these, no two of the same content."""
    folder.mkdir()
    for number, path in zip(range(count), itertools.cycle(photos), strict=False):
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        picture.putpixel((0, 0), (number % 256, number // 256, 99))
        picture.save(folder / f"{number:05}.jpg", quality=92, subsampling=0)
    return folder


def measured(photos: Path, processes: int, environment: dict[str, str]) -> dict[str, Any]:
    command = [sys.executable, "manage.py", "import_photos", str(photos)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    options = ["worker", "--loglevel", "ERROR", "--without-mingle", "--without-gossip"]
    options += ["--concurrency", str(processes)]
    data = Path(environment["FACESITE_DATA_DIR"])
    with (data / "worker.log").open("wb") as said:  # it says much of no interest here
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-q", "-A", "facesite", *options],
            cwd=ROOT,
            env=environment,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        times = finished(data / "facesite.sqlite3", worker)
        workers = [pid for pid in tree(worker.pid)[1:] if parent(pid) == worker.pid]
        peaks = [peak_mb(pid) for pid in workers]
    finally:
        worker.terminate()
        try:
            worker.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
    begun = sorted(begin for begin, _ in times)[processes]
    end = max(end for _, end in times)
    return {"photos_a_second": (len(times) - processes) / (end - begun), "peak_mb": peaks}


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def finished(database: Path, worker: subprocess.Popen[bytes]) -> list[tuple[float, float]]:
    """When each photo was begun and finished, once all are; where that cannot be, why."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        while True:
            rows = connection.execute("SELECT work, started_at, finished_at FROM gallery_photo").fetchall()
            if any(work == "failed" for work, *_ in rows):
                sys.exit("A photo failed.")
            if worker.poll() is not None:
                sys.exit(f"The worker ended:\n{database.with_name('worker.log').read_text()[-2000:]}")
            if all(work == "done" for work, *_ in rows):
                return [(seconds(begin), seconds(end)) for _, begin, end in rows]
            time.sleep(0.5)


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


if __name__ == "__main__":
    main()

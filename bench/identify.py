"""How soon pictures that are not kept are answered: alone, while other work is queued, and when fifty ask at once.

    python -m bench.identify [FOLDER] [--calls 50] [--queued 40] [--redis redis://127.0.0.1:6379/0]

A site of its own with the demonstration's people, its web server and worker as `make run` starts them, and photos of
the folder (the demonstration's without one) in turns. While all ask at once, one just after the other, a page and
/healthz are asked again and again. Writes bench/out/identify.json and prints it; on a busy machine the processor's
seconds say more than the times.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests

from bench.__main__ import OUT, demonstration, pictures
from bench.load import start_web
from bench.process import peak_mb, tree
from bench.workers import different
from tests.faults.scene import Scene
from tests.servers import wait_for
from tests.site import Site, stop_group

ALONE = 12  # calls, one after the other
APART_SECONDS = 0.05  # between two who ask at once, so that their order is known
Row = dict[str, Any]


class Bench:
    def __init__(self, folder: Path, people: Path, photos: list[Path], redis: str) -> None:
        more = {"CELERY_BROKER_URL": redis} if redis else {}
        self.site = Site(
            folder, FACESITE_IDENTIFY="yes", FACESITE_WORKER_PROCESSES=str(os.cpu_count()), **more
        )
        self.site.manage("import_people", str(people))
        self.site.manage("build_index")
        self.site.ask("User.objects.create(username='vy', role='viewer')\nanswer = 0")
        [key] = self.site.json("create_api_key", "vy")
        self.headers = {"Authorization": f"Bearer {key['key']}"}
        self.cookies = {"sessionid": self.site.make_session("vy")}
        self.photos = [path.read_bytes() for path in photos]
        self.scene = Scene(self.site, people)
        self.address = f"http://127.0.0.1:{self.scene.port}"

    def identify(self, number: int) -> tuple[int, float, float]:
        """The status, the seconds it took, and when it was answered."""
        began = time.monotonic()
        picture = self.photos[number % len(self.photos)]
        answer = requests.post(
            f"{self.address}/api/v1/identify", headers=self.headers, files={"file": picture}, timeout=200
        )
        ended = time.monotonic()
        return answer.status_code, ended - began, ended

    def ask_one_by_one(self) -> Row:
        answers = [self.identify(number) for number in range(ALONE)]
        return describe([seconds for _status, seconds, _at in answers]) | count(answers)

    def ask_at_once(self, calls: int) -> Row:
        with ThreadPoolExecutor(calls) as callers:
            asked = []
            for number in range(calls):
                asked.append(callers.submit(self.identify, number))
                time.sleep(APART_SECONDS)
            answers = [each.result() for each in asked]
        times = [at for _status, _seconds, at in answers]
        ranks = {number: rank for rank, number in enumerate(sorted(range(calls), key=times.__getitem__))}
        in_all = max(times) - min(at - seconds for _status, seconds, at in answers)
        return describe([seconds for _status, seconds, _at in answers]) | {
            **count(answers),
            "places from the order of asking, at most": max(abs(ranks[each] - each) for each in ranks),
            "seconds for all": round(in_all, 1),
        }

    def open_until(self, is_over: threading.Event, path: str) -> list[float]:
        """How long it took each time, again and again."""
        found = []
        while not is_over.wait(0.1):
            began = time.monotonic()
            requests.get(self.address + path, cookies=self.cookies, timeout=60).raise_for_status()
            found.append(time.monotonic() - began)
        return found


def describe(seconds: list[float]) -> Row:
    return {
        "median s": round(statistics.median(seconds), 3),
        "95 % within s": round(statistics.quantiles(seconds, n=20)[-1], 3),
        "longest s": round(max(seconds), 3),
    }


def count(answers: list[tuple[int, float, float]]) -> Row:
    return {"answers": dict(Counter(status for status, _seconds, _at in answers))}


def processor_seconds(pids: list[int]) -> float:
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")


def measure(bench: Bench, options: argparse.Namespace, folder: Path) -> dict[str, Row]:
    web = start_web(bench.scene)
    worker = bench.site.start_worker(CONCURRENCY=str(os.cpu_count()))
    try:
        wait_for(lambda: (bench.site.folder / "lookups.sock").exists(), "the worker to listen", 120)
        bench.identify(0)  # warm
        report = {"alone": bench.ask_one_by_one()}
        looking = find_looking(worker.pid)
        is_over, spent = threading.Event(), processor_seconds(tree(looking))
        with ThreadPoolExecutor(2) as others:
            paths = ("/healthz", "/people/")
            asked = {path: others.submit(bench.open_until, is_over, path) for path in paths}
            at_once = bench.ask_at_once(options.calls)
            is_over.set()
        at_once["processor s each"] = round((processor_seconds(tree(looking)) - spent) / options.calls, 3)
        report[f"{options.calls} at once"] = at_once
        report |= {f"meanwhile {path}": describe(times.result()) for path, times in asked.items()}
        bench.site.manage("import_photos", str(folder))
        report[f"while {options.queued} photos are looked at"] = bench.ask_one_by_one()
        waiting = bench.site.rows("SELECT count(*) FROM gallery_photo WHERE work IN ('queued', 'processing')")
        report["still queued after that"] = {"photos": waiting[0][0]}
        report["memory"] = {
            "the process that looks, at most MB": round(peak_mb(looking)),
            "the web server, at most MB": round(peak_mb(web.pid)),
        }
        return report
    finally:
        stop_group(worker)
        stop_group(web)


def find_looking(worker: int) -> int:
    """The process that looks at pictures which are not kept."""
    return next(pid for pid in tree(worker) if b"answer_lookups" in Path(f"/proc/{pid}/cmdline").read_bytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--queued", type=int, default=40)
    parser.add_argument("--redis", default="", help="address of a broker; without it the embedded one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        people, shots = demonstration(Path(name))
        photos = pictures(options.folder or shots.parent)
        queued = Path(name) / "queued"
        different(photos, options.queued, queued)
        bench = Bench(Path(name) / "site", people, photos, options.redis)
        print(f"load {os.getloadavg()[0]:.1f} before", file=sys.stderr)
        report = measure(bench, options, queued)
        print(f"load {os.getloadavg()[0]:.1f} after", file=sys.stderr)
    OUT.mkdir(exist_ok=True)
    (OUT / "identify.json").write_text(json.dumps(report, indent=1))
    for what, row in report.items():
        print(f"{what}: " + ", ".join(f"{name} {value}" for name, value in row.items()))


if __name__ == "__main__":
    main()

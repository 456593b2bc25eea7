"""How soon the faces of all photos that look like one are found, and a new photo's faces are grouped.

    python -m bench.faces [--faces 100000] [--most 1000000] [--redis redis://127.0.0.1:6379/0]

First the index alone, with --faces and with --most made-up faces: the first hundred like one, beside exact search.
Then a site of its own with --faces unknown faces: POST /api/v1/faces/search through its web server and worker, and
the faces of a new photo grouped. Writes bench/out/faces.json and prints it; on a busy machine the processor's
milliseconds say more than the times.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import requests

from bench.__main__ import OUT
from bench.process import _status
from bench.vectors import Kind, clustered
from recognition.index import Index, LiveIndex, build, make_part
from tests.servers import wait_for
from tests.site import Site, stop_group

FIRST = 100
SEARCHES = 50
Row = dict[str, Any]

FILL = """
import numpy as np
from django.utils import timezone
from bench.vectors import Kind, clustered
from gallery.index import engine
from gallery.index.builds import request_build, run_build
serving = engine.get_configured_embedder()
SiteSetting.objects.update_or_create(key="serving", defaults={{"value": engine.get_configured_recipe()}})
vectors, _new = clustered(Kind({count}, serving.dimension, spread=0.5))
photos = Photo.objects.bulk_create(
    [Photo(name=f"{{n}}.jpg", file=f"photos/{{n}}.jpg", sha256=f"{{n:064x}}", work="done", width=800, height=600)
     for n in range({count} // 4)], batch_size=2000)
for start in range(0, len(vectors), 5000):
    Face.objects.bulk_create([
        Face(photo=photos[(start + n) // 4 % len(photos)], left=9, top=9, width=60, height=80, score=0.9,
             embedding=vector, embedder_id=serving.id, embedded_at=timezone.now(), cluster=(start + n) // 10 * 10 + 1)
        for n, vector in enumerate(vectors[start:start + 5000])], batch_size=500)
made = run_build(request_build("bench", delay=0, contents="faces").pk)
User.objects.create(username="vy", role="contributor")
answer = {{"built s": made.milliseconds / 1000, "index": made.index_key, "MB": made.size // 2**20}}
"""
GROUP = """
import time
from bench.vectors import Kind, clustered
from gallery.faces.clustering import cluster_new_faces
from gallery.index import engine
from gallery.index.feed import ChangeKind, record_face_changes
serving, times, used = engine.get_serving_embedder(), [], []
_all, new = clustered(Kind({count}, serving.dimension, spread=0.5))
for number in range(21):
    photo = Photo.objects.create(name="new", sha256=f"new{{number}}", file=f"new{{number}}", width=800, height=600)
    faces = [Face.objects.create(photo=photo, left=9, top=9, width=60, height=80, score=0.9, embedding=vector,
                                 embedder_id=serving.id) for vector in new[5 * number:5 * number + 5]]
    record_face_changes(ChangeKind.ADDED, faces)
    began, spent = time.perf_counter(), time.process_time()
    cluster_new_faces()
    times.append(time.perf_counter() - began)
    used.append(time.process_time() - spent)
joined = Face.objects.filter(photo__name="new").exclude(cluster__isnull=True)
answer = {{"s": times[1:], "processor": used[1:], "joined": sum(face.cluster != face.pk for face in joined)}}
"""


def search_index(count: int) -> Row:
    """The first hundred of SEARCHES new vectors, and how many of them exact search finds, too."""
    vectors, new = clustered(Kind(count, 128, spread=0.5))
    new = new[:SEARCHES]
    exact = [np.argpartition(-(vectors @ one), FIRST)[:FIRST] for one in new]
    with tempfile.TemporaryDirectory() as name:
        ids = np.arange(count, dtype=np.int64)
        figures = build(
            [make_part(ids, np.zeros(count, np.int64), vectors)],
            Path(name) / "1",
            embedder_id="bench-1",
            dimension=128,
        )
        del vectors
        before = _status(os.getpid(), "RssAnon")
        live = LiveIndex("bench-1", 128, Index.load(Path(name) / "1"))
        live.search_beyond(new[0], FIRST, -1)
        found, times, spent = [], [], time.process_time()
        for one in new:
            began = time.perf_counter()
            found.append(live.search_beyond(one, FIRST, -1))
            times.append(time.perf_counter() - began)
        used = (time.process_time() - spent) / SEARCHES
        shared = sum(
            path.stat().st_size for path in (Path(name) / "1").rglob("*") if path.suffix != ".parquet"
        )
        hits = [
            len({each.reference for each in some} & set(best))
            for some, best in zip(found, exact, strict=True)
        ]
    return {
        "index": figures.index_key,
        "built s": round(figures.build_seconds, 1),
        "recall of the first hundred": sum(hits) / FIRST / SEARCHES,
        **describe(times),
        "processor ms": round(1000 * used, 1),
        "memory of its own MB": round((_status(os.getpid(), "RssAnon") - before) / 1024),
        "files mapped MB": shared // 2**20,
    }


def describe(seconds: list[float]) -> Row:
    return {
        "median ms": round(1000 * statistics.median(seconds), 1),
        "95 % within ms": round(1000 * statistics.quantiles(seconds, n=20)[-1], 1),
    }


def call_site(site: Site, count: int) -> dict[str, Row]:
    report: dict[str, Row] = {"site": site.ask(FILL.format(count=count))}
    [key] = site.json("create_api_key", "vy")
    headers = {"Authorization": f"Bearer {key['key']}"}
    with site.web() as address:
        worker = site.start_worker()
        try:
            wait_for(lambda: (site.folder / "searches.sock").exists(), "the worker to listen", 120)
            times = []
            for number in range(SEARCHES + 10):  # ten to warm up
                began = time.perf_counter()
                body = {"face": 1 + number * 997 % count}
                answer = requests.post(
                    f"{address}/api/v1/faces/search", headers=headers, json=body, timeout=120
                )
                answer.raise_for_status()
                times.append(time.perf_counter() - began)
        finally:
            stop_group(worker)
    report["search by the API"] = describe(times[10:]) | {"faces of the last": len(answer.json()["faces"])}
    grouped = site.ask(GROUP.format(count=count))
    used = round(1000 * statistics.median(grouped["processor"]), 1)
    report["five faces of a new photo grouped"] = describe(grouped["s"]) | {
        "processor ms": used,
        "of 105 joined": grouped["joined"],
    }
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--faces", type=int, default=100_000)
    parser.add_argument("--most", type=int, default=1_000_000)
    parser.add_argument("--redis", default="", help="address of a broker; without it the embedded one")
    options = parser.parse_args()
    report: dict[str, Row] = {}
    print(f"load {os.getloadavg()[0]:.1f} before", file=sys.stderr)
    for count in (options.faces, options.most):
        report[f"{count:,} faces, the index"] = search_index(count)
    with tempfile.TemporaryDirectory() as name:
        more = {"CELERY_BROKER_URL": options.redis} if options.redis else {}
        report |= call_site(Site(Path(name) / "site", FACESITE_IDENTIFY="yes", **more), options.faces)
    print(f"load {os.getloadavg()[0]:.1f} after", file=sys.stderr)
    OUT.mkdir(exist_ok=True)
    (OUT / "faces.json").write_text(json.dumps(report, indent=1))
    for what, row in report.items():
        print(f"{what}: " + ", ".join(f"{name} {value}" for name, value in row.items()))


if __name__ == "__main__":
    main()

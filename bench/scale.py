"""What a large site costs: processor time a photo, millions of vectors, Spark, a database of a million faces.

    python -m bench.scale workers [FOLDER] [--photos 120]
    python -m bench.scale vectors [--count 10000000]
    python -m bench.scale spark [--count 2000000]
    python -m bench.scale database --database postgres://... [--photos 100000]

``workers``: processor seconds of one, two and four worker processes, whatever else the machine does. ``vectors``:
made-up vectors of 128 numbers, ten of each person, in the index that is best within half the machine's memory.
``spark``: the same by two executors, each a process (needs requirements-scale.txt and Java). ``database``: an empty
one, filled with ten faces a photo. Each prints a JSON document, and writes it to bench/out.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench.__main__ import OUT, ROOT, demonstration, pictures, prepared_site
from bench.process import memory_mb, tree
from bench.workers import different
from recognition.index import Index, Part, SparkOptions, builder
from recognition.types import Embeddings

DIMENSION, EACH, SPREAD = 128, 10, 0.4
PART_ROWS = 50_000
QUERIES = 500
PROCESSES = (1, 2, 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("part", choices=("workers", "vectors", "spark", "database"))
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--photos", type=int)
    parser.add_argument("--count", type=int)
    parser.add_argument("--database")
    options = parser.parse_args()
    begun, load = time.perf_counter(), os.getloadavg()[0]
    if options.part == "workers":
        found = measure_workers(options.folder, options.photos or 120)
    elif options.part == "database":
        found = measure_database(
            options.database or sys.exit("--database is needed"), options.photos or 100_000
        )
    elif options.part == "spark":
        master = SparkOptions(f"local-cluster[2,1,{measure_memory() // 8 // 2**20}]", 1)
        found = measure_index(options.count or 2_000_000, spark=master)
    else:
        found = measure_index(options.count or 10_000_000)
    found |= {
        "cores": os.cpu_count(),
        "load": [round(load, 1), round(os.getloadavg()[0], 1)],
        "seconds": round(time.perf_counter() - begun),
    }
    OUT.mkdir(exist_ok=True)
    (OUT / f"scale_{options.part}.json").write_text(json.dumps(found, indent=1))
    print(json.dumps(found, indent=1))


def measure_workers(folder: Path | None, photos: int) -> dict[str, Any]:
    """Processor seconds a photo, of all processes of a worker, once each has done two photos."""
    spent = {}
    with tempfile.TemporaryDirectory() as name:
        people, shots = demonstration(Path(name))
        copies = different(pictures(folder or shots.parent), photos, Path(name) / "copies")
        for processes in PROCESSES:
            environment = prepared_site(Path(name) / f"data{processes}", people)
            environment["FACESITE_WORKER_PROCESSES"] = str(max(PROCESSES))  # one thread each
            command = [sys.executable, "manage.py", "import_photos", str(copies)]
            subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
            spent[processes] = round(run_worker(environment, processes), 3)
    return {"photos": photos, "processor_seconds_a_photo": spent}


def run_worker(environment: dict[str, str], processes: int) -> float:
    command = [sys.executable, "-m", "celery", "-q", "-A", "facesite", "worker", "--loglevel", "ERROR"]
    command += ["--without-mingle", "--without-gossip", "--concurrency", str(processes)]
    worker = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    database = Path(environment["FACESITE_DATA_DIR"]) / "facesite.sqlite3"
    first: tuple[int, float] | None = None
    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            while True:
                counts = dict(connection.execute("SELECT work, count(*) FROM gallery_photo GROUP BY work"))
                done = counts.get("done", 0)
                if counts.get("failed") or worker.poll() is not None:
                    sys.exit(f"The worker ended, or a photo failed: {counts}")
                if first is None and done >= 2 * processes:
                    first = done, used_seconds(worker.pid)
                if done == sum(counts.values()) and first is not None:
                    return float((used_seconds(worker.pid) - first[1]) / (done - first[0]))
                time.sleep(0.2)
    finally:
        worker.terminate()
        worker.wait()


def used_seconds(pid: int) -> float:
    """Processor time of a process and all that it has started."""
    ticks: int = 0
    for each in tree(pid):
        try:
            columns = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(map(int, columns[11:15]))  # its own, and of children that have ended
    return float(ticks / os.sysconf("SC_CLK_TCK"))


def measure_index(count: int, spark: SparkOptions | None = None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        started = time.process_time()
        figures = builder.build(
            generate_parts(count),
            Path(name) / "index",
            embedder_id="bench-1",
            dimension=DIMENSION,
            max_memory=measure_memory() // 2,
            spark=spark,
            progress=lambda step, done: print(f"\r{step} {done:,} ", end="", file=sys.stderr),
        )
        used = time.process_time() - started
        held = memory_mb(os.getpid())[1]
        opened = subprocess.run(
            [sys.executable, "-m", "bench.scale_search", f"{name}/index", str(count)],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return {
            "vectors": count,
            "kind": f"{figures.index_key} {figures.index_param}".strip(),
            "recall": round(figures.recall, 4),
            "milliseconds_a_photo": round(figures.milliseconds_per_photo, 1),
            "index_mb": round(figures.bytes / 2**20),
            "build_seconds": round(figures.build_seconds),
            "builder_processor_seconds": round(used),
            "builder_peak_mb": round(held),
            **json.loads(opened.stdout),
        }


def generate_parts(count: int) -> Iterator[Part]:
    for first in range(0, count, PART_ROWS):
        ids = np.arange(first, min(count, first + PART_ROWS), dtype=np.int64)
        vectors = generate_people(first // EACH, -(-len(ids) // EACH), EACH)
        yield Part(ids + 1, ids // EACH + 1, vectors.reshape(-1, DIMENSION)[: len(ids)])


def generate_people(first: int, people: int, each: int, noise: int = 0) -> Embeddings:
    """(people, each, DIMENSION) unit vectors; the same people wherever they are asked for."""
    generator = np.random.default_rng((7, first))
    centres = generator.standard_normal((people, 1, DIMENSION), dtype=np.float32)
    centres /= np.linalg.norm(centres, axis=2, keepdims=True)
    own = np.random.default_rng((first, noise)).standard_normal((people, each, DIMENSION), dtype=np.float32)
    vectors = centres + np.float32(SPREAD / DIMENSION**0.5) * own
    return np.asarray(vectors / np.linalg.norm(vectors, axis=2, keepdims=True))


def measure_search(directory: Path, count: int) -> dict[str, Any]:
    """Of new faces of people who are there: how many find their person, and what the process holds."""
    opened = Index.load(directory, "bench-1", check_content=False)
    starts = range(0, count // EACH, PART_ROWS // EACH)
    first = starts[len(starts) // 2]
    people = min(QUERIES, count // EACH - first)
    asked = generate_people(first, min(PART_ROWS, count - EACH * first) // EACH, 1, noise=1)[:people, 0]
    found = []
    begun = time.perf_counter()
    for at in range(0, people, 10):
        found.append(opened.search(asked[at : at + 10], 50)[0][:, 0])
    spent = 1000 * (time.perf_counter() - begun) / len(found)
    right = (np.concatenate(found) - 1) // EACH == first + np.arange(people)
    return {
        "new_faces_that_find_their_person": round(float(right.mean()), 4),
        "milliseconds_a_photo_of_new_faces": round(spent, 1),
        "searching_process_mb": round(memory_mb(os.getpid())[0]),
    }


def measure_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


SIZES = """
SELECT relname, pg_table_size(oid), pg_indexes_size(oid), greatest(reltuples, 0) FROM pg_class
WHERE relkind = 'r' AND relname LIKE 'gallery_%' ORDER BY pg_total_relation_size(oid) DESC LIMIT 8
"""


def measure_database(address: str, photos: int) -> dict[str, Any]:
    """Bytes a row of the largest tables, and the pages whose queries take longest."""
    from bench import pages

    with tempfile.TemporaryDirectory() as folder:
        pages.start(Path(folder), address)
        pages.fill(1_000, photos, 10_000)
        from facesite.wsgi import application

        report = pages.measured(application, pages.addresses(), rounds=3)
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(SIZES)
            sizes = cursor.fetchall()
    slowest = sorted(report, key=lambda row: -row["slowest_query_ms"])[:5]
    return {
        "faces": 10 * photos,
        "tables": {
            name: {
                "rows": round(rows),
                "bytes_a_row": round(table / max(1, rows)),
                "index_bytes_a_row": round(indexes / max(1, rows)),
            }
            for name, table, indexes, rows in sizes
        },
        "slowest": [
            {key: row[key] for key in ("page", "p50", "slowest_query_ms", "slowest_query")} for row in slowest
        ],
    }


if __name__ == "__main__":
    main()

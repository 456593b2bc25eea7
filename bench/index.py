"""Building and searching the index beside AutoFaiss's own choice.

    python -m bench.index [--million] [--only 100k] [--spread 0.4] [--alike 0.85] [--each 4] [--looks 0.8] [--ours]

Vectors come in clusters, ten to an identity, seeded; queries are further vectors of those identities. With
`--alike` different people have about this similarity, as faces have. With `--looks` everybody has three looks, which
lie apart by so much. `second_found` is the share of queries for which the nearest reference of another person was
found, which tells how a stranger fares. Each contestant is built in a process of its own. Tells progress on stderr
and prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.vectors import Kind, clustered
from recognition.types import Embeddings

Rows = NDArray[np.int64]
Search = Callable[[Embeddings, int], Rows]

SIZES = {"7k": (6_988, 512), "100k": (100_000, 128), "1M": (1_000_000, 128)}
FACES = 10
NEIGHBOURS = 50
PART = 50_000
SAME = 1e-6  # similarities that differ by no more are equal: float32 tells them apart by chance
NEARLY = 1e-4  # as good as the second


def build_ours(vectors: Embeddings, each: int, folder: Path) -> dict[str, Any]:
    import autofaiss  # noqa: F401 -- as the other contestant, who has it loaded before the clock starts
    import pandas  # noqa: F401

    from recognition.index import Part, builder

    def parts() -> Iterator[Part]:
        for start in range(0, len(vectors), PART):
            rows = np.arange(start, min(start + PART, len(vectors)))
            yield Part(rows, rows // each, vectors[rows])

    started = time.perf_counter()
    figures = builder.build(parts(), folder / "ours", embedder_id="bench", dimension=vectors.shape[1])
    return {
        "build_seconds": time.perf_counter() - started,
        "index": f"{figures.index_key} {figures.index_param}".strip(),
        "bytes": figures.bytes,
        "exact_photo_ms": figures.exact_milliseconds_per_photo,
    }


def build_autofaiss(vectors: Embeddings, folder: Path) -> dict[str, Any]:
    """What `autofaiss build_index` does with the original script's arguments."""
    from autofaiss import build_index

    (folder / "parts").mkdir()
    np.save(folder / "parts/img_emb_0.npy", vectors)
    started = time.perf_counter()
    _, infos = build_index(
        str(folder / "parts"),
        index_path=str(folder / "knn.index"),
        index_infos_path=str(folder / "infos.json"),
        metric_type="ip",
        max_index_query_time_ms=10,
        max_index_memory_usage="4GB",
        verbose=40,
    )
    return {
        "build_seconds": time.perf_counter() - started,
        "index": f"{infos['index_key']} {infos['index_param']}",
        "bytes": (folder / "knn.index").stat().st_size,
    }


def search_ours(folder: Path) -> Search:
    from recognition.index import Index, LiveIndex

    opened = Index.load(folder / "ours", "bench")
    live = LiveIndex("bench", opened.dimension, opened)

    def search(queries: Embeddings, k: int) -> Rows:
        return np.array([[hit.reference for hit in hits] for hits in live.search(queries, k)])

    return search


def search_autofaiss(folder: Path) -> Search:
    import faiss

    index = faiss.read_index(str(folder / "knn.index"))

    def search(queries: Embeddings, k: int) -> Rows:
        return np.asarray(index.search(queries, k)[1])

    return search


def exactly(vectors: Embeddings, queries: Embeddings, each: int) -> tuple[Rows, Embeddings, Embeddings]:
    """The nearest row of each query, its similarity, and that of the nearest row of another person."""
    nearest, best, seconds = [], [], []
    for at in range(0, len(queries), 50):
        similarities = queries[at : at + 50] @ vectors.T
        rows = np.argmax(similarities, axis=1)
        best.append(similarities.max(axis=1))
        for line, row in zip(similarities, rows, strict=True):
            line[row - row % each :][:each] = -1
        nearest.append(rows)
        seconds.append(similarities.max(axis=1))
    return np.concatenate(nearest), np.concatenate(best), np.concatenate(seconds)


def shares_found(vectors: Embeddings, queries: Embeddings, found: Rows, each: int) -> dict[str, float]:
    """For how many queries the nearest row came first, and the nearest of another person among the others."""
    nearest, best, seconds = exactly(vectors, queries, each)
    similarities = np.stack([vectors[rows] @ query for rows, query in zip(found, queries, strict=True)])
    is_other = (found >= 0) & (found // each != nearest[:, None] // each)
    others = np.where(is_other, similarities, -1).max(axis=1)
    return {
        "recall_at_1": float(np.mean(similarities[:, 0] >= best - SAME)),
        "second_found": float(np.mean(others >= seconds - NEARLY)),
    }


def run(name: str, kind: Kind, folder: Path, pipe: Any) -> None:
    """One contestant, from vectors to figures; sends them down the pipe."""
    sys.stdout = sys.stderr
    vectors, queries = clustered(kind)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    is_ours = name == "facesite"
    figures = build_ours(vectors, kind.each, folder) if is_ours else build_autofaiss(vectors, folder)
    figures["megabytes_to_build"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    ask = search_ours(folder) if is_ours else search_autofaiss(folder)
    found = np.concatenate(
        [ask(queries[at : at + FACES], NEIGHBOURS) for at in range(0, len(queries), FACES)]
    )
    times = []
    for at in range(0, 30 * FACES, FACES):
        started = time.perf_counter()
        ask(np.take(queries, range(at, at + FACES), axis=0, mode="wrap"), NEIGHBOURS)
        times.append(1000 * (time.perf_counter() - started))
    figures["photo_ms"] = statistics.median(times)
    figures["photo_ms_face_by_face"] = FACES * face_ms(ask, queries)
    pipe.send(figures | shares_found(vectors, queries, found, kind.each))


def face_ms(ask: Search, queries: Embeddings) -> float:
    """Median time of one face alone, which is how the original script asks."""
    times = []
    for at in range(100):
        started = time.perf_counter()
        ask(np.take(queries, [at], axis=0, mode="wrap"), NEIGHBOURS)
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


def contest(size: str, kind: Kind, contestants: tuple[str, ...]) -> dict[str, Any]:
    result: dict[str, Any] = {"vectors": kind.count, "dimension": kind.dimension}
    context = multiprocessing.get_context("spawn")
    for name in contestants:
        print(f"{size}: {name} ...", file=sys.stderr)
        folder = Path(tempfile.mkdtemp(prefix="bench-index-"))
        ours, theirs = context.Pipe()
        process = context.Process(target=run, args=(name, kind, folder, theirs))
        process.start()
        theirs.close()
        try:
            result[name] = ours.recv()
        finally:
            process.join()
            shutil.rmtree(folder)
        print(f"{size}: {name} {result[name]}", file=sys.stderr)
    if "autofaiss" not in result:
        return result
    mine, their = result["facesite"], result["autofaiss"]
    result["times_faster"] = {
        "build": their["build_seconds"] / mine["build_seconds"],
        "photo, both as a batch": their["photo_ms"] / mine["photo_ms"],
        "photo, as the original script asks": their["photo_ms_face_by_face"] / mine["photo_ms"],
    }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--million", action="store_true", help="also a million vectors: ten minutes and more")
    parser.add_argument("--only", choices=SIZES)
    parser.add_argument("--spread", type=float, default=0.4, help="noise within an identity (0.4)")
    parser.add_argument("--alike", type=float, default=0.0, help="similarity of different people (0)")
    parser.add_argument("--each", type=int, default=10, help="vectors of a person (10)")
    parser.add_argument(
        "--looks", type=float, default=0.0, help="how far three looks of a person lie apart (0)"
    )
    parser.add_argument("--ours", action="store_true", help="without AutoFaiss's, which take minutes")
    options = parser.parse_args()
    contestants = ("facesite",) if options.ours else ("facesite", "autofaiss")
    sizes = [options.only] if options.only else ["7k", "100k"] + ["1M"] * options.million
    chosen = {name: getattr(options, name) for name in ("spread", "alike", "each", "looks")}
    results = {size: contest(size, Kind(*SIZES[size], **chosen), contestants) for size in sizes}
    chosen["cores"] = os.cpu_count()
    print(json.dumps(chosen | {"sizes": results}, indent=2))


if __name__ == "__main__":
    main()

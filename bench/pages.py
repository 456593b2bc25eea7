"""Server time and queries of every list and detail page on a large made-up site.

    python -m bench.pages [--people 1000] [--photos 10000] [--rounds 20] [--database postgres://...]

Makes a database of its own (SQLite in a temporary folder, unless one is named, which must be empty), fills it with
ten faces a photo, and asks each page again and again as a curator, the shared ones as nobody: first pages, late
pages, the largest rows. Time is that of the view and everything around it, without the network; on a busy machine
the processor's share says more (with SQLite the database is part of it).
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

LIMIT = 100.0  # milliseconds at the 95th percentile


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--people", type=int, default=1_000)
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--database", help="address of an empty database; SQLite without it")
    parser.add_argument("--only", help="pages whose name contains this")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        start(Path(folder), options.database)
        from bench.crowd import fill

        print("filling the database ...", file=sys.stderr)
        crowd = fill(options.people, options.photos)
        report = [
            measured(name, address, user, options.rounds)
            for name, address, user in addresses(crowd)
            if not options.only or options.only in name
        ]
    show(report)
    out = Path(__file__).parent / "out"
    out.mkdir(exist_ok=True)
    (out / "pages.json").write_text(json.dumps(report, indent=1))


def start(folder: Path, database: str | None) -> None:
    os.environ |= {"FACESITE_DATA_DIR": str(folder), "FACESITE_LOG_LEVEL": "ERROR"}
    os.environ |= {"FACESITE_ALLOWED_HOSTS": "testserver", "DJANGO_SETTINGS_MODULE": "facesite.settings"}
    if database:
        os.environ["DATABASE_URL"] = database
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def addresses(crowd: Any) -> list[tuple[str, str, Any]]:
    """Name, address and user of each page; late pages begin where a tenth is left."""
    from django.urls import reverse

    from bench.places import curators_pages, shared_pages

    pages = [(name, address, crowd.curator) for name, address in curators_pages(crowd)]
    pages += [(name, address, None) for name, address in shared_pages(crowd)]
    return [*pages, ("login", reverse("login"), None)]


def measured(name: str, address: str, user: Any, rounds: int) -> dict[str, Any]:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client(headers={"HX-Request": "true"} if "fragment" in name else None)
    if user:
        client.force_login(user)
    times, processor = [], []
    for number in range(rounds + 1):
        started, used = time.perf_counter(), time.process_time()
        answer = client.get(address)
        if number:  # the first reads templates
            times.append(1000 * (time.perf_counter() - started))
            processor.append(1000 * (time.process_time() - used))
    if answer.status_code != 200:
        sys.exit(f"{name}: {address} answered {answer.status_code}")
    with CaptureQueriesContext(connection) as asked:
        client.get(address)
    slowest = max(
        asked.captured_queries, key=lambda query: float(query["time"]), default={"sql": "", "time": 0}
    )
    times.sort()
    return {
        "page": name,
        "queries": len(asked),
        "p50": statistics.median(times),
        "p95": times[min(len(times) - 1, round(0.95 * len(times)))],
        "processor_p50": statistics.median(processor),
        "slowest_query_ms": 1000 * float(slowest["time"]),
        "slowest_query": slowest["sql"],
    }


def show(report: list[dict[str, Any]]) -> None:
    columns = ("queries", "p50", "p95", "processor_p50", "slowest_query_ms")
    print("| page | queries | p50, ms | p95, ms | of it processor, ms | slowest query, ms |")
    print("|---|---|---|---|---|---|")
    for row in sorted(report, key=lambda row: -row["p95"]):
        slow = " (too slow)" if row["p95"] >= LIMIT else ""
        print(f"| {row['page']}{slow} | " + " | ".join(f"{row[column]:.0f}" for column in columns) + " |")


if __name__ == "__main__":
    main()

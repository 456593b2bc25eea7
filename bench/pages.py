"""Server time and queries of every list and detail page on a large made-up site.

    python -m bench.pages [--people 1000] [--photos 10000] [--references 100000] [--rounds 20]
                          [--database postgres://...] [--only part of a page's name]

Makes a database of its own (SQLite in a temporary folder, unless one is named, which must be empty), has another
process fill it with ten faces a photo, and asks each page again and again as a curator, some as an administrator,
the shared ones as nobody: first pages, late pages, the largest rows. They are asked of the very application that
the web server runs, started as it starts it, with a connection that is kept. PostgreSQL is told to look after its
tables once they are filled, which its autovacuum else does within a minute or two: a page asked before that would
measure how it plans without knowing them. Time is that of the view and everything around it, without the network,
and with what Python's garbage collector took of it; on a busy machine the processor's share says more (with SQLite
the database is part of it).
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LIMIT = 100.0  # milliseconds at the 95th percentile


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--people", type=int, default=1_000)
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--references", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--database", help="address of an empty database; SQLite without it")
    parser.add_argument("--only", help="pages whose name contains this")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        start(Path(folder), options.database)
        print("filling the database ...", file=sys.stderr)
        fill(options.people, options.photos, options.references)
        from facesite.wsgi import application

        report = [
            measured(application, name, address, user, options.rounds)
            for name, address, user in addresses()
            if not options.only or options.only in name
        ]
    show(report)
    out = Path(__file__).parent / "out"
    out.mkdir(exist_ok=True)
    (out / "pages.json").write_text(json.dumps(report, indent=1))


def start(folder: Path, database: str | None) -> None:
    os.environ |= {"FACESITE_DATA_DIR": str(folder), "FACESITE_LOG_LEVEL": "ERROR"}
    os.environ |= {"FACESITE_ALLOWED_HOSTS": "localhost", "DJANGO_SETTINGS_MODULE": "facesite.settings"}
    if database:
        os.environ["DATABASE_URL"] = database


def fill(*numbers: int) -> None:
    """In another process: what it leaves in memory is no part of a web server's."""
    code = (
        "import django; django.setup()\n"
        "from django.core.management import call_command; call_command('migrate', verbosity=0)\n"
        f"from bench.crowd import fill, settle; fill{numbers}; settle()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def addresses() -> list[tuple[str, str, Any]]:
    """Name, address and user of each page; late pages begin where a tenth is left."""
    from django.urls import reverse

    from bench.crowd import found
    from bench.places import administrators_pages, curators_pages, shared_pages

    crowd = found()
    pages: list[tuple[str, str, Any]] = [
        (name, address, crowd.curator) for name, address in curators_pages(crowd)
    ]
    pages += [(name, address, crowd.administrator) for name, address in administrators_pages(crowd)]
    pages += [(name, address, None) for name, address in shared_pages(crowd)]
    return [*pages, ("login", reverse("login"), None)]


def asking(application: Any, name: str, address: str, user: Any) -> Callable[[], str]:
    """Asks for the page as the web server would; its status comes back."""
    from django.test import Client, RequestFactory

    headers = {"HX-Request": "true", "HX-Target": "together"} if "fragment" in name else None
    visitor = Client()
    if user:
        visitor.force_login(user)
    cookies = "; ".join(f"{key}={value.value}" for key, value in visitor.cookies.items())

    def ask() -> str:
        environ = RequestFactory(headers=headers).get(address).environ
        environ |= {"HTTP_HOST": "localhost", "HTTP_COOKIE": cookies}
        said: list[str] = []
        answer = application(environ, lambda status, headers, *_: said.append(status))
        b"".join(answer)
        answer.close()
        return said[0]

    return ask


def measured(application: Any, name: str, address: str, user: Any, rounds: int) -> dict[str, Any]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    ask = asking(application, name, address, user)
    status = ask()  # the first reads templates
    if status != "200 OK":
        sys.exit(f"{name}: {address} answered {status}")
    times, processor, collecting = [], [], Collecting()
    for _ in range(rounds):
        started, used = time.perf_counter(), time.process_time()
        ask()
        times.append(1000 * (time.perf_counter() - started))
        processor.append(1000 * (time.process_time() - used))
    collecting.stop()
    with CaptureQueriesContext(connection) as asked:
        ask()
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
        "collecting": collecting.longest,
        "slowest_query_ms": 1000 * float(str(slowest["time"])),
        "slowest_query": slowest["sql"],
    }


class Collecting:
    """The longest that the garbage collector takes at once, until told to stop."""

    def __init__(self) -> None:
        self.longest = self.started = 0.0
        gc.callbacks.append(self._noted)

    def _noted(self, phase: str, about: dict[str, int]) -> None:
        if phase == "start":
            self.started = time.perf_counter()
        else:
            self.longest = max(self.longest, 1000 * (time.perf_counter() - self.started))

    def stop(self) -> None:
        gc.callbacks.remove(self._noted)


def show(report: list[dict[str, Any]]) -> None:
    columns = ("queries", "p50", "p95", "processor_p50", "collecting", "slowest_query_ms")
    print(
        "| page | queries | p50, ms | p95, ms | of it processor, ms | longest collection, ms | slowest query, ms |"
    )
    print("|---|---|---|---|---|---|---|")
    for row in sorted(report, key=lambda row: -row["p95"]):
        slow = " (too slow)" if row["p95"] >= LIMIT else ""
        print(f"| {row['page']}{slow} | " + " | ".join(f"{row[column]:.0f}" for column in columns) + " |")


if __name__ == "__main__":
    main()

"""Server time and queries of every list and detail page on a large made-up site.

    python -m bench.pages [--people 1000] [--photos 10000] [--references 100000] [--rounds 40]
                          [--database postgres://...] [--only part of a page's name]

Makes a database of its own (SQLite in a temporary folder, unless one is named, which must be empty), has another
process fill it with ten faces a photo, and asks all pages in turns, again and again, as a curator, some as an
administrator, the shared ones as nobody: first pages, late pages, the largest rows. They are asked of the very
application that the web server runs, started as it starts it, with a connection that is kept. PostgreSQL is told to
look after its tables once they are filled, which its autovacuum else does within a minute or two: a page asked
before that would measure how it plans without knowing them. Time is that of the view and everything around it,
without the network, and with what Python's garbage collector took of it; on a busy machine the processor's share
says more (with SQLite the database is part of it).
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

LIMIT = 250.0  # milliseconds at the 95th percentile


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--people", type=int, default=1_000)
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--references", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--database", help="address of an empty database; SQLite without it")
    parser.add_argument("--only", default="", help="pages whose name contains this")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        start(Path(folder), options.database)
        print("filling the database ...", file=sys.stderr)
        fill(options.people, options.photos, options.references)
        from facesite.wsgi import application

        report = measured(application, addresses(), options.rounds, options.only)
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


class Measured:
    """One page, asked as often as wanted."""

    def __init__(self, application: Any, name: str, address: str, user: Any) -> None:
        self.name, self.ask = name, asking(application, name, address, user)
        self.times: list[float] = []
        self.processor: list[float] = []
        self.collecting = 0.0
        status = self.ask()  # the first reads templates
        if status != "200 OK":
            sys.exit(f"{name}: {address} answered {status}")

    def once(self) -> None:
        collecting = Collecting()
        started, used = time.perf_counter(), time.process_time()
        self.ask()
        self.times.append(1000 * (time.perf_counter() - started))
        self.processor.append(1000 * (time.process_time() - used))
        collecting.stop()
        self.collecting = max(self.collecting, collecting.longest)

    def report(self) -> dict[str, Any]:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as asked:
            self.ask()
        slowest = max(
            asked.captured_queries, key=lambda query: float(query["time"]), default={"sql": "", "time": 0}
        )
        return {
            "page": self.name,
            "queries": len(asked),
            "p50": statistics.median(self.times),
            "p95": sorted(self.times)[math.ceil(0.95 * len(self.times)) - 1],
            "slowest": max(self.times),
            "processor_p50": statistics.median(self.processor),
            "collecting": self.collecting,
            "slowest_query_ms": 1000 * float(str(slowest["time"])),
            "slowest_query": slowest["sql"],
        }


def measured(
    application: Any, pages: Iterable[tuple[str, str, Any]], rounds: int, only: str = ""
) -> list[dict[str, Any]]:
    """All pages in turns, round after round: what the machine does meanwhile falls on each of them alike."""
    asked = [Measured(application, *page) for page in pages if only in page[0]]
    for _ in range(rounds):
        for page in asked:
            page.once()
    return [page.report() for page in asked]


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
    columns = ("queries", "p50", "p95", "slowest", "processor_p50", "collecting", "slowest_query_ms")
    print(
        "| page | queries | p50, ms | p95, ms | slowest, ms | of the median processor, ms "
        "| longest collection, ms | slowest query, ms |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for row in sorted(report, key=lambda row: -row["p95"]):
        slow = " (too slow)" if row["p95"] >= LIMIT else ""
        print(f"| {row['page']}{slow} | " + " | ".join(f"{row[column]:.0f}" for column in columns) + " |")


if __name__ == "__main__":
    main()

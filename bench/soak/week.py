"""The days of a site: people use it, parts of it are killed, and the clock leaps from one busy moment to the next."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from bench.process import memory_mb, tree
from bench.soak.owner import Owner
from tests.faults.clock import WallClock
from tests.faults.scene import Scene
from tests.servers import Process, is_open, wait_for

CLIENTS = 2  # who upload
BACKLOG = 30  # photos that wait, above which nobody sends more: the machine is not what is tested
DAYS = 7
SAMPLE_SECONDS = 2.0
WAITING = "SELECT COUNT(*) FROM gallery_photo WHERE work NOT IN ('done', 'failed')"
BUSY = """
SELECT 'photos', work, COUNT(*) FROM gallery_photo WHERE work NOT IN ('done', 'failed') GROUP BY work
UNION ALL SELECT 'references', work, COUNT(*) FROM gallery_reference
  WHERE work NOT IN ('done', 'failed') GROUP BY work
UNION ALL SELECT 'builds', work, COUNT(*) FROM gallery_build WHERE work IN ('queued', 'processing') GROUP BY work
UNION ALL SELECT 'erasures', work, COUNT(*) FROM gallery_erasure WHERE work <> 'done' GROUP BY work
"""
SWITCH = """
from gallery.index.switch import get_embedder_state
state = get_embedder_state()
answer = state.switch_text if state.is_under_way and not state.needs_look else ""
"""
STILL_SECONDS, SETTLE_SECONDS = (
    60,
    900,
)  # without a change, and at most, until what is left is taken to be stuck


@dataclass
class Sample:
    part: str
    pid: int
    mb: float


@dataclass
class Week:
    scene: Scene
    owner: Owner
    clock: WallClock | None
    dice: random.Random
    seconds: float  # that all of it takes
    faults: Counter[str] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)
    leaps: int = 0
    web_environment: dict[str, str] = field(default_factory=dict)
    stuck: list[tuple[Any, ...]] = field(default_factory=list)  # what did not come to an end
    failures: list[BaseException] = field(default_factory=list)
    _is_over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        _ = self.scene.uploader  # signed in before anything breaks
        self.start_web()
        self.scene.start_worker()
        acts = [self.upload] * CLIENTS + [self.use, self.watch_memory]
        threads = [threading.Thread(target=self.guarded, args=(act,)) for act in acts]
        for each in threads:
            each.start()
        try:
            self.break_things()
        finally:
            self._is_over.set()
            for each in threads:
                each.join()
        if self.failures:
            raise self.failures[0]
        self.settle()

    def guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except BaseException as failure:  # a thread's own would only be printed
            self.failures.append(failure)
            raise

    def break_things(self) -> None:
        """Until the time is over: a fault now and then, a leap of the clock in between."""
        began = time.monotonic()
        pause = max(4.0, min(60.0, self.seconds / 30))
        next_fault = began + pause
        while (spent := time.monotonic() - began) < self.seconds and not self.failures:
            time.sleep(self.dice.uniform(0.3, 0.6) * pause)
            self.leap(spent / self.seconds)
            self.watch_worker()
            if time.monotonic() > next_fault:
                name = self.dice.choice(sorted(self.breakages()))
                self.breakages()[name]()
                self.faults[name] += 1
                next_fault = time.monotonic() + self.dice.uniform(0.5, 1.5) * pause

    def watch_worker(self) -> None:
        """Start the worker again where it has ended, as `manage.py serve` does."""
        if self.scene.worker and self.scene.worker.poll() is not None:
            self.scene.end_worker()
            self.scene.start_worker()

    def leap(self, share: float) -> None:
        """To where so large a share of the week leads; now and then an hour back, as clocks are put right."""
        if self.clock is None:
            return
        ahead = int(DAYS * 86_400 * share) - self.clock.seconds
        self.clock.turn(-3600 if self.dice.random() < 0.1 else max(0, ahead))
        self.leaps += 1

    def settle(self) -> None:
        """Nothing breaks any more; what is under way ends, and what was put off is due."""
        if self.clock:
            self.clock.turn(3600)
        began = changed = time.monotonic()
        while left := self.scene.site.rows(BUSY) or self.find_switch():
            if left != self.stuck:
                self.stuck, changed = left, time.monotonic()
            now = time.monotonic()
            if now > changed + STILL_SECONDS or now > began + SETTLE_SECONDS:
                return
            self.watch_worker()
            time.sleep(0.5)
        self.stuck = []
        self.owner.manage("backup")  # the last one, which holds nothing that was erased before

    def find_switch(self) -> list[tuple[Any, ...]]:
        """A switch of embedders that is under way: it queues photos a few at a time, with pauses in between."""
        found = self.scene.site.ask(SWITCH)
        return [("switches", "under way", found)] if found else []

    def ask_count(self, sql: str) -> int:
        """What a query counts; more than ever wait where nobody answers."""
        try:
            return int(self.scene.site.rows(sql)[0][0])
        except (sqlite3.Error, psycopg.Error):
            return BACKLOG + 1

    def upload(self) -> None:
        while not self._is_over.is_set():
            content, name = self.owner.new_picture()
            while not self._is_over.is_set():
                if self.scene.uploader.upload(content, name).is_accepted:
                    break
                self._is_over.wait(0.5)
            while not self._is_over.wait(0.2) and self.ask_count(WAITING) > BACKLOG:
                self._is_over.wait(1)

    def use(self) -> None:
        while not self._is_over.wait(self.dice.uniform(0.1, 0.8)):
            try:
                self.owner.act()
            except (
                sqlite3.Error,
                psycopg.Error,
                FileNotFoundError,
            ):  # our own looks, while something is away
                continue

    def watch_memory(self) -> None:
        while not self._is_over.wait(SAMPLE_SECONDS):
            self.sample_memory()

    def sample_memory(self) -> None:
        self.samples += [Sample(part, pid, memory_mb(pid)[0]) for part, pid in self.list_processes()]

    def list_processes(self) -> list[tuple[str, int]]:
        web, worker = self.scene.web, self.scene.worker
        found = [("web server", pid) for pid in (tree(web.pid) if web else []) if not is_decoder(pid)]
        found += [("decoder", pid) for pid in (tree(web.pid) if web else []) if is_decoder(pid)]
        for pid in tree(worker.pid) if worker else []:
            part = "scheduler and main process" if worker and pid == worker.pid else "worker process"
            if is_decoder(pid):
                part = "decoder"
            elif b"answer_lookups" in read_command(pid):
                part = "pictures that are not kept"
            found.append((part, pid))
        return found

    def breakages(self) -> dict[str, Callable[[], None]]:
        acts: dict[str, Callable[[], None]] = {
            "web server killed": self.kill_web,
            "worker killed": self.kill_worker,
            "worker stopped": self.stop_worker,
            "worker process killed": lambda: self.kill_part("worker process"),
            "decoder killed": lambda: self.kill_part("decoder"),
        }
        redis, postgres = self.scene.redis, self.scene.postgres
        if redis:
            acts["Redis killed and away"] = lambda: self.take_away(redis, signal.SIGKILL)
        if postgres:
            acts["PostgreSQL killed and away"] = lambda: self.take_away(postgres, signal.SIGKILL)
            acts["PostgreSQL restarted"] = lambda: self.take_away(postgres, signal.SIGINT)
        else:
            acts["SQLite locked"] = self.lock_sqlite
        return acts

    def start_web(self) -> None:
        if not self.scene.web:
            self.scene.web = self.scene.site.start_web(self.scene.port, **self.web_environment)
            wait_for(lambda: is_open(self.scene.port), "the web server")

    def kill_web(self) -> None:
        self.scene.end_web(signal.SIGKILL)
        self.start_web()

    def kill_worker(self) -> None:
        self.scene.end_worker(signal.SIGKILL)
        self.scene.start_worker()

    def stop_worker(self) -> None:
        self.scene.end_worker(signal.SIGTERM)
        self.scene.start_worker()

    def kill_part(self, part: str) -> None:
        pids = [pid for name, pid in self.list_processes() if name == part]
        if pids:
            os.kill(self.dice.choice(pids), signal.SIGKILL)

    def take_away(self, server: Process, number: int) -> None:
        server.child.send_signal(number)
        server.child.wait(30)
        time.sleep(self.dice.uniform(0, 5))
        server.start()

    def lock_sqlite(self) -> None:
        with closing(sqlite3.connect(self.scene.site.folder / "facesite.sqlite3", timeout=60)) as other:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(self.dice.uniform(1, 6))
            other.rollback()

    def memory(self) -> dict[str, dict[str, float]]:
        """For each part: its processes, what they held at most, and in the middle."""
        parts: dict[str, list[Sample]] = defaultdict(list)
        for sample in self.samples:
            parts[sample.part].append(sample)
        return {
            part: {
                "processes": len({sample.pid for sample in samples}),
                "median": round(sorted(sample.mb for sample in samples)[len(samples) // 2]),
                "most": round(max(sample.mb for sample in samples)),
            }
            for part, samples in parts.items()
        }


def read_command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def is_decoder(pid: int) -> bool:
    return b"recognition.images.sandbox" in read_command(pid)

"""The hosts and what they share: PostgreSQL, Redis and an S3 server, all on loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from tests import servers
from tests.faults.clock import WallClock
from tests.faults.scene import Scene
from tests.servers import Process, free_port
from tests.site import Site, stop_group

BUCKET, PREFIX = "facesite-cluster", "site/"
SECONDS_AHEAD = 120  # of the clock of one host
ROLES = {"web-1": "web", "web-2": "web", "worker-1": "worker", "worker-2": "worker", "scheduler": "scheduler"}
SKEWED = "worker-2"


class HostSite(Site):
    """The database is migrated once, by the first host."""

    def prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)


@dataclass
class Machine:
    """A host: its data directory, its name, and the processes that run on it."""

    name: str
    role: str
    site: Site
    people: Path
    seconds_ahead: int = 0
    deaths: int = 0
    child: subprocess.Popen[bytes] | None = None
    scene: Scene = field(init=False)

    def __post_init__(self) -> None:
        self.scene = Scene(self.site, self.people)

    def start(self, **environment: str) -> None:
        if self.role == "web":
            self.scene.start_web()
            self.child = self.scene.web
            return
        command = [sys.executable, "-m", "celery", "-q", "-A", "facesite"]
        if self.role == "worker":
            command += ["worker", "--loglevel", "WARNING", "--concurrency", "1"]
        else:
            command += ["beat", "--loglevel", "WARNING", "--schedule", str(self.site.folder / "schedule")]
            command += ["--pidfile", ""]
        self.child = self.site._start(command, f"{self.role}.log", environment)

    def kill(self) -> None:
        """As a computer that loses its power: nothing is said to anybody."""
        self.deaths += 1
        if self.child:
            stop_group(self.child, signal.SIGKILL)
        self.child = self.scene.web = None

    def end(self) -> None:
        if self.child:
            stop_group(self.child, signal.SIGTERM)
        self.child = self.scene.web = None


@dataclass
class Cluster:
    machines: dict[str, Machine]
    postgres: Process
    redis: Process
    store: Process
    bucket: Any  # boto3's client
    database: str
    faults: list[str] = field(default_factory=list)

    def __getitem__(self, name: str) -> Machine:
        return self.machines[name]

    @property
    def web(self) -> list[Machine]:
        return [each for each in self.machines.values() if each.role == "web"]

    @property
    def workers(self) -> list[Machine]:
        return [each for each in self.machines.values() if each.role == "worker"]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.web[0].site.rows(sql)

    def kill(self, name: str, step: str) -> None:
        self[name].kill()
        self.faults.append(f"{name} killed: {step}")
        print(f"  {self.faults[-1]}", file=sys.stderr, flush=True)

    def list_stored(self) -> Iterator[tuple[str, bytes]]:
        """What the store holds: keys below the prefix, and contents."""
        for page in self.bucket.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
            for each in page.get("Contents", ()):
                yield each["Key"].removeprefix(PREFIX), self.read_stored(each["Key"].removeprefix(PREFIX))

    def read_stored(self, name: str) -> bytes:
        content: bytes = self.bucket.get_object(Bucket=BUCKET, Key=PREFIX + name)["Body"].read()
        return content

    @contextmanager
    def paused_store(self) -> Iterator[None]:
        """It accepts connections and answers nothing, as one whose network hangs."""
        os.kill(self.store.child.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.store.child.pid, signal.SIGCONT)


@contextmanager
def open_store(folder: Path) -> Iterator[tuple[Process, dict[str, str]]]:
    """An S3 server with an empty bucket, and the variables that lead to it."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    environment = {
        "FACESITE_STORAGE": f"s3://{BUCKET}/{PREFIX.strip('/')}",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "cluster",
        "AWS_SECRET_ACCESS_KEY": "cluster",
    }
    server = Process(command, port, cwd=folder)
    try:
        yield server, environment
    finally:
        server.kill()


@contextmanager
def open_cluster(folder: Path, people: Path, names: tuple[str, ...] = tuple(ROLES)) -> Iterator[Cluster]:
    """All parts, not yet started; the clock of one host is two minutes ahead where a C compiler is at hand."""
    for name in ("redis", "postgres", "store"):
        (folder / name).mkdir(parents=True)
    with ExitStack() as stack:
        broker = stack.enter_context(servers.redis(folder / "redis"))
        database, address = stack.enter_context(servers.postgres(folder / "postgres"))
        store, storage = stack.enter_context(open_store(folder / "store"))
        shared = {
            "DATABASE_URL": address,
            "CELERY_BROKER_URL": f"redis://127.0.0.1:{broker.port}/0",
            "FACESITE_SECRET_KEY": "one for all hosts of the cluster, and long enough for that",
            "FACESITE_EMBEDDER": "dlib",
            "FACESITE_LEASE_SECONDS": "10",
            "FACESITE_SWEEP_SECONDS": "2",
            "FACESITE_UPLOADS_PER_HOUR": "100000",
            **storage,
        }
        cluster = Cluster({}, database, broker, store, make_client(storage), address)
        cluster.bucket.create_bucket(Bucket=BUCKET)
        for name in names:
            own, ahead = {"FACESITE_HOST_NAME": name}, 0
            if name == SKEWED and WallClock.is_possible():
                clock = WallClock(folder / "clock")
                clock.turn(SECONDS_AHEAD)
                own, ahead = own | clock.environment, SECONDS_AHEAD
            kind = HostSite if cluster.machines else Site
            site = kind(folder / name, **shared, **own)
            cluster.machines[name] = Machine(name, ROLES[name], site, people, ahead)
            stack.callback(cluster.machines[name].end)
        yield cluster


def make_client(storage: dict[str, str]) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=storage["AWS_ENDPOINT_URL"],
        region_name=storage["AWS_DEFAULT_REGION"],
        aws_access_key_id=storage["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=storage["AWS_SECRET_ACCESS_KEY"],
    )

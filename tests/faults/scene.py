"""A running installation whose parts can be killed, and what must be true of it whatever was killed."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tests import servers
from tests.faults.client import Uploader
from tests.faults.pictures import portrait
from tests.servers import free_port, is_open, wait_for
from tests.site import Site, stop_group

SIGN_IN = """
from django.test import Client
user = User.objects.create(username="Uploader", role="curator")
client = Client()
client.force_login(user)
answer = client.cookies["sessionid"].value
"""
PHOTOS = (
    "SELECT p.id, p.sha256, p.file, p.work, p.failure_code, p.attempts, p.lease_owner,"
    " (SELECT COUNT(*) FROM gallery_face f WHERE f.photo_id = p.id),"
    " (SELECT COUNT(*) FROM gallery_event e WHERE e.verb = 'photo.add' AND e.object_id = p.id)"
    " FROM gallery_photo p ORDER BY p.id"
)
UNSETTLED = "SELECT COUNT(*) FROM gallery_photo WHERE work NOT IN ('done', 'failed')"


@dataclass
class Scene:
    site: Site
    people: Path
    redis: servers.Process | None = None
    postgres: servers.Process | None = None
    port: int = field(default_factory=free_port)
    web: subprocess.Popen[bytes] | None = None
    worker: subprocess.Popen[bytes] | None = None
    made: int = 0
    forgiven: set[int] = field(default_factory=set)  # photos that may have failed
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def uploader(self) -> Uploader:
        """The one who uploads, signed in."""
        return Uploader(self.port, self.site.ask(SIGN_IN))

    def upload(self, count: int, scale: int = 1) -> None:
        """So many new photos, one after the other."""
        for _ in range(count):
            self.uploader.until_accepted(*self.picture(scale))

    def picture(self, scale: int = 1) -> tuple[bytes, str]:
        """Another photo than any before, and its name."""
        with self._lock:
            self.made += 1
            number = self.made
        return portrait(self.people, number, scale), f"photo-{number}.jpg"

    def start_web(self) -> None:
        if self.web:
            return
        self.web = self.site.start_web(self.port)
        wait_for(lambda: is_open(self.port), "the web server")

    def start_worker(self, app: str = "facesite", **environment: str) -> None:
        self.worker = self.site.start_worker(app, **environment)

    def end_web(self, number: int = signal.SIGKILL) -> None:
        if self.web:
            stop_group(self.web, number)
        self.web = None

    def end_worker(self, number: int = signal.SIGKILL) -> None:
        if self.worker:
            stop_group(self.worker, number)
        self.worker = None

    def unsettled(self) -> int:
        count: int = self.site.rows(UNSETTLED)[0][0]
        return count

    def settle(self, seconds: float = 90) -> None:
        wait_for(lambda: not self.unsettled(), "all photos to be done or failed", seconds)

    def states(self) -> dict[str, int]:
        """How many photos are done, failed and so on."""
        return dict(self.site.rows("SELECT work, COUNT(*) FROM gallery_photo GROUP BY work"))

    def check(self, *, may_fail: bool = False) -> None:
        """All that was promised is there, once, whole and settled; nothing else is."""
        found = self.site.rows(PHOTOS)
        digests = [row[1] for row in found]
        assert len(digests) == len(set(digests)), "a photo is there twice"
        assert self.uploader.promised.keys() <= set(digests), "an accepted photo is lost"
        media = self.site.folder / "media"
        for pk, sha256, file, work, failure, attempts, lease, faces, events in found:
            content = (media / file).read_bytes()  # a row without its file raises
            assert hashlib.sha256(content).hexdigest() == sha256, f"photo {pk} is not what was sent"
            if may_fail and work == "failed" and failure:
                self.forgiven.add(pk)
            assert (work == "done") != (work == "failed" and pk in self.forgiven), (pk, work, failure)
            assert not lease, f"photo {pk} is {work} and still held by {lease}"
            assert work == "failed" or not attempts
            assert faces == (work == "done"), f"photo {pk} is {work} and has {faces} faces"
            assert events == 1, f"photo {pk} was added {events} times"

    def leftovers(self) -> list[Path]:
        """Half-written files, after what a worker does with them every few hours."""
        self.site.manage(
            "shell",
            "-v0",
            "--no-imports",
            "-c",
            "from gallery.core.limits import remove_stale_files; remove_stale_files(0)",
        )
        folder = self.site.folder
        found = [
            *folder.glob("media/incoming/*"),
            *folder.glob("tmp/*.upload*"),
            *folder.glob("broker/*/*.part"),
        ]
        return found + list(folder.glob("cache/**/.new-*"))

    def end(self) -> None:
        self.end_web()
        self.end_worker()


@contextmanager
def embedded(folder: Path, people: Path, **environment: str) -> Iterator[Scene]:
    """What `make run` uses."""
    scene = Scene(Site(folder, **environment), people)
    try:
        yield scene
    finally:
        scene.end()


@contextmanager
def served(folder: Path, people: Path, **environment: str) -> Iterator[Scene]:
    """On Redis and PostgreSQL, as in production. A clock that is turned (`tests.faults.clock`) is theirs, too."""
    clock = {name: environment[name] for name in ("LD_PRELOAD", "FAULTS_CLOCK") if name in environment}
    for name in ("redis", "postgres"):
        (folder / name).mkdir(parents=True)
    with ExitStack() as stack:
        broker = stack.enter_context(servers.redis(folder / "redis", **clock))
        database, address = stack.enter_context(servers.postgres(folder / "postgres", **clock))
        url = f"redis://127.0.0.1:{broker.port}/0"
        site = Site(folder / "data", CELERY_BROKER_URL=url, DATABASE_URL=address, **environment)
        scene = Scene(site, people, broker, database)
        stack.callback(scene.end)
        yield scene

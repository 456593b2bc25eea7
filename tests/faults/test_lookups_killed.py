"""Web server and worker killed with kill -9 while they hold a picture that is not kept: nothing of it is left."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from bench.process import tree
from gallery.core.lookups import SOCKET_NAME
from tests.faults.pictures import portrait
from tests.servers import free_port, is_open, wait_for
from tests.site import Site, stop_group

pytestmark = pytest.mark.slow

NAME = "nobody-may-know-this-name.jpg"
TOKEN = "a" * 32
MARK = os.urandom(24).hex().encode()  # goes where the picture's bytes go
KEPT = ("broker", "facesite.sqlite3", "worker.log", "web.log", "schedule", "lookups.sock", "lookups.lock")


class Asked:
    """A site on which one can ask, and be held in the middle of it for as long as a test likes."""

    def __init__(self, folder: Path, people: Path) -> None:
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.site = Site(folder / "site", FACESITE_IDENTIFY="yes", TMPDIR=str(self.temporary))
        self.site.ask("User.objects.create(username='vy', role='viewer')\nanswer = 0")
        self.cookies = {"sessionid": self.site.make_session("vy"), "csrftoken": TOKEN}
        self.picture = portrait(people, 1) + MARK * 500_000
        self.port, self.threads = free_port(), ThreadPoolExecutor(1)
        self.worker = self.site.start_worker()
        self.web = self.start_web()
        wait_for(lambda: (self.site.folder / SOCKET_NAME).exists(), "the worker to listen", 60)
        assert self.ask() == 200
        self.before = self.list_files()

    def start_web(self) -> int:
        self.web_process = self.site.start_web(self.port)
        wait_for(lambda: is_open(self.port), "the web server")
        return self.web_process.pid

    def ask(self) -> int:
        try:
            answer = requests.post(
                f"http://127.0.0.1:{self.port}/who/",
                data={"csrfmiddlewaretoken": TOKEN},
                files={"file": (NAME, self.picture)},
                cookies=self.cookies,
                timeout=100,
            )
        except requests.RequestException:
            return 0
        return answer.status_code

    def ask_and_hold(self) -> Future[int]:
        """Somebody asks; returns once the process that looks has the picture and waits for its decoder."""
        looking = self.find_looking()
        os.kill(self.find_decoder(), signal.SIGSTOP)
        asked = self.threads.submit(self.ask)
        wait_for(lambda: holds_picture(looking), "the picture to arrive")
        return asked

    def find_looking(self) -> int:
        def find() -> list[int]:
            return [pid for pid in tree(self.worker.pid) if b"answer_lookups" in read_command(pid)]

        wait_for(find, "the process that looks")
        return find()[0]

    def find_decoder(self) -> int:
        """The process that looks has one, once it was asked."""
        [decoder] = tree(self.find_looking())[1:]
        return decoder

    def list_files(self) -> set[str]:
        """What lies in the data directory and among temporary files, but for what is written all the time."""
        found = (path for root in (self.site.folder, self.temporary) for path in root.rglob("*"))
        return {str(path) for path in found if not any(part.startswith(KEPT) for part in path.parts)}

    def expect_nothing_left(self) -> None:
        assert self.list_files() <= self.before
        for root in (self.site.folder, self.temporary):
            for path in root.rglob("*"):
                if path.is_file():
                    content = path.read_bytes()
                    assert MARK not in content, f"the picture's bytes are in {path}"
                    assert NAME.encode() not in content, f"its name is in {path}"
        counts = "answer = [one.objects.count() for one in (Photo, Face, Reference, PartialUpload)]"
        assert self.site.ask(counts) == [0, 0, 0, 0]

    def end(self) -> None:
        self.threads.shutdown(wait=False)
        stop_group(self.web_process, signal.SIGKILL)
        stop_group(self.worker, signal.SIGKILL)


def read_command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def holds_picture(pid: int) -> bool:
    """Whether it has memory open that it shares with its decoder."""
    return any("memfd:facesite" in str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir())


@pytest.fixture
def asked(tmp_path: Path, demo: tuple[Path, Path]) -> Iterator[Asked]:
    made = Asked(tmp_path, demo[0])
    yield made
    made.end()


def test_nothing_of_a_picture_is_left_when_web_or_worker_is_killed(asked: Asked) -> None:
    answer = asked.ask_and_hold()
    stop_group(asked.web_process, signal.SIGKILL)
    assert answer.result(60) == 0
    os.kill(asked.find_decoder(), signal.SIGCONT)
    asked.start_web()
    assert asked.ask() == 200, "the one that looks must not wait for who asked before"
    asked.expect_nothing_left()

    answer = asked.ask_and_hold()
    looking, decoder = asked.find_looking(), asked.find_decoder()
    os.kill(looking, signal.SIGKILL)
    assert answer.result(60) == 503
    os.kill(decoder, signal.SIGCONT)
    wait_for(lambda: not read_command(decoder), "the decoder to end with who asked it")
    asked.expect_nothing_left()

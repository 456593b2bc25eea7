"""No file takes the process that wants its pixels down, whatever it does to the decoder."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from recognition import images
from recognition.errors import ImageError, ImageTooLarge
from recognition.images.sandbox import (
    close_decoders,
    make_rendition,
    probe_photo,
    read_photo,
    read_photos_ahead,
    read_regions,
)
from recognition.images.sandbox.client import _build_environment
from recognition.images.sandbox.pool import DecoderPool, get_shared_pool
from recognition.images.sandbox.wire import Message, create_shared_file
from recognition.types import Box
from tests import corpus

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True, scope="module")
def _decoders_end_with_the_tests() -> Iterator[None]:
    yield
    close_decoders()


def decoder_pids() -> list[int]:
    return get_shared_pool().pids


@pytest.mark.parametrize("name", [*corpus.PLAIN, *corpus.ODD])
def test_photos_come_out_as_without_the_sandbox(name: str) -> None:
    data = {**corpus.PLAIN, **corpus.ODD}[name]()
    inside, plain = read_photo(data, max_side=40), images.read_photo(data, max_side=40)
    assert np.array_equal(inside.pixels, plain.pixels)
    assert (inside.info, inside.across, inside.left) == (plain.info, plain.across, plain.left)
    assert probe_photo(data) == images.probe_photo(data)


@pytest.mark.parametrize("name", corpus.HOSTILE)
def test_hostile_files_are_refused_with_the_same_words(name: str) -> None:
    make, word = corpus.HOSTILE[name]
    data = make()
    with pytest.raises(ImageError, match=word) as inside:
        read_photo(data)
    with pytest.raises(ImageError) as plain:
        images.read_photo(data)
    assert (type(inside.value), str(inside.value)) == (type(plain.value), str(plain.value))


def test_regions_and_derived_pictures_come_out_the_same(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(corpus.jpeg_turned(6, 640, 480))
    boxes = [Box(10, 20, 100, 90), Box(-5, 300, 400, 900)]
    for choice in (None, 60):
        for inside, plain in zip(
            read_regions(path, boxes, max_side=choice),
            images.read_regions(path, boxes, max_side=choice),
            strict=True,
        ):
            assert inside.box == plain.box
            assert np.array_equal(inside.pixels, plain.pixels)
    assert read_regions(path, []) == []
    assert make_rendition(path, 100) == images.make_rendition(path, 100)


def test_pixels_can_be_written_to_and_outlive_the_decoder() -> None:
    pixels = read_photo(corpus.jpeg()).pixels
    before = pixels.copy()
    close_decoders()
    assert np.array_equal(pixels, before)
    pixels[:] = 0
    assert not pixels.any()


def test_a_file_that_keeps_the_decoder_busy_is_stopped_in_time() -> None:
    with pytest.raises(ImageTooLarge, match="longer than 1 seconds"):
        read_photo(corpus.jpeg_of_scans(), images.Limits(seconds=1))
    assert read_photo(corpus.jpeg()).width == 64


def test_a_file_that_wants_too_much_memory_is_refused() -> None:
    with pytest.raises(ImageTooLarge, match="more memory"):
        read_photo(corpus.png_claiming(9000, 9000), images.Limits(memory_bytes=300_000_000))
    assert read_photo(corpus.jpeg()).width == 64


@pytest.mark.parametrize("death", [signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT])
def test_a_crash_while_decoding_is_blamed_on_the_file(death: signal.Signals) -> None:
    close_decoders()
    probe_photo(corpus.jpeg())
    (pid,) = decoder_pids()
    data = corpus.jpeg_of_scans()
    timer = threading.Timer(0.5, os.kill, (pid, death))
    timer.start()
    with pytest.raises(ImageError, match="made the photo decoder fail"):
        read_photo(data)
    timer.join()
    assert read_photo(corpus.jpeg()).width == 64


def test_a_file_that_exhausts_its_processor_time_took_too_long() -> None:
    close_decoders()
    probe_photo(corpus.jpeg())
    (pid,) = decoder_pids()
    data = corpus.jpeg_of_scans()
    timer = threading.Timer(0.5, os.kill, (pid, signal.SIGXCPU))
    timer.start()
    with pytest.raises(ImageTooLarge, match="took longer than 20"):
        read_photo(data)
    timer.join()
    assert decoder_pids() == []


def test_a_decoder_that_died_idle_is_replaced_without_a_word() -> None:
    close_decoders()
    probe_photo(corpus.jpeg())
    (pid,) = decoder_pids()
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.1)
    assert read_photo(corpus.jpeg()).width == 64
    assert decoder_pids() != [pid]


class BrokenOff(Exception):
    """As a task's time limit raises it: anywhere, from a signal handler."""


def test_after_an_interruption_no_photo_gets_the_answer_to_another() -> None:
    probe_photo(corpus.jpeg())
    data = corpus.jpeg_of_scans(400)

    def break_off(*_: object) -> None:
        raise BrokenOff

    before = signal.signal(signal.SIGALRM, break_off)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(BrokenOff):
            read_photo(data)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert [read_photo(corpus.jpeg(width, 30)).width for width in (41, 42, 43)] == [41, 42, 43]


def test_one_decoder_serves_many_photos() -> None:
    close_decoders()
    for _ in range(20):
        read_photo(corpus.jpeg())
        first = decoder_pids()
    assert decoder_pids() == first
    assert len(first) == 1


def test_a_large_parent_does_not_make_its_decoder_look_tired() -> None:
    close_decoders()
    ballast = np.ones(100_000_000)
    for _ in range(3):
        read_photo(corpus.jpeg())
        first = decoder_pids()
    assert decoder_pids() == first
    assert ballast[0]


def test_threads_read_at_the_same_time() -> None:
    made = {width: corpus.jpeg(width, 40) for width in range(30, 60)}
    with ThreadPoolExecutor(6) as readers:
        widths = list(readers.map(lambda data: read_photo(data).width, made.values()))
    assert widths == list(made)
    assert len(decoder_pids()) <= max(2, os.cpu_count() or 1)


def test_reading_ahead_keeps_order_and_carries_errors() -> None:
    sources: list[images.Source] = [
        corpus.jpeg(40, 30),
        b"nothing",
        corpus.jpeg(50, 30),
        b"",
        corpus.jpeg(60, 30),
    ]
    outcomes = list(read_photos_ahead(sources))
    assert [source for source, _ in outcomes] == sources
    assert [getattr(outcome, "width", type(outcome)) for _, outcome in outcomes] == [
        40,
        ImageError,
        50,
        ImageError,
        60,
    ]


def _width_in_a_worker(results: multiprocessing.Queue[tuple[int, list[int]]]) -> None:
    results.put((read_photo(corpus.jpeg()).width, decoder_pids()))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_it_works_in_daemonic_worker_processes_each_with_its_own_decoder(method: str) -> None:
    read_photo(corpus.jpeg())
    ours = decoder_pids()
    context = multiprocessing.get_context(method)
    results = context.Queue()
    worker = context.Process(target=_width_in_a_worker, args=(results,), daemon=True)
    worker.start()
    width, theirs = results.get(timeout=60)
    worker.join(30)
    assert width == 64
    assert not set(ours) & set(theirs)
    assert read_photo(corpus.jpeg()).width == 64
    assert decoder_pids() == ours


_ORPHAN = """
import os, sys, threading
from recognition.images import Limits, sandbox
from recognition.images.sandbox import pool
from tests import corpus
sandbox.probe_photo(corpus.jpeg())
if sys.argv[1] == "busy":
    arguments = corpus.jpeg_of_scans(), Limits(seconds=3)
    threading.Thread(target=sandbox.read_photo, args=arguments, daemon=True).start()
    import time; time.sleep(0.3)
if os.fork() == 0:  # a forked relative that lives on must not keep the decoder alive
    import time; time.sleep(20); os._exit(0)
print(*pool.get_shared_pool().pids, flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("state", ["idle", "busy"])
def test_the_decoder_dies_with_its_owner(state: str) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", _ORPHAN, state], stdout=subprocess.PIPE, cwd=ROOT, text=True
    )
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    owner.stdout.close()
    owner.wait()
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline and _is_alive(pid):
        time.sleep(0.1)
    is_left = _is_alive(pid)
    if is_left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert not is_left


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_the_decoder_gets_none_of_the_sites_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACESITE_SECRET_KEY", "secret")
    assert not any("secret" in value for value in _build_environment().values())


@pytest.mark.parametrize(
    "answer",
    [
        {"tired": False},
        {"tired": False, "shape": [10, 10], "lie": [1, 1, 0, 0], "info": {}},
        {"tired": False, "shape": [99999, 99999], "lie": [1, 1, 0, 0], "info": {}},
        {"tired": False, "shape": "huge", "lie": None, "info": []},
    ],
)
def test_a_decoder_that_lies_is_not_believed(answer: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    def lie(*_: object) -> tuple[Message, list[int]]:
        handle = create_shared_file(100)
        return answer, [handle]

    monkeypatch.setattr(DecoderPool, "ask", lie)
    with pytest.raises(ImageError, match="made the photo decoder fail"):
        read_photo(corpus.jpeg())

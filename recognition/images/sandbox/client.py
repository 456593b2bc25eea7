"""Decoding processes as seen from the process that needs pixels: start, ask, time out, replace."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import recognition
from recognition.errors import ImageError, ImageTooLarge, RecognitionError
from recognition.images.limits import Limits
from recognition.images.sandbox.wire import DecoderGone, Message, receive_message, send_message

_START_SECONDS = 60.0
_TOO_LONG = {-signal.SIGXCPU, -signal.SIGALRM}


@contextmanager
def _shielded_from_interrupts() -> Iterator[None]:
    """Processes started meanwhile do not hear of Ctrl-C, which is ours to answer; they end when their line does."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Decoder:
    """One decoding process. Not for use by two threads at once; ``pool`` sees to that."""

    def __init__(self) -> None:
        """Start it, without waiting until it is ready."""
        self._line, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._is_ready = False
        self._owes_answer = False
        with other, _shielded_from_interrupts():
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "recognition.images.sandbox", str(other.fileno())],
                pass_fds=[other.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=_build_environment(),
            )

    def ask(self, request: Message, handle: int, limits: Limits) -> tuple[Message, list[int]]:
        """The answer, and files that came with it. Raises ImageError for what the file is to blame for,
        Gone when the process had died before it got the file."""
        self._wait_until_ready()
        self._owes_answer = True
        send_message(self._line, request, (handle,))
        self._line.settimeout(limits.seconds)
        try:
            answer, handles = receive_message(self._line)
        except TimeoutError:
            self.stop()
            raise _make_timeout_error(limits) from None
        except DecoderGone:
            raise self._blame(limits) from None
        self._owes_answer = False
        if answer.get("tired") is not False:
            self.stop()
        if "error" in answer:
            for extra in handles:
                os.close(extra)
            raise _make_answer_error(answer)
        return answer, handles

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_reusable(self) -> bool:
        """Whether it runs and waits for work. One whose question was broken off, by a signal's exception for
        instance, still owes an answer, which must not be taken for that to the next question."""
        return self._process.returncode is None and not self._owes_answer

    def stop(self) -> None:
        self._line.close()
        if self._process.returncode is None:
            self._process.kill()
            self._process.wait()

    def forget(self) -> None:
        """After a fork: the process is the parent's. Let go of the socket, or it would outlive its owner."""
        self._line.close()
        self._process.returncode = 0  # not ours to wait for

    def _wait_until_ready(self) -> None:
        if self._is_ready:
            return
        self._line.settimeout(_START_SECONDS)
        try:
            receive_message(self._line)
        except (DecoderGone, TimeoutError):
            self.stop()
            raise RecognitionError("The process that decodes photos does not start; see the log.") from None
        self._is_ready = True

    def _blame(self, limits: Limits) -> ImageError:
        self._line.close()
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            self.stop()
            code = -signal.SIGKILL
        if code in _TOO_LONG:
            return _make_timeout_error(limits)
        return ImageError("decoder_failed")


def _make_timeout_error(limits: Limits) -> ImageError:
    return ImageTooLarge("too_long", seconds=f"{limits.seconds:.0f}")


def _make_answer_error(answer: Message) -> ImageError:
    if answer["error"] == "memory":
        return ImageTooLarge("too_much_memory")
    kind = ImageTooLarge if answer["error"] == "ImageTooLarge" else ImageError
    try:
        error = kind(answer["code"], **{name: str(value)[:100] for name, value in answer["params"].items()})
        str(error)  # what a hostile file made of the decoder may name no message
    except (LookupError, TypeError, ValueError, AttributeError):
        return ImageError("decoder_failed")
    return error


def _build_environment() -> dict[str, str]:
    """Only what decoding needs: no secret of the site's is in the decoder's reach. One thread, and one heap
    that keeps up to 64 MB for the next photo: fresh pages cost as much time as decoding a small photo."""
    return {
        "PYTHONPATH": str(Path(recognition.__file__).parent.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", ""),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "1",
        "MALLOC_MMAP_THRESHOLD_": "33554432",
        "MALLOC_TRIM_THRESHOLD_": "67108864",
    }

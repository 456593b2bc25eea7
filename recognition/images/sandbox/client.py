"""Decoding processes as seen from the process that needs pixels: start, ask, time out, replace."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import recognition
from recognition.images.limits import Limits
from recognition.images.sandbox.wire import Gone, Message, receive, send
from recognition.refusals import say
from recognition.types import ImageError, ImageTooLarge, RecognitionError

_START_SECONDS = 60.0
_TOO_LONG = {-signal.SIGXCPU, -signal.SIGALRM}


class Decoder:
    """One decoding process. Not for use by two threads at once; ``pool`` sees to that."""

    def __init__(self) -> None:
        """Start it, without waiting until it is ready."""
        self._line, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._is_ready = False
        self._owes_answer = False
        with other:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "recognition.images.sandbox", str(other.fileno())],
                pass_fds=[other.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=_environment(),
            )

    def ask(self, request: Message, handle: int, limits: Limits) -> tuple[Message, list[int]]:
        """The answer, and files that came with it. Raises ImageError for what the file is to blame for,
        Gone when the process had died before it got the file."""
        self._wait_until_ready()
        self._owes_answer = True
        send(self._line, request, (handle,))
        self._line.settimeout(limits.seconds)
        try:
            answer, handles = receive(self._line)
        except TimeoutError:
            self.stop()
            raise _took_too_long(limits) from None
        except Gone:
            raise self._blame(limits) from None
        self._owes_answer = False
        if answer.get("tired") is not False:
            self.stop()
        if "error" in answer:
            for extra in handles:
                os.close(extra)
            raise _error_from(answer)
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
            receive(self._line)
        except (Gone, TimeoutError):
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
            return _took_too_long(limits)
        return ImageError(say("decoder_failed"))


def _took_too_long(limits: Limits) -> ImageError:
    return ImageTooLarge(say("too_long", seconds=f"{limits.seconds:.0f}"))


def _error_from(answer: Message) -> ImageError:
    text = str(answer.get("text", ""))[:500]
    if answer["error"] == "ImageError":
        return ImageError(text)
    if answer["error"] == "ImageTooLarge":
        return ImageTooLarge(text)
    return ImageTooLarge(say("too_much_memory"))


def _environment() -> dict[str, str]:
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

"""A few decoding processes shared by the threads of this process; none is shared with a forked one."""

from __future__ import annotations

import atexit
import os
import threading

from recognition.errors import RecognitionError
from recognition.images.limits import Limits
from recognition.images.sandbox.client import Decoder
from recognition.images.sandbox.wire import DecoderGone, Message


class DecoderPool:
    def __init__(self, size: int) -> None:
        self._slots = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._idle: list[Decoder] = []
        self._all: set[Decoder] = set()

    def ask(self, request: Message, handle: int, limits: Limits) -> tuple[Message, list[int]]:
        """See ``Decoder.ask``; waits for a free process, replaces dead ones."""
        with self._slots:
            for _ in range(3):
                decoder = self._take()
                try:
                    return decoder.ask(request, handle, limits)
                except DecoderGone:
                    decoder.stop()
                finally:
                    self._give_back(decoder)
            raise RecognitionError("The process that decodes photos keeps dying; see the log.")

    def start(self) -> None:
        """Start one process in the background, to be ready when the first photo comes."""
        with self._lock:
            if not self._all:
                decoder = Decoder()
                self._all.add(decoder)
                self._idle.append(decoder)

    @property
    def pids(self) -> list[int]:
        """The process ids of the decoders that run now."""
        with self._lock:
            return [decoder.pid for decoder in self._all]

    def close(self) -> None:
        with self._lock:
            for decoder in self._all:
                decoder.stop()
            self._all.clear()
            self._idle.clear()

    def forget(self) -> None:
        """In a forked process: let go of the parent's processes without a word. Takes no lock: another thread
        may have held it at the fork."""
        for decoder in self._all:
            decoder.forget()

    def _take(self) -> Decoder:
        with self._lock:
            if self._idle:
                return self._idle.pop()
            decoder = Decoder()
            self._all.add(decoder)
            return decoder

    def _give_back(self, decoder: Decoder) -> None:
        if not decoder.is_reusable:
            decoder.stop()
        with self._lock:
            if decoder.is_reusable:
                self._idle.append(decoder)
            else:
                self._all.discard(decoder)


_pool: DecoderPool | None = None
_making = threading.Lock()


def get_shared_pool() -> DecoderPool:
    """The pool of this process, made at first use."""
    global _pool
    with _making:
        if _pool is None:
            _pool = DecoderPool(size=max(2, os.cpu_count() or 1))
            atexit.register(_pool.close)
            _watch_forks()
        return _pool


_is_watching = False


def _watch_forks() -> None:
    global _is_watching
    if not _is_watching:
        os.register_at_fork(after_in_child=_after_fork)
        _is_watching = True


def _after_fork() -> None:
    global _pool, _making
    if _pool is not None:
        atexit.unregister(_pool.close)
        _pool.forget()
    _pool, _making = None, threading.Lock()

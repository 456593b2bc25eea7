"""The bodies of requests, received by the event loop: no thread waits for a client that sends slowly."""

from __future__ import annotations

import asyncio
import io
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import IO, Any, ParamSpec, TypeVar

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from facesite.disks import DISK_FAILING, DISK_FULL, is_disk_full
from facesite.refusals import Refused, too_large, too_slow

SMALL_BODY = 64_000  # bytes that anybody may send, as forms do; for more one must be allowed to upload
SMALL_BODY_SECONDS = 30  # for all of it
WRITE_SIZE = 1 << 18  # bytes of a large body that are kept in memory until they are written
SPARE_DISK = 1_000_000  # bytes that bodies leave free
COPIES = 2  # of a body while Django reads it: what was received, and the files found in it
LINGER_SECONDS = 10  # for which a refused client may go on sending; many read the answer only after that
BUSY_RETRY_SECONDS = 10

P = ParamSpec("P")
T = TypeVar("T")


class Disconnected(Exception):
    """The client went away."""


class Slots:
    """Limits how many requests of one kind are under way in this process, of one client and of all clients.

    ``sentence`` tells a client that it has too many.
    """

    def __init__(self, per_client: int, in_all: int, sentence: Any) -> None:
        self.per_client, self.in_all, self.sentence = per_client, in_all, sentence
        self.taken: Counter[object] = Counter()

    @contextmanager
    def take(self, client: object) -> Iterator[None]:
        """Hold a slot for as long as the block runs. Raises Refused where none is free."""
        if self.taken[client] >= self.per_client:
            raise Refused(429, self.sentence, BUSY_RETRY_SECONDS)
        if self.taken.total() >= self.in_all:
            raise Refused(503, _("Too many are sending at once. Try again in a moment."), BUSY_RETRY_SECONDS)
        self.taken[client] += 1
        try:
            yield
        finally:
            self.taken[client] -= 1
            if not self.taken[client]:
                del self.taken[client]


class Receiver:
    """Receives small bodies into memory, and large ones into files without a name, which vanish with the process."""

    def __init__(self) -> None:
        self.disk = ThreadPoolExecutor(2, "disk")
        self.expected = 0  # bytes still to come of all large bodies

    async def on_disk(self, act: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """Run in a thread what a slow disk would hold the event loop up with."""
        return await asyncio.get_running_loop().run_in_executor(self.disk, lambda: act(*args, **named))

    async def receive_small(self, receive: Any) -> IO[bytes]:
        body = bytearray()
        try:
            async with asyncio.timeout(SMALL_BODY_SECONDS):
                while True:
                    part, is_more = await next_part(receive)
                    body += part
                    if not is_more:
                        return io.BytesIO(bytes(body))
        except TimeoutError as error:
            raise too_slow() from error

    async def receive_large(self, receive: Any, length: int, max_bytes: int) -> IO[bytes]:
        """Raises Refused if the body is longer than `max_bytes`, does not fit on the disk, or stops coming.

        `length` is what the client says; 0 where it says nothing.
        """
        if length > max_bytes:
            raise too_large()
        self._check_room(length)
        self.expected += length
        left = length
        file = None
        try:
            file = await self.on_disk(open_nameless_file)
            async for part in self._parts(receive, max_bytes):
                await self.on_disk(file.write, part)
                arrived = min(len(part), left)  # without a length, none was expected
                left -= arrived
                self.expected -= arrived
            await self.on_disk(file.seek, 0)
        except BaseException as error:  # also where the client has gone, which cancels this
            if file is not None:
                with suppress(OSError):
                    file.close()
            if isinstance(error, OSError):
                raise Refused(507, DISK_FULL if is_disk_full(error) else DISK_FAILING) from error
            raise
        finally:
            self.expected -= left
        return file

    async def _parts(self, receive: Any, max_bytes: int) -> Any:
        """The body in pieces that are large enough to be worth a write."""
        buffer, count, is_more = bytearray(), 0, True
        while is_more:
            try:
                async with asyncio.timeout(settings.IDLE_SECONDS):
                    part, is_more = await next_part(receive)
            except TimeoutError as error:
                raise too_slow() from error
            buffer += part
            count += len(part)
            if count > max_bytes:
                raise too_large()
            if len(buffer) >= WRITE_SIZE or not is_more:
                yield bytes(buffer)
                buffer.clear()

    def _check_room(self, length: int) -> None:
        free = shutil.disk_usage(settings.FILE_UPLOAD_TEMP_DIR).free - SPARE_DISK
        if length * COPIES > free:
            raise Refused(507, DISK_FULL)
        if (length + self.expected) * COPIES > free:
            raise Refused(503, _("The disk has no room for more at once. Try again in a moment."), 30)


def open_nameless_file() -> IO[bytes]:
    return tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR)


async def next_part(receive: Any) -> tuple[bytes, bool]:
    """The next bytes of a body, and whether more come."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    return message.get("body", b""), message.get("more_body", False)


async def discard_rest(receive: Any) -> None:
    """Let a client finish sending, for a while: until then many do not read the answer."""
    left = settings.UPLOAD_MAX_MB * 1_000_000
    is_more = True
    with suppress(TimeoutError, Disconnected):
        async with asyncio.timeout(LINGER_SECONDS):
            while is_more and left > 0:
                part, is_more = await next_part(receive)
                left -= len(part)

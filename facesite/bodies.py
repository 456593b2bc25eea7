"""The bodies of requests, received by the event loop: no thread waits for who sends slowly."""

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

SMALL_BODY = 64_000  # bytes that anybody may send: forms; more needs a right to upload
SMALL_BODY_SECONDS = 30  # for all of it
WRITE_SIZE = 1 << 18  # bytes kept in memory of a large one
SPARE_DISK = 1_000_000  # bytes
COPIES = 2  # of a body while Django reads it: what was received, and the files found in it
LINGER_SECONDS = 10  # for which who was refused may go on sending, so as to hear why
BUSY_RETRY_SECONDS = 10

P = ParamSpec("P")
T = TypeVar("T")


class Disconnected(Exception):
    """The client went away."""


class Slots:
    """So many at once of one client, and of all; Refused past that. Of one process."""

    def __init__(self, of_one: int, of_all: int, sentence: Any) -> None:
        self.of_one, self.of_all, self.sentence = of_one, of_all, sentence
        self.taken: Counter[object] = Counter()

    @contextmanager
    def take(self, client: object) -> Iterator[None]:
        if self.taken[client] >= self.of_one:
            raise Refused(429, self.sentence, BUSY_RETRY_SECONDS)
        if self.taken.total() >= self.of_all:
            raise Refused(503, _("Too many are sending at once. Try again in a moment."), BUSY_RETRY_SECONDS)
        self.taken[client] += 1
        try:
            yield
        finally:
            self.taken[client] -= 1
            if not self.taken[client]:
                del self.taken[client]


class Receiver:
    """Puts bodies into memory, or into files without a name, which vanish with the process."""

    def __init__(self) -> None:
        self.disk = ThreadPoolExecutor(2, "disk")
        self.expected = 0  # bytes still to come of all large bodies

    async def on_disk(self, act: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """Run in a thread of its own what a slow disk could hold up."""
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

    async def receive_large(self, receive: Any, length: int, most: int) -> IO[bytes]:
        """Refused if more than `most` bytes are or come, if they do not fit on the disk, or if they stop coming."""
        if length > most:
            raise too_large()
        self._check_room(length)
        self.expected += length
        left = length
        file = None
        try:
            file = await self.on_disk(open_nameless_file)
            async for part in self._parts(receive, most):
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

    async def _parts(self, receive: Any, most: int) -> Any:
        """What comes, in pieces that are worth a write."""
        buffer, count, is_more = bytearray(), 0, True
        while is_more:
            try:
                async with asyncio.timeout(settings.IDLE_SECONDS):
                    part, is_more = await next_part(receive)
            except TimeoutError as error:
                raise too_slow() from error
            buffer += part
            count += len(part)
            if count > most:
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
    """Let a sender finish, for a while: who is still sending does not listen to an answer."""
    left = settings.UPLOAD_MAX_MB * 1_000_000
    is_more = True
    with suppress(TimeoutError, Disconnected):
        async with asyncio.timeout(LINGER_SECONDS):
            while is_more and left > 0:
                part, is_more = await next_part(receive)
                left -= len(part)

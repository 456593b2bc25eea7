"""Django in a few threads. It makes answers; the event loop sends them, so that no thread waits for a slow reader."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar

from django.db import close_old_connections
from django.utils import translation

from gallery.core.lookups import Lookup, get_lookup

READ_SIZE = 1 << 18  # bytes of a file; most pictures come out in one read
T = TypeVar("T")
Send = Callable[[Any], Awaitable[None]]


class FileBody:
    """PEP 3333's `wsgi.file_wrapper`: Django gives an open file away instead of reading it."""

    def __init__(self, file: BinaryIO, block_size: int = READ_SIZE) -> None:
        self.file = file

    def read(self) -> bytes:
        return self.file.read(READ_SIZE)

    def close(self) -> None:
        self.file.close()


@dataclass
class Answer:
    status: int
    headers: list[tuple[bytes, bytes]]
    content: bytes = b""  # all of it, or how it begins
    file: FileBody | None = None  # which has the rest
    is_in_memory: bool = False  # that file
    stream: Iterator[bytes] | None = None  # that is made while it is sent
    close: Callable[[], None] = lambda: None
    language: str = ""
    lookup: Lookup | None = None  # what it waits for


class Threads:
    """Streams use half of the threads at most, and only while they make their next piece.

    Two pieces may be made by different threads, so a stream must keep no database cursor open in between.
    """

    def __init__(self, application: Callable[..., Iterable[bytes]], count: int) -> None:
        self.application = application
        self.pages = ThreadPoolExecutor(count, "page")
        self.streaming = asyncio.Semaphore(max(1, count // 2))

    async def run(self, act: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.pages, act, *args)

    async def answer(self, environ: dict[str, Any]) -> Answer:
        return await self.run(self._answer, environ)

    def _answer(self, environ: dict[str, Any]) -> Answer:
        begun: list[Answer] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: object) -> None:
            encoded = [
                (name.lower().encode("latin-1"), value.strip().encode("latin-1")) for name, value in headers
            ]
            begun.append(Answer(int(status.split(" ", 1)[0]), encoded))

        result: Any = self.application({**environ, "wsgi.file_wrapper": FileBody}, start_response)
        answer = begun[-1]
        answer.close, answer.lookup = getattr(result, "close", answer.close), get_lookup(result)
        if environ["REQUEST_METHOD"] == "HEAD":
            pass
        elif isinstance(result, FileBody):
            answer.content = result.read()
            if len(answer.content) == READ_SIZE:
                answer.file = result
                return answer
        elif getattr(result, "streaming", False):
            answer.stream, answer.language = iter(result), translation.get_language()
            return answer
        else:
            whole = b"".join(result)
            answer.content = whole[:READ_SIZE]
            if len(whole) > READ_SIZE:  # a reader has so long for each piece, not for all of it
                answer.file, answer.is_in_memory = FileBody(io.BytesIO(whole[READ_SIZE:])), True
        answer.close()
        answer.close = answer.file.close if answer.file else answer.close
        return answer

    async def send_rest(self, answer: Answer, send: Send, receive: Callable[[], Awaitable[Any]]) -> None:
        """What follows the beginning, until the client has it all or goes away."""
        gone = asyncio.create_task(wait_until_gone(receive))
        try:
            while not gone.done() and (piece := await self._next_piece(answer)):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        finally:
            gone.cancel()
            await self.run(answer.close)
        await send({"type": "http.response.body"})

    async def _next_piece(self, answer: Answer) -> bytes:
        if answer.file:
            return await self.run(answer.file.read)
        async with self.streaming:
            return await self.run(_make_piece, answer)


def _make_piece(answer: Answer) -> bytes:
    """The stream's next piece that is not empty; b"" at its end."""
    translation.activate(answer.language)
    close_old_connections()  # this thread's may have broken since its last request
    for piece in answer.stream or ():
        if piece:
            return piece
    return b""


async def wait_until_gone(receive: Callable[[], Awaitable[Any]]) -> None:
    with suppress(asyncio.CancelledError):
        while (await receive())["type"] != "http.disconnect":
            pass

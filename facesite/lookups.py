"""Asks the worker that looks at pictures which are not kept; the event loop waits, and no thread does."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace

from facesite.threads import READ_SIZE, Answer
from gallery.core.lookups import Lookup, get_socket_path

log = logging.getLogger("facesite.request")
LOOKUP_SECONDS = 120  # for a question and all those before it
REPLACED_HEADERS = (b"content-type", b"content-length", b"retry-after")


async def answer_lookup(answer: Answer, lookup: Lookup) -> Answer:
    """With what the worker says; as it was, which says so, where none does."""
    try:
        async with asyncio.timeout(LOOKUP_SECONDS):
            status, kind, content = await _ask_worker(lookup)
    except (OSError, TimeoutError, ValueError):
        status, kind, content = answer.status, b"", b""
    finally:
        for picture in lookup.pictures:
            picture.close()
    log.info("lookup", extra={"fields": {"act": lookup.act, "status": status, "user": lookup.user}})
    if not content:
        return answer
    kept = [header for header in answer.headers if header[0] not in REPLACED_HEADERS]
    made = [(b"content-type", kind), (b"content-length", str(len(content)).encode())]
    return replace(answer, status=status, headers=kept + made, content=content)


async def _ask_worker(lookup: Lookup) -> tuple[int, bytes, bytes]:
    """The status, type and content of the answer. Connections are answered one after the other, in their order."""
    reader, writer = await asyncio.open_unix_connection(get_socket_path())
    try:
        lengths = [picture.tell() for picture in lookup.pictures]
        question = {
            "act": lookup.act,
            "user": lookup.user,
            "language": lookup.language,
            "options": lookup.options,
            "lengths": lengths,
        }
        writer.write(json.dumps(question).encode() + b"\n")
        for picture in lookup.pictures:
            picture.seek(0)
            while part := await asyncio.to_thread(picture.read, READ_SIZE):
                writer.write(part)
                await writer.drain()
        status, _space, kind = (await reader.readline()).strip().partition(b" ")
        return int(status), kind, await reader.read()
    finally:
        writer.close()

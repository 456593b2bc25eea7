"""Asks the worker that looks at pictures which are not kept; the event loop waits, and no thread does."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace

from facesite.threads import READ_SIZE, Answer
from gallery.core.lookups import Found, Lookup, get_socket_path

log = logging.getLogger("facesite.request")
LOOKUP_SECONDS = 120  # for a question and all those before it
REPLACED_HEADERS = (b"content-type", b"content-length", b"retry-after")


async def ask_worker(lookup: Lookup) -> Found | None:
    """What a worker says; None where none does."""
    try:
        async with asyncio.timeout(LOOKUP_SECONDS):
            found = await _ask_socket(lookup)
    except (OSError, TimeoutError, ValueError):
        found = None
    finally:
        for picture in lookup.pictures:
            picture.close()
    fields = {"act": lookup.act, "status": found.status if found else 503, "user": lookup.user}
    log.info("lookup", extra={"fields": fields})
    return found if found and found.content else None


def put_in(answer: Answer, found: Found) -> Answer:
    """The answer with what was found in its place."""
    kept = [header for header in answer.headers if header[0] not in REPLACED_HEADERS]
    made = [(b"content-type", found.kind), (b"content-length", str(len(found.content)).encode())]
    return replace(answer, status=found.status, headers=kept + made, content=found.content)


async def _ask_socket(lookup: Lookup) -> Found:
    """Connections are answered one after the other, in their order."""
    reader, writer = await asyncio.open_unix_connection(get_socket_path(lookup.socket))
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
        return Found(int(status), kind, await reader.read())
    finally:
        writer.close()

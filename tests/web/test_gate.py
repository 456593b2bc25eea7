"""What the gate makes of single requests, without sockets: what Django is given, and what is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.db import connection
from django.http import StreamingHttpResponse

from facesite.bodies import SMALL_BODY, Receiver
from facesite.gate import Gate
from facesite.threads import READ_SIZE, Answer, Threads

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


def receiving(*parts: bytes) -> Callable[[], Any]:
    """What a connection gives that brings a body in these parts, and then nothing."""
    left = list(parts)

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    return receive


def ask(gate: Gate, method: str, path: str, body: bytes = b"", **scope: Any) -> list[dict[str, Any]]:
    """The messages of the answer."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append({**message, "downloads": gate.streams.taken.total()})

    headers = [(b"host", b"localhost")]
    if body:
        headers.append((b"content-length", str(len(body)).encode()))
    scope = {"type": "http", "method": method, "path": path, "headers": headers, **scope}
    scope |= {
        "query_string": b"",
        "http_version": "1.1",
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    asyncio.run(gate(scope, receiving(body), send))
    return sent


def answering(content: bytes, seen: list[WSGIRequest]) -> Application:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(WSGIRequest(environ))
        start_response("200 OK", [])
        return [content]

    return application


@pytest.mark.parametrize("path", ["/người/", "/café/", "/\ufffd/"])
def test_a_form_may_be_sent_to_an_address_in_any_alphabet(path: str) -> None:
    seen: list[WSGIRequest] = []
    assert ask(Gate(answering(b"", seen)), "POST", path, b"a=b")[0]["status"] == 200
    assert seen[0].path_info == path


def test_a_probe_with_a_body_is_received_like_any_other_request() -> None:
    seen: list[WSGIRequest] = []
    ask(Gate(answering(b"", seen)), "GET", "/healthz", b"abc")
    assert [request.read() for request in seen] == [b"abc"]


def test_a_long_answer_is_sent_in_pieces_each_with_its_own_time_and_counts_as_a_download() -> None:
    content = bytes(range(256)) * (READ_SIZE // 100)
    gate = Gate(answering(content, []))
    sent = ask(gate, "GET", "/photos/1/original")
    assert b"".join(message.get("body", b"") for message in sent) == content
    assert max(len(message.get("body", b"")) for message in sent) == READ_SIZE
    assert {message["downloads"] for message in sent} == {1}
    assert gate.streams.taken.total() == 0


@pytest.mark.django_db(transaction=True)
def test_each_piece_of_a_stream_looks_whether_its_threads_connection_still_works() -> None:
    checked: list[bool] = []

    def pieces() -> Iterator[bytes]:
        connection.ensure_connection()
        for _ in range(2):
            connection.health_check_done = True
            yield b"x"
            checked.append(not connection.health_check_done)
        connection.close()

    def application(environ: dict[str, Any], start_response: Any) -> StreamingHttpResponse:
        start_response("200 OK", [])
        return StreamingHttpResponse(pieces())

    async def send_all() -> None:
        threads = Threads(application, 1)
        answer: Answer = await threads.answer({"REQUEST_METHOD": "GET"})
        await threads.send_rest(answer, _discard, receiving())

    asyncio.run(send_all())
    assert checked == [True, True]


async def _discard(message: dict[str, Any]) -> None:
    pass


def test_a_body_without_a_length_lends_its_room_to_no_other() -> None:
    receiver, expected = Receiver(), list[int]()
    receive = receiving(*[b"a" * SMALL_BODY] * 10)

    async def receive_and_look() -> Any:
        expected.append(receiver.expected)
        return await receive()

    asyncio.run(receiver.receive_large(receive_and_look, 0, 10_000_000)).close()
    assert set(expected) == {0}

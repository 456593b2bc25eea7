"""Answers questions about pictures that are not kept, one after the other: a lane beside the queue of photos.

Each worker keeps one such process; of several one listens, and the others are there when it ends. Who asks waits in
the socket's own queue, so that never more than one picture is held here. Searches without a picture have a socket,
and a thread, of their own."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from io import BufferedRWPair
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import close_old_connections
from django.http import HttpResponse, JsonResponse
from django.utils import translation
from filelock import FileLock

from gallery.core.compreface import NUMBERS, UNDEFINED, UNREADABLE_FILE, make_compreface_error
from gallery.core.exceptions import ActionRefused, translate_error
from gallery.core.limits import get_upload_limits
from gallery.core.lookups import SEARCH_SOCKET_NAME, SOCKET_NAME, get_socket_path
from gallery.core.problems import make_problem
from gallery.faces.alike import search_with_face, search_with_picture, search_with_vector
from gallery.faces.lookup import compare_pictures, describe_picture, identify_faces, load_models
from gallery.models import User
from recognition.errors import CodedError, ImageError, ImageTooLarge, IndexAway

MAX_WAITING = 128  # questions; whoever asks then is told to come again
SEND_SECONDS = 10  # without a byte, after which somebody who asks is not listened to any more
ACTS: dict[str, Callable[..., dict[str, Any]]] = {
    "identify": identify_faces,
    "describe": describe_picture,
    "compare": compare_pictures,
    "search_with_face": search_with_face,
    "search_with_picture": search_with_picture,
    "search_with_vector": search_with_vector,
}
log = logging.getLogger(__name__)


class NoSocketHere(Exception):
    """The data directory's disk takes no sockets."""


def serve_lookups() -> None:
    """Wait until no other process does it, then answer for ever."""
    with (
        FileLock(settings.DATA_DIR / "lookups.lock"),
        socket.socket(socket.AF_UNIX) as listener,
        socket.socket(socket.AF_UNIX) as quick,
    ):
        _listen(listener, SOCKET_NAME)
        _listen(quick, SEARCH_SOCKET_NAME)
        try:
            load_models()
        except Exception as error:  # the questions will tell; what is missing may come meanwhile
            log.warning("Pictures cannot be looked at yet: %s", error)
        threading.Thread(target=_answer_for_ever, args=(quick,), daemon=True).start()
        _answer_for_ever(listener)


def _listen(listener: socket.socket, name: str) -> None:
    with suppress(FileNotFoundError):
        Path(settings.DATA_DIR / name).unlink()
    try:
        listener.bind(get_socket_path(name))
    except OSError as error:  # of a disk that has none
        raise NoSocketHere(str(error)) from error
    Path(settings.DATA_DIR / name).chmod(0o600)
    listener.listen(MAX_WAITING)


def _answer_for_ever(listener: socket.socket) -> None:
    while True:
        connection, _address = listener.accept()
        with connection:
            answer_connection(connection)


def answer_connection(connection: socket.socket) -> None:
    connection.settimeout(SEND_SECONDS)
    close_old_connections()
    try:
        with connection.makefile("rwb") as stream:
            question = json.loads(stream.readline(10_000))
            pictures = [_read_exactly(stream, length) for length in question["lengths"]]
            answer = answer_question(question, pictures)
            kind = answer["Content-Type"]
            stream.write(f"{answer.status_code} {kind}\n".encode() + answer.content)
    except (OSError, EOFError, ValueError):  # whoever asked has gone
        return


def _read_exactly(stream: BufferedRWPair[Any, Any], length: int) -> bytes:
    if length > get_upload_limits().bytes:
        raise ValueError("longer than a picture may be")
    content = stream.read(length)
    if len(content) < length:
        raise EOFError
    return content


def answer_question(question: dict[str, Any], pictures: list[bytes]) -> HttpResponse:
    with translation.override(question["language"]):
        try:
            user = User.objects.get(pk=question["user"])
            return JsonResponse(ACTS[question["act"]](user, *pictures, **question["options"]))
        except (CodedError, ActionRefused) as error:
            if question["act"].startswith("compreface."):
                unnamed = UNREADABLE_FILE if isinstance(error, ImageError) else UNDEFINED
                return make_compreface_error(400, NUMBERS.get(error.code, unnamed), translate_error(error))
            status = 413 if isinstance(error, ImageTooLarge) else 422
            return make_problem(status, error.code, translate_error(error))
        except IndexAway:
            return make_problem(503, "index_not_ready", retry_after=60)
        except Exception:
            log.exception("a picture could not be looked at")
            return make_problem(503, "no_worker")

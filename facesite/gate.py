"""The door of the site: an ASGI application that looks at headers and sessions before a byte of a body is kept.

Anybody may send a small form. More needs the session of somebody who may send it, at an address that takes files,
within the hour's limit and within what one client and all together may send at once. The event loop receives it
(bodies.py); only then does one of the few threads run Django on it (threads.py), whose answer the event loop sends.
Whoever may not send it gets Django's answer to the headers alone (refusals.py).
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from asgiref.wsgi import WsgiToAsgiInstance
from django.conf import settings
from django.contrib.auth import get_user
from django.core.handlers.wsgi import WSGIRequest
from django.db import close_old_connections
from django.http import Http404
from django.urls import resolve
from django.utils.functional import lazy
from django.utils.translation import gettext_lazy as _

from facesite.bodies import SMALL_BODY, Disconnected, Receiver, Slots, discard_rest
from facesite.lookups import ask_worker, put_in
from facesite.refusals import REFUSED, Refused, too_large
from facesite.threads import Answer, Send, Threads
from gallery.api.base import find_key_sender
from gallery.core.limits import WITHHELD, get_upload_limits
from gallery.core.lookups import FOUND, LOOKUP_PATHS, Lookup
from gallery.core.permissions import may_send_files
from gallery.core.problems import is_api_request
from gallery.core.throttling import (
    CallLimitReached,
    UploadQuotaReached,
    check_upload_quota,
    get_client_address,
)
from gallery.models import User
from gallery.web.error_pages import RETRY_SECONDS, TRANSIENT_ERRORS, explain_server_error

FORMS_PER_CLIENT, MAX_FORMS = 100, 2_000  # small bodies on their way
LOOKUPS_PER_USER, MAX_LOOKUPS = 64, 128  # large pictures that wait to be looked at
STREAMS_PER_CLIENT, MAX_STREAMS = 8, 32  # answers made while they are sent (ZIP files), or held in memory
PROBE = b"ok\n"
UPLOADED = "facesite.uploaded"  # the body was a large one
Environ = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Permit:
    """What somebody may send in a large body."""

    user: int
    max_bytes: int
    is_lookup: bool = False  # of pictures that are not kept


class Gate:
    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self.threads = Threads(application, settings.WEB_THREADS)
        self.receiver = Receiver()
        self.permits = ThreadPoolExecutor(1, "permit")  # of its own, so that busy pages do not delay it
        sending = _("You are sending as much at once as one may. Wait until some of it is here.")
        self.uploads = Slots(settings.USER_UPLOADS_AT_ONCE, settings.UPLOADS_AT_ONCE, sending)
        self.lookups = Slots(LOOKUPS_PER_USER, MAX_LOOKUPS, sending)
        self.forms = Slots(FORMS_PER_CLIENT, MAX_FORMS, sending)
        loading = _("You are downloading as much at once as one may. Wait until some of it is there.")
        self.streams = Slots(STREAMS_PER_CLIENT, MAX_STREAMS, loading)

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        scope = strip_base_path(scope)
        if scope["path"] == "/healthz" and scope["method"] in ("GET", "HEAD") and not has_body(scope):
            await send_answer(send, Answer(200, [(b"content-type", b"text/plain")], PROBE))
            return
        environ = build_environ(scope)
        with ExitStack() as held:
            try:
                is_body_left = not await self._receive_body(environ, receive, held)
            except Disconnected:
                return
            except Refused as refused:
                environ[REFUSED], is_body_left = refused.with_traceback(None), True
            answer = await self._answer(environ, held)
            if answer.lookup:
                answer = await self._answer_lookup(answer, answer.lookup, environ, held)
            if is_body_left:
                await send_last_answer(send, answer, receive)
            else:
                await send_answer(send, answer)
            if answer.file or answer.stream:
                await self.threads.send_rest(answer, send, receive)

    async def _receive_body(self, environ: Environ, receive: Any, held: ExitStack) -> bool:
        """Put the body where Django finds it; False where it is withheld from Django, which then says why."""
        length, is_chunked = int(environ.get("CONTENT_LENGTH") or 0), "HTTP_TRANSFER_ENCODING" in environ
        if not length and not is_chunked:
            return True
        if length <= SMALL_BODY and not is_chunked:
            with self.forms.take(get_client_address(as_request(environ))):
                environ["wsgi.input"] = await self.receiver.receive_small(receive)
        else:
            permit = await asyncio.get_running_loop().run_in_executor(
                self.permits, permit_upload, environ, length
            )
            if permit is None:
                environ |= {WITHHELD: too_large(), "CONTENT_LENGTH": "0"}
                return False
            held.enter_context((self.lookups if permit.is_lookup else self.uploads).take(permit.user))
            body = await self.receiver.receive_large(receive, length, permit.max_bytes)
            environ |= {"CONTENT_LENGTH": str(body.seek(0, io.SEEK_END)), UPLOADED: True}
            body.seek(0)
            environ["wsgi.input"] = body
            held.callback(self.receiver.disk.submit, body.close)  # freeing gigabytes takes a while
        return True

    async def _answer_lookup(
        self, answer: Answer, lookup: Lookup, environ: Environ, held: ExitStack
    ) -> Answer:
        """With what the worker found; as it was, which says so, where none answers."""
        found = await ask_worker(lookup)
        if found is None:
            return answer
        if lookup.is_for_page:
            again = {"REQUEST_METHOD": "GET", "CONTENT_LENGTH": "0", FOUND: found}
            return await self._answer({**environ, **again}, held)
        return put_in(answer, found)

    async def _answer(self, environ: Environ, held: ExitStack) -> Answer:
        answer = await self.threads.answer(environ)
        # An upload holds a slot of its own already.
        if (answer.stream or answer.is_in_memory) and UPLOADED not in environ:
            request = as_request(environ)
            client = request.COOKIES.get(settings.SESSION_COOKIE_NAME) or get_client_address(request)
            try:
                held.enter_context(self.streams.take(client))
            except Refused as refused:
                await self.threads.run(answer.close)
                return await self.threads.answer({**environ, REFUSED: refused})
        return answer


def strip_base_path(scope: Any) -> Any:
    """The request as the site's addresses have it, also behind a proxy that leaves FACESITE_BASE_PATH in front."""
    rest = scope["path"].removeprefix(settings.BASE_PATH)
    return scope if rest and rest[0] != "/" else {**scope, "path": rest or "/"}


def build_environ(scope: Any) -> Environ:
    """What PEP 3333 makes of a request, without a body."""
    # Both X_Forwarded_For and X-Forwarded-For would become HTTP_X_FORWARDED_FOR.
    headers = [(name, value) for name, value in scope["headers"] if b"_" not in name]
    # asgiref has no types
    wrapped: Any = WsgiToAsgiInstance(None, duplicate_header_limit=None)  # type: ignore[no-untyped-call]
    wrapped.scope = {**scope, "headers": headers}
    environ: Environ = wrapped.build_environ(wrapped.scope, io.BytesIO())
    return environ


def has_body(scope: Any) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


def as_request(environ: Environ) -> WSGIRequest:
    """A request made of a copy: Django writes the decoded path into what it is given, and will be given it again."""
    return WSGIRequest(dict(environ))


def permit_upload(environ: Environ, length: int) -> Permit | None:
    """What the sender of a large body may send; None if nothing. Raises Refused past the hour's limit.

    It reads the session or the key, and the user, from the database, so it must not run in the event loop.
    """
    close_old_connections()
    request: Any = as_request(environ)
    try:
        find_sender = find_key_sender if is_api_request(request) else find_session_sender
        user, is_for_files = find_sender(request)
        if user is None:
            return None
        if not is_for_files:
            return Permit(user.pk, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        if request.path_info in LOOKUP_PATHS:
            return Permit(user.pk, 2 * get_upload_limits().bytes + SMALL_BODY, is_lookup=True)
        check_upload_quota(user, length)
        return Permit(user.pk, settings.UPLOAD_REQUEST_MAX_MB * 1_000_000)
    except (UploadQuotaReached, CallLimitReached) as reached:
        raise Refused(429, reached.sentence, reached.wait_seconds) from reached
    except TRANSIENT_ERRORS as error:
        raise Refused(503, lazy(explain_server_error, str)(error), RETRY_SECONDS) from error
    finally:
        close_old_connections()


def find_session_sender(request: Any) -> tuple[User | None, bool]:
    """Who sends a large body to a page, if they may upload, and whether the page takes files."""
    sessions = import_module(settings.SESSION_ENGINE)
    request.session = sessions.SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    user = get_user(request)
    try:
        match = resolve(request.path_info)
    except Http404:
        match = None
    if not (isinstance(user, User) and may_send_files(user, match and match.func)):
        return None, False
    is_admin = match is not None and "admin" in match.app_names  # where all requests may have files
    return user, is_admin or getattr(match and match.func, "takes_files", False)


async def send_answer(send: Send, answer: Answer) -> None:
    is_more = bool(answer.file or answer.stream)
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": answer.content, "more_body": is_more})


async def send_last_answer(send: Send, answer: Answer, receive: Any) -> None:
    """The answer to somebody who may still be sending; then the connection ends."""
    framing = [(b"connection", b"close"), (b"content-length", str(len(answer.content)).encode())]
    headers = [header for header in answer.headers if header[0] != b"content-length"]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers + framing})
    await send({"type": "http.response.body", "body": answer.content, "more_body": True})
    await discard_rest(receive)
    await send({"type": "http.response.body"})

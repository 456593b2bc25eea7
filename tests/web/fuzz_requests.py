"""Made-up requests to every address, by everybody: none may break the site, tell of what is hidden, let in whom the
table does not, or change anything by GET.

``python -m tests.web.fuzz_requests --seconds 900`` runs longer, on the database that the environment names. The
same seed makes the same requests. Fields are those that the site was seen to ask for, and their values those
of its own forms, the ids of a small world, and what does harm elsewhere.
"""

from __future__ import annotations

import argparse
import io
import logging
import random
import re
import sys
import time
import traceback
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from itertools import chain
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import quote_from_bytes

if __name__ == "__main__":
    import django

    django.setup()

from django.conf import settings
from django.core.management import call_command
from django.db import connection, models, transaction
from django.http import QueryDict
from django.test import Client
from django.test.utils import override_settings, setup_test_environment
from django.urls import reverse

from gallery.accounts.api_keys import create_api_key
from gallery.api.base import api
from gallery.api.compreface import api as compreface
from gallery.jobs import dispatch
from gallery.models import (
    Album,
    AlbumPhoto,
    ApiScope,
    Event,
    EventSubject,
    Face,
    PartialUpload,
    Photo,
    Reference,
    Role,
    ShareLink,
)
from tests.access_table import API_OPEN, API_TABLE, TABLE, Rule
from tests.access_world import HIDEABLE, NOBODY, ROLES, World, make_world
from tests.addresses import ALL, rule_of
from tests.making_pictures import jpeg

OWNER = "owner"  # a contributor who sees the world's hidden album
CANARY = "Zanzibarrakuda"  # stands wherever the hidden album's rows hold text
HOSTILE = (
    b"", b" ", b"0", b"-1", b"1.5", b"1e309", b"nan", b"\xd9\xa3", b"9" * 18, b"9" * 30, b"2147483648",
    b"9223372036854775808", b"\0", b"1\0", b"a\0b", b"\xff\xfe", b"\xed\xa0\x80", "\u202e\u0301\U0001f600".encode(),
    b"x" * 500, b"x" * 9_000, b"../../etc/passwd", b"..\\..\\a", b"/etc/passwd\0.jpg", b"a\r\nX-Injected: yes", b"\n",
    b"{{7*7}}", b"%s%n%(x)s", b"%00", b"' OR 1=1 --", b"<script>alert(1)</script>", b"javascript:alert(1)",
    b"//elsewhere.example/", b"https://elsewhere.example/", b"[1]", b'{"a": 1}', b"[[[[", b"null", b"true", b"None",
    b"1,2,x", b",", b"1:nan:1", b"0:inf:1", b"1:x", b"1:\0", b"1:2:3:4", b"2026-13-45", b"0000-00-00", b"99999-01-01",
    b"2026-02-28T25:61", b"__all__", b"id__in", b"*", b"\\", b"album:1", b"person:9" + b"9" * 30, b"(" * 200,
)  # fmt: skip
HEADERS = {
    "HX-Request": ("true", "1"),
    "HX-Current-URL": ("https://elsewhere.example/", "http://testserver/photos/?x=%00", "::::"),
    "Accept": ("application/json", "text/html", "*/*;q=x", "image/webp"),
    "Accept-Language": ("vi", "en-" + "x" * 300, "\x01", "de;q=9e99"),
    "Referer": ("http://testserver/photos/?after=%00", "https://elsewhere.example/", "javascript:alert(1)"),
    "Range": ("bytes=0-1", "bytes=-999999999999", "bytes=9-1", "bytes=a"),
    "If-None-Match": ('"x"', "*", "W/"),
    "If-Modified-Since": ("yesterday", "Mon, 99 Foo 2026 99:99:99 GMT"),
    "Idempotency-Key": ("a", "x" * 5_000, "\x00"),
    "X-Forwarded-For": ("1.2.3.4", "::ffff:x", "a, b, c"),
    "Origin": ("https://elsewhere.example", "null"),
    "Cookie": ("sessionid=x; csrftoken=y; language=../../x; theme=zz", "=;=;;"),
    "Content-Encoding": ("gzip",),
}
FILE_NAMES = (
    b"a.jpg",
    b"../../a.jpg",
    b"a\0.jpg",
    b"x" * 400 + b".jpg",
    b"a.html",
    b"\xff.jpg",
    b'"; x="y',
    b"",
)
WRITE = re.compile(r'\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+"(\w+)"')
SAFE_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}
METHODS = (*sorted(SAFE_METHODS), "POST", "PUT", "PATCH", "DELETE")
OTHER_FIELDS = ("page", "e", "o", "p", "q", "all", "_popup", "_to_field", "next", "x[]", "id__gt")
# What needs a worker
MAY_BE_AWAY = {"readyz", "api:identify", "api:compare", "compreface:recognise", "compreface:verify"}
SETTINGS = {
    "API_CALLS_PER_MINUTE": 1_000_000,
    "UPLOADS_PER_HOUR": 1_000_000,
    "IDENTIFY": False,  # the gate, which is not here, would ask a worker
}
# What GET may write: who came, who saw and who failed to, and that a key was used
WRITES_OF_GET = {
    "gallery_event",
    "gallery_photocopy",  # the digest of what is handed out
    "gallery_eventsubject",
    "django_session",
    "gallery_apikey",
    "axes_accessattempt",
}


class Dice(random.Random):
    hostility = 0.5  # how many of a request's values are harmful


class FieldReader(HTMLParser):
    """The fields of a page's forms, each with the values that it offers."""

    def __init__(self, found: dict[str, set[bytes]], files: set[str]) -> None:
        super().__init__()
        self.found, self.files, self.select = found, files, ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "select":
            self.select = given.get("name") or ""
        name = self.select if tag == "option" else given.get("name")
        if name and given.get("type") == "file":
            self.files.add(name)
        elif name and tag in {"input", "button", "option", "textarea", "select"}:
            values, value = self.found[name], given.get("value") or ""
            if len(values) < 40 and CANARY not in value:  # which only some were shown
                values.add(value.encode())


@dataclass
class Request:
    """One made-up request, and who sends it."""

    number: int
    name: str
    who: str
    rule: Rule
    method: str
    path: str
    query: str = ""
    body: bytes = b""
    content_type: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    is_hidden: bool = False  # it leads into the hidden album
    is_whole: bool = True  # nothing of the address was replaced
    is_api: bool = False
    has_scope: bool = True

    def __str__(self) -> str:
        sent = f"{self.method} {self.path}?{self.query} {self.headers} {self.body[:300]!r}"
        return f"#{self.number} {self.name} as {self.who}: {sent}"

    @property
    def sees_hidden(self) -> bool:
        return self.who in {OWNER, Role.ADMINISTRATOR.value}

    @property
    def may(self) -> bool:
        """Whether the table lets them in, or may: another method of a call is another call."""
        is_own = self.who == OWNER and "album" in self.rule.words
        if (
            self.rule.role is None
            or not self.is_whole
            or is_own
            or (self.is_api and self.method != self.rule.method.upper())
        ):
            return True
        role = Role.CONTRIBUTOR if self.who == OWNER else None if self.who == NOBODY else Role(self.who)
        return self.has_scope and role is not None and role.rank >= self.rule.role.rank


class Fuzz:
    def __init__(self, world: World, seed: int) -> None:
        self.world, self.seed = world, seed
        self.names: dict[str, set[str]] = defaultdict(set)  # of the fields that each address has asked for
        self.offered: dict[str, set[bytes]] = defaultdict(set)
        self.files = {"file", "part", "image"}  # fields of files: of calls and scripts, and those of forms
        self.call_names = sorted(list_call_fields())
        self.ids = sorted({str(value).encode() for value in world.values.values()})
        self.found: dict[str, str] = {}  # what is wrong, by kind, with the first request that showed it
        self.answers: Counter[int] = Counter()
        self.hidden = self._read_hidden()
        self.client = Client()
        self.cookies, self.keys = self._sign_in()
        self.targets = [*((name, None) for name in ALL if name not in API_TABLE and name not in API_OPEN),
                        *((name, scope) for name, (scope, _rule) in API_TABLE.items())]  # fmt: skip

    def _sign_in(self) -> tuple[dict[str, SimpleCookie], dict[str, list[tuple[str, set[str]]]]]:
        cookies, keys = {NOBODY: SimpleCookie()}, {NOBODY: [("", set()), ("fs_" + "x" * 43, set())]}
        for who, user in self.world.users.items():
            self.client.cookies = SimpleCookie()
            self.client.force_login(user)
            cookies[who] = self.client.cookies
            scopes = ([*ApiScope.values], [*ApiScope.values], ["read"], ["upload"])
            keys[who] = [(create_api_key(user, user, some)[1], set(some)) for some in scopes]
        return cookies, keys

    def run(self, turns: Iterable[int]) -> None:
        """A request for each number, by turns to every address, by everybody; first of all by an administrator, whom
        each address asks for its fields."""
        everybody = [OWNER, *ROLES]
        with override_settings(**SETTINGS), spying_on_fields() as asked:
            for number in chain(range(-len(self.targets), 0), turns):
                name, scope = self.targets[number % len(self.targets)]
                who = everybody[(number // len(self.targets)) % len(everybody)]
                request = self.make(number, name, scope, who)
                asked.clear()
                self.send(request)
                self.names[name] |= {each for each in asked if len(each) < 60}

    # Making

    def make(self, number: int, name: str, scope: str | None, who: str) -> Request:
        dice = Dice(f"{self.seed}:{number}")
        dice.hostility = dice.choice((0.05, 0.2, 0.8))
        rule = API_TABLE[name][1] if scope else TABLE[name] if name in TABLE else rule_of(ALL[name])
        is_hidden = dice.random() < 0.3
        path = reverse(name, args=[self.world.value(word, hidden=is_hidden) for word in rule.words])
        is_whole = not rule.words or dice.random() < 0.7
        if not is_whole:
            path = self._break_path(dice, path)
        is_hidden &= is_whole and bool(HIDEABLE & {*rule.words})
        usual = rule.method.upper()
        method = usual if dice.random() < 0.75 else dice.choice(METHODS)
        if name.startswith("admin:") and dice.random() < 0.5:
            method = "POST"
        headers = {
            key: dice.choice(HEADERS[key])
            for key in dice.sample(sorted(HEADERS), dice.choice((0, 0, 1, 2, 4)))
        }
        made = Request(
            number,
            name,
            who,
            rule,
            method,
            path,
            headers=headers,
            is_hidden=is_hidden,
            is_whole=is_whole,
            is_api=bool(scope),
        )
        if scope:
            secret, scopes = dice.choice(self.keys[who])
            made.has_scope = scope in scopes
            made.headers |= {"Authorization": f"Bearer {secret}", "x-api-key": secret}
        names = sorted(self.names[name])
        made.query = self._encode(dice, self._pairs(dice, names if usual != "POST" else names[:3]))
        if method not in SAFE_METHODS:
            made.body, made.content_type = self._make_body(dice, names, is_call=bool(scope))
        return made

    def _break_path(self, dice: Dice, path: str) -> str:
        parts = path.split("/")
        parts[dice.randrange(1, len(parts))] = quote_from_bytes(dice.choice((*HOSTILE, *self.ids)), safe="")
        return "/".join(parts)

    def _pairs(self, dice: Dice, names: list[str]) -> list[tuple[str, bytes]]:
        """Most of the fields that were asked for, some of them more than once, and one that was not."""
        kept = [name for name in names if dice.random() < 0.8]
        kept += dice.sample(kept, min(len(kept), dice.choice((0, 0, 1, 3))))
        if dice.random() < 0.1:
            kept.append(dice.choice(OTHER_FIELDS))
        return [(name, self._value(dice, name)) for name in kept]

    def _value(self, dice: Dice, name: str) -> bytes:
        if dice.random() < dice.hostility:
            return dice.choice(HOSTILE)
        word = name.removesuffix("s")
        if word in self.world.values and dice.random() < 0.5:
            return str(self.world.value(word, hidden=dice.random() < 0.3)).encode()
        return dice.choice(sorted(self.offered.get(name, ())) or self.ids)

    def _encode(self, dice: Dice, pairs: list[tuple[str, bytes]]) -> str:
        return "&".join(
            f"{quote_from_bytes(name.encode())}={quote_from_bytes(value)}" for name, value in pairs
        )

    def _make_body(self, dice: Dice, names: list[str], *, is_call: bool) -> tuple[bytes, str]:
        chance = dice.random()
        if is_call and chance < 0.5:
            body = make_json(dice, self.call_names, self.ids)
            return body if chance < 0.45 else body[: len(body) // 2], "application/json"
        pairs = self._pairs(dice, [*names, *dice.sample(self.call_names, 3)] if is_call else names)
        if chance < 0.6:
            return self._encode(dice, pairs).encode(), "application/x-www-form-urlencoded"
        body = make_multipart(dice, pairs, dice.sample(sorted(self.files), dice.choice((0, 1, 1, 3))))
        if chance > 0.95:
            body = body[: dice.randrange(len(body))]
        boundary = dice.choice(("b", "b", "b", "b", "b", "", "x" * 300, "\xe9"))
        return body, f"multipart/form-data; boundary={boundary}"

    # Sending

    def send(self, request: Request) -> None:
        self.client.cookies = (
            SimpleCookie()
            if request.is_api
            else SimpleCookie(self.cookies[request.who].output(header="", sep=";"))
        )
        headers = {f"HTTP_{key.upper().replace('-', '_')}": value for key, value in request.headers.items()}
        if "HTTP_COOKIE" in headers and not request.is_api:
            del headers["HTTP_COOKIE"]
        written: set[str] = set()  # tables

        def watch(execute: Callable[..., Any], sql: str, *given: Any) -> Any:
            if found := WRITE.match(sql):
                written.add(found[1])
            return execute(sql, *given)

        with transaction.atomic():
            try:
                with connection.execute_wrapper(watch):
                    response = self.client.generic(
                        request.method, request.path, request.body, request.content_type or "text/plain",
                        QUERY_STRING=request.query, **headers,
                    )  # fmt: skip
                    content = read_all(response)
            except Exception as error:
                frames = [
                    frame for frame in traceback.extract_tb(error.__traceback__) if is_ours(frame.filename)
                ]
                place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
                self.note(request, f"{error!s:.200}", f"{type(error).__name__} at {place}")
            else:
                self.answers[response.status_code] += 1
                self.check(request, response, content, written)
            transaction.set_rollback(True)

    def check(self, request: Request, response: Any, content: bytes, written: set[str]) -> None:
        for fault in (
            *self._find_broken(request, response, content),
            *self._find_told(request, response, content),
            *self._find_done(request, written),
        ):
            self.note(request, fault)
        if response.headers.get("Content-Type", "").startswith("text/html"):
            FieldReader(self.offered, self.files).feed(content.decode("utf-8", "replace"))

    def _find_broken(self, request: Request, response: Any, content: bytes) -> Iterator[str]:
        if response.status_code >= 500 and not (response.status_code == 503 and request.name in MAY_BE_AWAY):
            yield f"answers {response.status_code}"
        if b"Traceback (most recent" in content:
            yield "shows a traceback"
        if "X-Injected" in response.headers:
            yield "sends a header of the sender's"
        location = response.headers.get("Location", "")
        if location.startswith(("//", "http", "javascript")) and "testserver" not in location:
            yield f"leads elsewhere: {location}"

    def _find_told(self, request: Request, response: Any, content: bytes) -> Iterator[str]:
        has_answer = response.status_code < 300 and "HX-Redirect" not in response.headers
        has_answer &= request.method not in {"HEAD", "OPTIONS", "TRACE"}
        if has_answer and not request.may:
            yield f"lets in: {response.status_code}"
        if request.sees_hidden:
            return
        if has_answer and request.is_hidden:
            yield "answers for what is hidden"
        if CANARY.encode() in content + str(response.headers).encode():
            yield "tells of what is hidden"

    def _find_done(self, request: Request, written: set[str]) -> Iterator[str]:
        if request.method in SAFE_METHODS:
            if written - WRITES_OF_GET:
                yield f"{request.method} writes {sorted(written - WRITES_OF_GET)}"
        elif not request.sees_hidden and self._read_hidden() != self.hidden:
            yield "changes what is hidden"

    def note(self, request: Request, what: str, kind: str = "") -> None:
        self.found.setdefault(kind or f"{request.name}: {what}", f"{what}\n    {request}")

    def _read_hidden(self) -> list[Any]:
        """Of the hidden album, what nobody may change who does not see it. What a merge does to names they may."""
        album, photo = (self.world.values[f"hidden_{word}"] for word in ("album", "photo"))
        return [
            list(
                Album.objects.filter(pk=album).values("name", "note", "is_limited", "is_recognised", "cover")
            ),
            list(Album.members.through.objects.filter(album=album).order_by("pk").values_list()),
            list(AlbumPhoto.objects.filter(photo=photo).order_by("pk").values_list("album", "photo")),
            list(Photo.objects.filter(pk=photo).values("name", "trashed_at", "is_recognised", "limited_by")),
            list(Face.objects.filter(photo=photo).order_by("pk").values_list("pk", "left", "decision")),
            list(ShareLink.objects.filter(album=album).order_by("pk").values_list("pk", "revoked_at")),
            list(Reference.objects.filter(pk=self.world.values["hidden_reference"]).values("image")),
        ]


def is_ours(file: str) -> bool:
    return (
        any(f"/{folder}/" in file for folder in ("gallery", "facesite", "recognition"))
        and "site-packages" not in file
    )


@contextmanager
def spying_on_fields() -> Iterator[set[str]]:
    """The names of the fields that are asked for, of queries and forms."""
    asked: set[str] = set()

    def spy(read: Callable[..., Any]) -> Callable[..., Any]:
        def note(values: Any, name: Any, *given: Any, **options: Any) -> Any:
            if isinstance(name, str):
                asked.add(name)
            return read(values, name, *given, **options)

        return note

    readers = {name: spy(getattr(QueryDict, name)) for name in ("__getitem__", "__contains__", "_getlist")}
    with mock.patch.multiple(QueryDict, **readers):
        yield asked


def list_call_fields() -> set[str]:
    """The names of all fields and parameters of the API."""
    names = {"file", "album", "subject", "source_image_base64"}
    for one in (api, compreface):
        document = one.get_openapi_schema()
        for schema in document["components"]["schemas"].values():
            names |= set(schema.get("properties", {}))
        for path in document["paths"].values():
            for call in path.values():
                names |= {given["name"] for given in call.get("parameters", [])}
    return names


def make_json(dice: Dice, names: list[str], ids: list[bytes], depth: int = 0) -> bytes:
    """An object or a list of what may stand in JSON, hardly ever what is wanted."""
    if depth and (depth > 2 or dice.random() < 0.7):
        plain = dice.choice(
            (*ids, b"null", b"true", b"-1", b"1e400", b"NaN", b"9" * 40, b'"\\u0000"', b'"\\ud800"', b'"x"')
        )
        return plain if dice.random() < 0.7 else b'"' + dice.choice(ids) + b'"'
    inner = [make_json(dice, names, ids, depth + 1) for _ in range(dice.randrange(8))]
    if dice.random() < 0.15:
        return b"[" + b",".join(inner) + b"]"
    return b"{" + b",".join(b'"%b": %b' % (dice.choice(names).encode(), value) for value in inner) + b"}"


def make_multipart(dice: Dice, pairs: list[tuple[str, bytes]], files: list[str]) -> bytes:
    parts = [b'name="%b"\r\n\r\n%b' % (name.encode(), value) for name, value in pairs]
    for name in files:
        content = dice.choice(
            (
                jpeg(),
                jpeg()[:300],
                b"",
                b"<html>",
                b"PK\x03\x04" + b"x" * 99,
                b"name,born\n\0,x\n",
                b"\xff" * 50,
            )
        )
        head = b'name="%b"; filename="%b"\r\nContent-Type: %b'
        kind = dice.choice((b"image/jpeg", b"text/html; charset=x", b"x" * 200, b""))
        parts.append(head % (name.encode(), dice.choice(FILE_NAMES), kind) + b"\r\n\r\n" + content)
    dice.shuffle(parts)
    return b"".join(b"--b\r\nContent-Disposition: form-data; %b\r\n" % part for part in parts) + b"--b--\r\n"


def read_all(response: Any) -> bytes:
    """The content, with what lies in it where it is a ZIP."""
    content = b"".join(response.streaming_content) if response.streaming else response.content
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return content + b"".join(archive.read(name) for name in archive.namelist())
    return bytes(content)


def make_fuzz(seed: int) -> Fuzz:
    """A small world, with a user who sees its hidden album, and the canary in all that it holds."""
    world = make_world()
    album, photo = (world.values[f"hidden_{word}"] for word in ("album", "photo"))
    owner = Album.objects.get(pk=album).created_by
    assert owner is not None
    world.users[OWNER] = owner
    for word, model in (("album", Album), ("photo", Photo)):
        plant(model.objects.filter(pk=world.values[f"hidden_{word}"]))
    plant(Reference.objects.filter(pk=world.values["hidden_reference"]))
    PartialUpload.objects.create(user=owner, name=f"{CANARY}.jpg", size=9, modified=1)
    create_api_key(owner, owner, ["read"], name=CANARY)
    for kind, pk in (("album", album), ("photo", photo)):
        event = Event.objects.create(
            actor=owner, verb=f"{kind}.change", object_type=kind, object_id=pk, summary={"name": CANARY}
        )
        EventSubject.objects.create(event=event, object_type=kind, object_id=pk)
    return Fuzz(world, seed)


def plant(rows: models.QuerySet[Any]) -> None:
    """The canary in each column of text that means nothing to programs."""
    texts = [
        column.name
        for column in rows.model._meta.concrete_fields
        if isinstance(column, models.CharField | models.TextField)
        and not column.choices
        and not column.unique
        and column.name not in {"work", "sha256", "format", "source_sha256"}
        and (column.max_length or 99) > len(CANARY)
    ]
    rows.update(**dict.fromkeys(texts, CANARY))


def turns_for(seconds: float) -> Iterator[int]:
    until, number = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        yield number
        number += 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--requests", type=int, help="so many, however long it takes")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    setup_test_environment()
    logging.disable(logging.CRITICAL)
    dispatch.send_task = lambda *_, countdown=0: None  # type: ignore[assignment]
    call_command("migrate", verbosity=0)
    Path(settings.MEDIA_ROOT).mkdir(exist_ok=True)
    with transaction.atomic():
        fuzz = make_fuzz(options.seed)
        fuzz.run(range(options.requests) if options.requests else turns_for(options.seconds))
        transaction.set_rollback(True)
    for kind, request in fuzz.found.items():
        sys.stderr.write(f"{kind}\n    {request}\n")
    sys.stdout.write(
        f"seed {options.seed}: answers {dict(fuzz.answers)}, {len(fuzz.found)} kinds of trouble\n"
    )
    return 1 if fuzz.found else 0


if __name__ == "__main__":
    sys.exit(main())

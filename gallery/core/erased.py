"""Knows what was erased by keyed digests, and whether whoever acts was asked about it and means it.

`history.erased.ask_before_return` is what every way in calls."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from django.conf import settings

from facesite import secret
from gallery.core.exceptions import FileWasErased, NameWasErased
from gallery.models import ErasedDigest
from gallery.models.storage import get_media_path, write_file

CHUNK_SIZE = 500  # digests in one statement
KEY_FILE = "erased_key"  # in the data directory, and in the ledger beside the backups
Confirmation = Callable[[ErasedDigest], bool]


def get_digest_key() -> str:
    """The key of the site's digests, made by the first erasure or backup. In a bucket it is that of all hosts."""
    if settings.STORAGE:
        copy = get_media_path(KEY_FILE)
        if not copy.exists():
            write_file(KEY_FILE, secret.read_or_make_key(settings.DATA_DIR, "", KEY_FILE).encode())
        return get_media_path(KEY_FILE).read_text().strip()
    return secret.read_or_make_key(settings.DATA_DIR, "", KEY_FILE)


def compute_digests(kind: str, values: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each value that is not empty, with its digest."""
    key = get_digest_key().encode()
    for value in values:
        if value:
            yield value, hmac.digest(key, f"{kind}:{value}".encode(), "sha256").hex()


def describe_row(model: str, pk: int, made_at: datetime | str) -> str:
    """What a row is known by in every backup: numbers may be given anew, but not in the same moment."""
    return f"{model}:{pk}:{made_at if isinstance(made_at, str) else made_at.isoformat()}"


def find_erased(kind: str, values: Iterable[str]) -> dict[str, ErasedDigest]:
    """Which of these were erased, and may not come back unasked."""
    if not ErasedDigest.objects.exists():
        return {}
    wanted = {digest: value for value, digest in compute_digests(kind, values)}
    found: dict[str, ErasedDigest] = {}
    digests = list(wanted)
    for start in range(0, len(digests), CHUNK_SIZE):
        some = digests[start : start + CHUNK_SIZE]
        rows = ErasedDigest.objects.filter(digest__in=some, returned_at=None).select_related("erasure")
        found |= {wanted[row.digest]: row for row in rows}
    return found


_confirmation: ContextVar[Confirmation] = ContextVar("is_confirmed", default=lambda digest: False)


@contextmanager
def let_erased_return(is_confirmed: Confirmation = lambda digest: True) -> Iterator[None]:
    """Within this, what was erased may come back where `is_confirmed` says that whoever acts was asked and agreed."""
    token = _confirmation.set(is_confirmed)
    try:
        yield
    finally:
        _confirmation.reset(token)


def may_return(digest: ErasedDigest) -> bool:
    """Whether we are within a `let_erased_return` that says so of this."""
    return _confirmation.get()(digest)


def describe_erased(error: FileWasErased | NameWasErased) -> str:
    """What a command says of what it leaves out."""
    what = (
        "Somebody of this name was" if isinstance(error, NameWasErased) else "This file, or who it shows, was"
    )
    receipt, date = error.params["receipt"], error.params["date"]
    return f"{what} erased here on {date} (receipt {receipt}). Left out; --with-erased takes it in."

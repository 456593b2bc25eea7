"""Asks before what was erased is taken in again, wherever it comes from."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.db import transaction
from django.utils.translation import gettext_lazy

from gallery.core.erased import compute_digests, find_erased, may_return
from gallery.core.exceptions import FileWasErased, NameWasErased
from gallery.history.changeset import CHUNK_SIZE, ChangeGroup, ChangeSet, record_event
from gallery.models import ErasedDigest, Erasure, User
from gallery.models.clock import get_site_time
from gallery.models.labels import format_label, split_label
from gallery.models.people import get_search_key

Kind = ErasedDigest.Kind


def ask_before_return(
    user: User | None, *, name: str = "", sha256s: Iterable[str] = (), file: str = ""
) -> None:
    """Raise NameWasErased or FileWasErased where this was erased, unless who acts was asked and means it.

    A name may be a label: where "Anna" was erased, "Anna (4b)" was, too.
    `file` is what the files' history calls them. What comes back is an event, and is not asked about again.
    """
    keys = {get_search_key(each) for each in (name, split_label(name).name)}
    found = [*find_erased(Kind.NAME, keys).values()] if name else []
    found += find_erased(Kind.FILE, sha256s).values()
    for digest in found:
        if not may_return(digest):
            raise NameWasErased(name, digest) if digest.kind == Kind.NAME else FileWasErased(file, digest)
    if not found:
        return
    changes, digests = ChangeSet(), [digest.digest for digest in found]
    verb = "erased.name_returned" if name else "erased.file_returned"
    with transaction.atomic():
        changes.update(ErasedDigest.objects.filter(digest__in=digests), returned_at=get_site_time())
        record_event(user, verb, None, {"name": name or file}, changes)


def ask_about_names(user: User | None, groups: Iterable[ChangeGroup]) -> None:
    """Ask about the names that people have got by these changes."""
    for group in groups:
        before, after = group["before"] or {}, group["after"] or {}
        if group["model"] == "person" and after.get("search") not in (None, before.get("search")):
            ask_before_return(user, name=format_label(after["name"], after.get("distinction", "")))
        elif group["model"] == "othername" and after and not before:
            ask_before_return(user, name=after["name"])


def save_digests(erasure: Erasure, pairs: Collection[tuple[str, str]]) -> None:
    """Keep digests of these kinds and values with the erasure."""
    values = {kind: [value for of, value in pairs if of == kind] for kind in Kind.values}
    rows = {digest: kind for kind in values for _value, digest in compute_digests(kind, values[kind])}
    ErasedDigest.objects.bulk_create(
        (ErasedDigest(erasure=erasure, kind=kind, digest=digest) for digest, kind in rows.items()),
        batch_size=CHUNK_SIZE,
    )


EVENT_DESCRIPTIONS = {
    "erased.name_returned": gettext_lazy("took in “%(name)s”, a name that had been erased"),
    "erased.file_returned": gettext_lazy("took in “%(name)s”, a file that had been erased"),
}

"""Hosts: each has a data directory of its own, says every few seconds that it lives, and clears what it is asked to.

Every process of a host does so for it: workers and schedulers with their heartbeat, web servers from a thread. With
SQLite there is one host, whose worker does it for all.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from facesite import secret
from gallery.models import Build, Host
from gallery.models.clock import get_site_time

NOTED_EVERY = timedelta(seconds=5)  # of several processes one does it
PROBLEM_LENGTH = 200

KEY_FILE = "host"  # in the data directory

_cleaners: list[Callable[[Host, bool], None]] = []


def register_cleaner(clear: Callable[[Host, bool], None]) -> None:
    """Have each host call this whenever it says that it lives: to clear the copies it was asked to, or all it has."""
    _cleaners.append(clear)


def get_host_key() -> str:
    """By which this host is known, whatever its name: made once and kept in the data directory."""
    return secret.read_or_make_key(settings.DATA_DIR, "", KEY_FILE)


def find_own_host() -> Host | None:
    return Host.objects.filter(key=get_host_key()).first()


def note_host(role: str = "", **about: Any) -> Host:
    """Note that this host lives. One that was removed meanwhile begins anew, without any copies."""
    was_known, now, host = (settings.DATA_DIR / KEY_FILE).exists(), get_site_time(), find_own_host()
    if host is None:
        named = {"name": settings.HOST_NAME, "seen_at": now}
        host, is_new = Host.objects.get_or_create(key=get_host_key(), defaults=named)
        if is_new and was_known:
            _clear_copies(host, is_all=True)
    seen: dict[str, Any] = {"name": settings.HOST_NAME, "seen_at": now, **about}
    if role:
        seen[f"{role}_seen_at"] = now
    Host.objects.filter(pk=host.pk).update(**seen)
    return host


def tend_host(role: str) -> None:
    """Note that this host lives, unless another process has just done so, and clear what it is asked to clear."""
    host = find_own_host()
    last = getattr(host, f"{role}_seen_at", None)
    if host is None or last is None or get_site_time() - last > NOTED_EVERY:
        host = note_host(role)
    _clear_copies(host)


def _clear_copies(host: Host, *, is_all: bool = False) -> None:
    for clear in _cleaners:
        clear(host, is_all)


def has_other_hosts() -> bool:
    return Host.objects.exclude(key=get_host_key()).exists()


def note_served_build(build: Build | None, problem: str = "") -> None:
    """What this host searches, and so holds, and why not the build where it does not."""
    if connection.vendor != "sqlite":
        note_host(build=build, problem=problem[:PROBLEM_LENGTH])

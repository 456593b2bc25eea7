"""Jobs without a row of their own: when each was requested, when it was done, with what result or failure."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from gallery.jobs import dispatch
from gallery.models import SiteSetting, User
from recognition.errors import RecognitionError

log = logging.getLogger(__name__)
LATE_AFTER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class SingletonJob:
    name: str
    asked_at: datetime | None = None
    asked_by: str = ""
    done_at: datetime | None = None
    seconds: float = 0
    failure: str = ""
    result: dict[str, Any] = field(default_factory=dict)

    @property
    def is_waiting(self) -> bool:
        """Asked for, and not done since."""
        return self.asked_at is not None and (self.done_at is None or self.done_at < self.asked_at)

    @property
    def is_late(self) -> bool:
        return self.is_waiting and self.asked_at is not None and self.asked_at < timezone.now() - LATE_AFTER


@transaction.atomic
def request_singleton(name: str, user: User | None, *args: object) -> None:
    """Queue the task of this name; its page says so until there is a result."""
    _write_setting(f"chore.{name}.asked", {"at": timezone.now().isoformat(), "by": str(user or "")})
    dispatch.send_task(name, *args)


@contextmanager
def track_singleton(name: str) -> Iterator[dict[str, Any]]:
    """Around the work; what is put into the dictionary is its result. A named failure is kept and ends here."""
    result: dict[str, Any] = {}
    failure, started = "", timezone.now()
    try:
        yield result
    except (RecognitionError, OSError) as error:
        log.error("%s failed: %s", name, error)
        failure = str(error) or type(error).__name__
    now = timezone.now()
    done = {"at": now.isoformat(), "seconds": (now - started).total_seconds(), "failure": failure}
    _write_setting(f"chore.{name}.done", {**done, "result": result})


def get_singleton(name: str) -> SingletonJob:
    return list_singletons([name])[0]


def list_singletons(names: Sequence[str]) -> list[SingletonJob]:
    """How each of them stands, in one query."""
    keys = [f"chore.{name}.{side}" for name in names for side in ("asked", "done")]
    found = dict(SiteSetting.objects.filter(pk__in=keys).values_list("pk", "value"))
    return [
        _build_singleton(name, *(found.get(f"chore.{name}.{side}") or {} for side in ("asked", "done")))
        for name in names
    ]


def _build_singleton(name: str, asked: dict[str, Any], done: dict[str, Any]) -> SingletonJob:
    return SingletonJob(
        name,
        asked_at=_parse_time(asked.get("at")),
        asked_by=asked.get("by", ""),
        done_at=_parse_time(done.get("at")),
        seconds=done.get("seconds", 0),
        failure=done.get("failure", ""),
        result=done.get("result", {}),
    )


def _parse_time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _write_setting(key: str, value: dict[str, Any]) -> None:
    SiteSetting.objects.update_or_create(pk=key, defaults={"value": value})

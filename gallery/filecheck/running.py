"""The check by itself: once a day, and once a week with every file read."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from gallery import chores
from gallery.filecheck.finding import check
from gallery.filecheck.mending import mend

CHORE = "check_files"
EVERY, HASHED_EVERY = timedelta(days=1), timedelta(days=7)


def is_due(now: datetime | None = None) -> bool:
    now, chore = now or timezone.now(), chores.state(CHORE)
    return chore.is_late or chore.done_at is None or chore.done_at < now - EVERY


def run(*, is_mending: bool = False) -> None:
    """Check, and mend if so; the result is kept for the page."""
    now, before = timezone.now(), chores.state(CHORE).result
    last_hashed = before.get("hashed_at")
    is_hash_due = not last_hashed or datetime.fromisoformat(last_hashed) < now - HASHED_EVERY
    with chores.doing(CHORE) as result:
        result["hashed_at"] = last_hashed
        found = check(with_hash=is_hash_due)
        if is_mending:
            mend(found)
        result.update(found.as_json(), is_mended=is_mending)
        if is_hash_due:
            result["hashed_at"] = now.isoformat()

"""Receipts of erasures, as pages and files show them: counts and dates, nobody's name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gallery.models import Erasure

LABELS = {
    "references": _("References"),
    "faces": _("Faces"),
    "photos": _("Photos"),
    "photos_with_faces": _("Photos the faces are in"),
    "embeddings": _("Embeddings"),
    "candidates": _("Proposals"),
    "rejections": _("“Not this person” decisions"),
    "events": _("Entries of the history that no longer say whom or what they were about"),
    "files": _("Files"),
    "builds": _("Index builds dropped or made anew"),
    "exports": _("Exports on disk that were cleared"),
    "exports_gone": _("Exports that are no longer where they were written"),
    "accounts": _("Accounts"),
    "sessions": _("Sessions"),
    "traces": _("Sign-ins, failed attempts and invitations"),
    "acts": _("Acts that stay in the history as a former user's"),
}


@dataclass(frozen=True, slots=True)
class HeldBackup:
    """A backup that was there when something was erased; no date where it could not be read."""

    made_at: datetime | None
    until: datetime | None  # None: until somebody deletes it

    @property
    def is_past(self) -> bool:
        return self.until is not None and self.until < timezone.now()


def held_backups(kept: Sequence[dict[str, str | None]]) -> list[HeldBackup]:
    return [HeldBackup(_moment(each["made_at"]), _moment(each["until"])) for each in kept]


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def lines(erasure: Erasure) -> list[tuple[str, int]]:
    """What was removed, in the reader's language."""
    return [(str(label), erasure.counts[key]) for key, label in LABELS.items() if erasure.counts.get(key)]


def document(erasure: Erasure) -> dict[str, Any]:
    """The receipt as a file."""
    return {
        "receipt": str(erasure.receipt),
        "what": erasure.kind,
        "erased_at": erasure.at.isoformat(),
        "complete_at": erasure.finished_at.isoformat() if erasure.finished_at else None,
        "removed": erasure.counts,
        "backups_holding_it": erasure.backups,
    }

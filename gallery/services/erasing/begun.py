"""The receipt of an erasure, written with the erasing itself, and what its worker is still to clear."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from gallery import changes, queue
from gallery.backup import BackupDamaged, kept_backups, layout
from gallery.backup.lock import is_held
from gallery.models import Erasure, Reference, ReferenceVector, User
from gallery.scrubbing import Gone, chunks, forget_admin_log, scrub_linked
from gallery.services import history
from gallery.vectors import Bytes

NEEDLE = 24  # first bytes of a vector: enough to find it again in a file, too few to recognise anybody by
MOST_NEEDLES = 64


@dataclass
class Todo:
    """What the worker clears once the rows are gone."""

    gone: Gone
    files: list[str] = field(default_factory=list)  # below MEDIA_ROOT
    person_files: list[str] = field(default_factory=list)  # in the data directory's "exports"
    photos: list[str] = field(default_factory=list)  # SHA-256 of photos whose derived pictures go
    references: list[str] = field(default_factory=list)  # and of references
    builds: dict[str, int] = field(default_factory=dict)  # embedder -> the change a build must contain
    needles: list[bytes] = field(default_factory=list)  # what must not be found in the database's file

    def add_references(self, rows: Iterable[Reference]) -> int:
        """Announce that these references are gone, and note what is left of them; how many vectors they had."""
        found = list(rows)
        changes.record(changes.Kind.ERASED, found)
        self.files += [row.image for row in found]
        self.references += [row.sha256 for row in found]
        self.gone.ids.setdefault("reference", set()).update(row.pk for row in found)
        count = 0
        for some in chunks(row.pk for row in found):
            vectors = ReferenceVector.objects.filter(reference__in=some)
            for embedder_id, vector in vectors.values_list("embedder_id", "vector"):
                self.builds[embedder_id] = 0
                self.add_needle(vector)
                count += 1
        self.builds = {embedder_id: changes.latest(embedder_id) for embedder_id in self.builds}
        return count

    def add_needle(self, vector: Bytes) -> None:
        if len(self.needles) < MOST_NEEDLES:
            self.needles.append(bytes(vector)[:NEEDLE])

    def as_json(self) -> dict[str, Any]:
        return {
            "gone": self.gone.as_json(),
            "files": self.files,
            "person_files": self.person_files,
            "photos": self.photos,
            "references": self.references,
            "builds": self.builds,
            "needles": [base64.b64encode(needle).decode() for needle in self.needles],
        }


def begin(user: User | None, kind: Erasure.Kind, counts: dict[str, int], todo: Todo) -> Erasure:
    """Write the receipt and clear the history of what points to what is gone; in the erasing transaction."""
    counts["events"] = scrub_linked(todo.gone)
    forget_admin_log(todo.gone)
    erasure = Erasure.objects.create(
        kind=kind,
        counts={name: count for name, count in counts.items() if count},
        backups=backups_now(),
        todo=todo.as_json(),
        queued_at=timezone.now(),
    )
    history.record(user, f"{kind.value}.erase", None, {"receipt": str(erasure.receipt)})
    queue.send("erase", erasure.pk)
    return erasure


def note_backups(erasure: Erasure) -> bool:
    """Write down which backups hold what was erased; False while one is being made that may."""
    if is_held(layout.place()):
        return False
    erasure.backups = backups_now(before=erasure.at)
    Erasure.objects.filter(pk=erasure.pk).update(backups=erasure.backups)
    return True


def backups_now(before: datetime | None = None) -> list[dict[str, str | None]]:
    """When each kept backup was made and goes; one without a date where that cannot be told."""
    try:
        found = [kept for kept in kept_backups() if before is None or kept.made_at <= before]
    except (BackupDamaged, OSError):
        return [{"made_at": None, "until": None}]
    return [
        {
            "made_at": kept.made_at.isoformat(),
            "until": kept.expires_at.isoformat() if kept.expires_at else None,
        }
        for kept in found
    ]

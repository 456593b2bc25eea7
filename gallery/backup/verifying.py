"""Is a backup still what it was? Everything it holds is read and compared with its SHA-256."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from gallery.backup import layout
from gallery.backup.errors import BackupDamaged
from gallery.backup.layout import Backup
from gallery.backup.making import Progress, silent
from gallery.backup.store import sha256_of

LISTED = 20
BETWEEN = 50  # files between two reports


@dataclass(slots=True)
class Verified:
    backup: str
    files: int = 0
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        return not (self.missing or self.damaged)

    def as_json(self) -> dict[str, Any]:
        return {
            "backup": self.backup,
            "is_sound": self.is_sound,
            "files": self.files,
            "missing": {"count": len(self.missing), "first": self.missing[:LISTED]},
            "damaged": {"count": len(self.damaged), "first": self.damaged[:LISTED]},
        }


def verify(backup: Backup, progress: Progress = silent) -> Verified:
    """Read all of it. BackupDamaged where its own lists cannot be trusted."""
    _must_match_sums(backup)
    found = Verified(backup.folder.name)
    total = int(backup.manifest.listing["files"])
    for entry in backup.entries():
        if found.files % BETWEEN == 0:
            progress("verify", found.files, total)
        found.files += 1
        path = backup.store / entry.sha256[:2] / entry.sha256
        if not path.is_file():
            found.missing.append(entry.name)
        elif sha256_of(path) != entry.sha256:
            found.damaged.append(entry.name)
    return found


def _must_match_sums(backup: Backup) -> None:
    for name, digest in _sums(backup):
        path = backup.folder / name
        if not path.is_file() or sha256_of(path) != digest:
            text = _("%(path)s is damaged. This backup cannot be relied on; take the one before.")
            raise BackupDamaged(text % {"path": path})


def _sums(backup: Backup) -> Iterator[tuple[str, str]]:
    manifest = backup.manifest
    yield layout.LISTING, str(manifest.listing["sha256"])
    yield str(manifest.database["file"]), str(manifest.database["sha256"])
    sums = backup.folder / layout.SUMS
    lines = sums.read_text().splitlines() if sums.is_file() else []
    written = {line[66:]: line[:64] for line in lines}
    yield layout.MANIFEST, written.get(layout.MANIFEST, "")

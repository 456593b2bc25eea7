"""What a place keeps: the newest backups, and the files that these hold. Only for who holds the place's lock."""

from __future__ import annotations

import shutil
from pathlib import Path

from gallery.backup import layout
from gallery.backup.store import Store
from gallery.storage import sync_folder


def sweep(place: Path) -> None:
    """Remove what processes that died left half-made; files they had whole stay for the next backup."""
    for part in place.glob(f"{layout.PART}*"):
        shutil.rmtree(part, ignore_errors=True)
    Store(place / "files").clean()


def tidy(place: Path) -> None:
    """Remove files that no whole backup holds."""
    kept = layout.backups_in(place)
    Store(place / "files").drop_all_but(entry.sha256 for backup in kept for entry in backup.entries())


def prune(place: Path, keep: int) -> list[str]:
    """Remove the oldest backups until so many are left (0: all stay); their names."""
    gone = layout.backups_in(place)[keep:] if keep else []
    for backup in reversed(gone):
        dying = place / f"{layout.PART}{backup.folder.name}"
        backup.folder.replace(dying)  # half-removed, it is no backup any more
        shutil.rmtree(dying)
    if gone:
        sync_folder(place)
    tidy(place)
    return [backup.folder.name for backup in gone]

"""Putting restored folders in the place of what was there, and back.

The journal says that a restore has begun to change things. Whoever finds it ends the restore: forwards if the
database has been put in, which is the moment that decides, and backwards otherwise.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError

from gallery.backup.layout import KINDS
from gallery.backup.store import write_synced
from gallery.queries import setting
from gallery.storage import sync_folder

WORK = "restoring"  # folder in the data directory
JOURNAL, NEW, BEFORE = "journal.json", "new", "before"
RESTORED = "restored"  # the SiteSetting written with the database


@dataclass(frozen=True, slots=True)
class Workplace:
    root: Path

    @property
    def new(self) -> Path:
        return self.root / NEW

    @property
    def mark(self) -> str:
        """Of the restore that had begun to change things; empty: none had."""
        try:
            return str(json.loads((self.root / JOURNAL).read_text())["mark"])
        except FileNotFoundError:
            return ""

    def begin(self, mark: str) -> None:
        write_synced(self.root / JOURNAL, json.dumps({"mark": mark}))
        sync_folder(self.root)

    def swap(self) -> None:
        """Put the new folders in, the ones before aside."""
        (self.root / BEFORE).mkdir(exist_ok=True)
        for kind in KINDS:
            live = _live(kind)
            if live.exists():
                live.replace(self.root / BEFORE / kind)
            live.parent.mkdir(parents=True, exist_ok=True)
            (self.new / kind).replace(live)
            sync_folder(live.parent)

    def swap_back(self) -> None:
        """From wherever `swap` got to."""
        for kind in KINDS:
            live, before = _live(kind), self.root / BEFORE / kind
            if live.exists() and not (self.new / kind).exists():
                live.replace(self.new / kind)
            if before.exists():
                before.replace(live)
        sync_folder(self.root)

    def clear(self) -> None:
        """The journal goes first: without it, the rest is rubbish."""
        (self.root / JOURNAL).unlink(missing_ok=True)
        sync_folder(self.root)
        for path in self.root.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != ".lock":
                path.unlink()


def _live(kind: str) -> Path:
    return Path({"media": settings.MEDIA_ROOT, "index": settings.INDEX_ROOT}[kind])


def workplace() -> Workplace:
    return Workplace(Path(settings.DATA_DIR) / WORK)


def is_in(mark: str) -> bool:
    """The database is the one that was restored under this mark."""
    try:
        value = setting(RESTORED, {})
    except DatabaseError:  # no tables yet
        return False
    return isinstance(value, dict) and value.get("mark") == mark

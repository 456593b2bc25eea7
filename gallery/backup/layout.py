"""Where a backup's parts are.

PLACE/                         FACESITE_BACKUP_DIR
  files/ab/abcdef...           every photo and reference once, named by its SHA-256, shared by all backups
  2026-11-24T03-00-00Z/        one backup: whole under this name, or not there
    manifest.json              what it is: version, migrations, counts, settings, SHA-256 of the rest
    files.jsonl                name, SHA-256 and bytes of every file it holds, one a line
    database.sqlite3           or database.dump, of pg_dump
    SHA256SUMS                 for `sha256sum -c`
  .part-.../                   being made, or left by a process that died: the next backup removes it
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from gallery.backup.errors import BackupDamaged, BackupError

FORMAT = 1
STAMP = "%Y-%m-%dT%H-%M-%SZ"
NAME = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ(-\d+)?")
PART = ".part-"
MANIFEST, LISTING, SUMS = "manifest.json", "files.jsonl", "SHA256SUMS"


SHA256 = re.compile(r"[0-9a-f]{64}")
KINDS = ("media", "index")  # folders of the data directory whose files are held


@dataclass(frozen=True, slots=True)
class Entry:
    """A file that a backup holds: its name below the data directory, and its content by SHA-256."""

    name: str
    sha256: str
    bytes: int

    def is_proper(self) -> bool:
        """Its names lead where they should, whoever wrote the list."""
        parts = self.name.split("/")
        return bool(SHA256.fullmatch(self.sha256)) and parts[0] in KINDS and not {"", ".", ".."} & {*parts}


@dataclass(frozen=True, slots=True)
class Manifest:
    name: str
    made_at: datetime
    version: str  # of Facesite
    seconds: float
    engine: str  # sqlite or postgresql
    database: dict[str, Any]  # file, sha256, bytes
    listing: dict[str, Any]  # of files.jsonl: sha256, files, bytes
    migrations: dict[str, list[str]]  # by app
    counts: dict[str, int]
    settings: dict[str, str]
    missing: list[str] = field(default_factory=list)  # of rows whose file was gone already
    altered: list[str] = field(default_factory=list)  # whose file was not what its row says
    has_index: bool = False
    format: int = FORMAT

    @property
    def bytes(self) -> int:
        """Of the database and all files, though files are shared with other backups."""
        return int(self.database["bytes"]) + int(self.listing["bytes"])

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"made_at": self.made_at.isoformat()}


@dataclass(frozen=True, slots=True)
class Backup:
    folder: Path
    manifest: Manifest

    @property
    def database(self) -> Path:
        return self.folder / str(self.manifest.database["file"])

    @property
    def store(self) -> Path:
        return self.folder.parent / "files"

    def entries(self) -> Iterator[Entry]:
        with (self.folder / LISTING).open(encoding="utf-8") as lines:
            for line in lines:
                entry = Entry(**json.loads(line))
                if not entry.is_proper():
                    raise BackupDamaged(
                        _("%(folder)s lists a file that it may not hold.") % {"folder": self.folder}
                    )
                yield entry


def place() -> Path:
    """Where scheduled backups are kept."""
    return Path(settings.BACKUP_DIR)


def read(folder: Path) -> Backup:
    """The backup in this folder; BackupDamaged if it cannot be understood."""
    try:
        values = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if values["format"] > FORMAT:
            raise BackupError(
                _("%(folder)s was made by a newer Facesite. Update this one first.") % {"folder": folder}
            )
        values["made_at"] = datetime.fromisoformat(values["made_at"])
        known = {each.name for each in fields(Manifest)}
        return Backup(folder, Manifest(**{key: value for key, value in values.items() if key in known}))
    except (OSError, ValueError, KeyError, TypeError) as error:
        text = _("%(folder)s holds no backup that can be read (%(error)s).")
        raise BackupDamaged(text % {"folder": folder, "error": error}) from error


def backups_in(folder: Path) -> list[Backup]:
    """Every whole backup that is kept there, the newest first."""
    if not folder.is_dir():
        return []
    named = (each for each in folder.iterdir() if NAME.fullmatch(each.name))
    found = [read(each) for each in named if (each / MANIFEST).is_file()]
    return sorted(found, key=lambda backup: (backup.manifest.made_at, backup.folder.name), reverse=True)


def find(folder: Path) -> Backup:
    """The backup in this folder, or the newest of those kept there."""
    if (folder / MANIFEST).is_file():
        return read(folder)
    kept = backups_in(folder)
    if not kept:
        raise BackupError(_("There is no backup in %(folder)s.") % {"folder": folder})
    return kept[0]

"""What a backup consists of, where its parts are, and how long backups are kept.

FOLDER/                        FACESITE_BACKUP_DIR
  files/ab/abcdef...           every photo and reference once, named by its SHA-256, shared by all backups
  2026-11-24T03-00-00Z/        one backup: whole under this name, or not there
    manifest.json              what it is: version, migrations, counts, settings, SHA-256 of the rest
    files.jsonl                name, SHA-256 and bytes of every file it holds, one a line
    database.sqlite3           or database.dump, of pg_dump
    SHA256SUMS                 for `sha256sum -c`
  erased/                      what was erased since, as digests: see `backup.ledger`
  .part-.../                   being made, or left by a process that died: the next backup removes it
"""

from __future__ import annotations

import errno
import json
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.utils.translation import gettext as _

from gallery.models import SiteSetting
from gallery.models.history import get_site_setting
from recognition.errors import RecognitionError


class BackupError(RecognitionError):
    """A backup could not be made, read or restored. Nothing was changed."""


class BackupRunning(BackupError):
    """Another process is making or restoring a backup."""


class BackupDamaged(BackupError):
    """The content of a backup is not what it should be."""


class SiteNotEmpty(BackupError):
    """The installation to restore into is not empty."""


@contextmanager
def convert_to_backup_errors(place: Path) -> Iterator[None]:
    """Turn the system's and the database's errors into sentences."""
    try:
        yield
    except (sqlite3.Error, DatabaseError) as error:
        text = _("The database could not be copied: %(error)s. If its disk is full, make room there.")
        raise BackupError(text % {"error": error}) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            text = _("The disk of %(place)s is full. Make room there, then try again.")
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            text = _("Facesite may not write to %(place)s. Give its user the right to, then try again.")
        else:
            text = _("%(place)s cannot be used: %(error)s.")
        names = {"place": place, "error": error.strerror or error}
        raise BackupError(text % names) from error


SECRET_WORDS = ("KEY", "PASSWORD", "TOKEN", "SECRET")
ADDRESS_SETTINGS = ("DATABASE_URL", "CELERY_BROKER_URL")  # may hold a password: only their kind is kept


def collect_settings() -> dict[str, str]:
    kept = {
        name: value
        for name, value in sorted(os.environ.items())
        if name.startswith("FACESITE_") and not any(word in name for word in SECRET_WORDS)
    }
    for name in ADDRESS_SETTINGS:
        if name in os.environ:
            kept[name] = os.environ[name].partition("://")[0] + "://..."
    return kept | {"FACESITE_DETECTOR": str(settings.DETECTOR)}


FORMAT_VERSION = 1
STAMP_FORMAT = "%Y-%m-%dT%H-%M-%SZ"
BACKUP_NAME_PATTERN = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ(-\d+)?")
PARTIAL_BACKUP_PREFIX = ".part-"
MANIFEST_FILE, LISTING_FILE, SUMS_FILE = "manifest.json", "files.jsonl", "SHA256SUMS"
SHA256_PATTERN = re.compile(r"[0-9a-f]{64}")
DATA_FOLDERS = ("media", "index")  # folders of the data directory that a backup holds


@dataclass(frozen=True, slots=True)
class BackupEntry:
    """A file in a backup: its path below the data directory, and the SHA-256 of its content."""

    name: str
    sha256: str
    bytes: int

    def is_proper(self) -> bool:
        """Whether its path stays below the data directory, whoever wrote the list."""
        parts = self.name.split("/")
        return (
            bool(SHA256_PATTERN.fullmatch(self.sha256))
            and parts[0] in DATA_FOLDERS
            and not {"", ".", ".."} & {*parts}
        )


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
    missing: list[str] = field(default_factory=list)  # files of rows that were already gone
    altered: list[str] = field(default_factory=list)  # files that differ from what their row says
    has_index: bool = False
    erased_key: str = ""  # which key in the ledger of erasures is this site's
    format: int = FORMAT_VERSION

    @property
    def bytes(self) -> int:
        """Size of the database and all files, though files are shared with other backups."""
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

    def get_stored_file(self, entry: BackupEntry) -> Path:
        return self.folder.parent / "files" / entry.sha256[:2] / entry.sha256

    def entries(self) -> Iterator[BackupEntry]:
        with (self.folder / LISTING_FILE).open(encoding="utf-8") as lines:
            for line in lines:
                entry = BackupEntry(**json.loads(line))
                if not entry.is_proper():
                    raise BackupDamaged(
                        _("%(folder)s lists a file that it may not hold.") % {"folder": self.folder}
                    )
                yield entry


def get_backup_folder() -> Path:
    """The folder of scheduled backups."""
    return Path(settings.BACKUP_DIR)


def read_backup(folder: Path) -> Backup:
    """The backup in this folder. Raises BackupDamaged if it cannot be read."""
    try:
        values = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
        if values["format"] > FORMAT_VERSION:
            raise BackupError(
                _("%(folder)s was made by a newer Facesite. Update this one first.") % {"folder": folder}
            )
        values["made_at"] = datetime.fromisoformat(values["made_at"])
        known = {each.name for each in fields(Manifest)}
        return Backup(folder, Manifest(**{key: value for key, value in values.items() if key in known}))
    except (OSError, ValueError, KeyError, TypeError) as error:
        text = _("%(folder)s holds no backup that can be read (%(error)s).")
        raise BackupDamaged(text % {"folder": folder, "error": error}) from error


def list_backups(folder: Path) -> list[Backup]:
    """All complete backups kept there, newest first."""
    if not folder.is_dir():
        return []
    named = (each for each in folder.iterdir() if BACKUP_NAME_PATTERN.fullmatch(each.name))
    found = [read_backup(each) for each in named if (each / MANIFEST_FILE).is_file()]
    return sorted(found, key=lambda backup: (backup.manifest.made_at, backup.folder.name), reverse=True)


def find_backup(folder: Path) -> Backup:
    """The backup in this folder, or the newest of the backups kept there."""
    if (folder / MANIFEST_FILE).is_file():
        return read_backup(folder)
    kept = list_backups(folder)
    if not kept:
        raise BackupError(_("There is no backup in %(folder)s.") % {"folder": folder})
    return kept[0]


ELSEWHERE_SETTING = "backups_elsewhere"  # a SiteSetting: backups made to other folders by hand
MAX_REMEMBERED_BACKUPS = 100  # elsewhere; older ones are forgotten


@dataclass(frozen=True, slots=True)
class KeptBackup:
    """A backup that still holds what the site held at `made_at`, until `expires_at`."""

    folder: Path
    made_at: datetime
    expires_at: datetime | None  # None: until somebody deletes it
    bytes: int = 0
    is_elsewhere: bool = False  # made by hand in another folder: never deleted by the site

    @property
    def name(self) -> str:
        return self.folder.name


def list_kept_backups() -> list[KeptBackup]:
    """All kept backups, newest first, with the time each will be deleted if backups continue on schedule.

    Raises BackupDamaged where a manifest cannot be read, OSError where the folder cannot.
    """
    kept, found = [], list_backups(get_backup_folder())
    for place, each in enumerate(found):
        expires_at = None
        if settings.BACKUP_HOURS:  # by then there is one too many
            hours = settings.BACKUP_HOURS * max(1, settings.BACKUP_KEEP - place)
            expires_at = found[0].manifest.made_at + timedelta(hours=hours)
        kept.append(KeptBackup(each.folder, each.manifest.made_at, expires_at, each.manifest.bytes))
    for folder, made_at in _read_noted_backups().items():
        path = Path(folder)
        if path.is_dir() or not path.parent.is_dir():  # otherwise it is known to be gone
            kept.append(KeptBackup(path, datetime.fromisoformat(made_at), None, is_elsewhere=True))
    return sorted(kept, key=lambda each: each.made_at, reverse=True)


def _read_noted_backups() -> dict[str, str]:
    value = get_site_setting(ELSEWHERE_SETTING, {})
    return {str(key): str(text) for key, text in value.items()} if isinstance(value, dict) else {}


def note_backup_elsewhere(backup: Backup) -> None:
    """Remember a backup made in a folder that the site does not manage."""
    noted = _read_noted_backups() | {str(backup.folder): backup.manifest.made_at.isoformat()}
    newest = sorted(noted.items(), key=lambda item: item[1])[-MAX_REMEMBERED_BACKUPS:]
    SiteSetting.objects.update_or_create(pk=ELSEWHERE_SETTING, defaults={"value": dict(newest)})

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

With FACESITE_BACKUP_KEY all but this is encrypted, each file by itself, and has .age after its name:
  files-1a2b3c4d/ab/abcdef...age   a folder for each set of keys; names are digests that need the site's own key
  2026-11-24T03-00-00Z/
    manifest.json              without settings and names of files, which are in details.json.age
    files.sha256               SHA-256 of every encrypted file, for `sha256sum -c` and for pruning without the key
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.utils.translation import gettext as _

from gallery.backup.bucket import fetch_file, pull_lists
from gallery.backup.encryption import (
    AGE_SUFFIX,
    Identities,
    check_identities,
    copy_decrypted,
    decrypt_bytes,
    decrypt_file,
)
from gallery.backup.errors import BackupDamaged, BackupError
from gallery.models import SiteSetting
from gallery.models.history import get_site_setting
from recognition.files import compute_sha256

SECRET_WORDS = ("KEY", "PASSWORD", "TOKEN", "SECRET", "IDENTITY")
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


FORMAT_VERSION, PLAIN_FORMAT = 2, 1  # a backup that is not encrypted is still what earlier releases read
STAMP_FORMAT = "%Y-%m-%dT%H-%M-%SZ"
BACKUP_NAME_PATTERN = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ(-\d+)?")
PARTIAL_BACKUP_PREFIX = ".part-"
MANIFEST_FILE, LISTING_FILE, SUMS_FILE = "manifest.json", "files.jsonl", "SHA256SUMS"
DETAILS_FILE, STORED_FILE = "details.json", "files.sha256"
STORED_PATTERN = re.compile(r"files-[0-9a-f]{8}/[0-9a-f]{2}/[0-9a-f]{64}\.age")
SHA256_PATTERN = re.compile(r"[0-9a-f]{64}")
DATA_FOLDERS = ("media", "index")  # folders of the data directory that a backup holds


@dataclass(frozen=True, slots=True)
class BackupEntry:
    """A file in a backup: its path below the data directory, and the SHA-256 of its content."""

    name: str
    sha256: str
    bytes: int
    stored: str = ""  # where it lies in the backups' folder, if it is encrypted

    def is_proper(self) -> bool:
        """Whether its paths stay below their folders, whoever wrote the list."""
        parts = self.name.split("/")
        return (
            bool(SHA256_PATTERN.fullmatch(self.sha256))
            and (not self.stored or bool(STORED_PATTERN.fullmatch(self.stored)))
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
    listing: dict[
        str, Any
    ]  # of files.jsonl: sha256, files, bytes; if encrypted, stored: SHA-256 of files.sha256
    migrations: dict[str, list[str]]  # by app
    counts: dict[str, int]
    settings: dict[str, str]
    missing: list[str] = field(default_factory=list)  # files of rows that were already gone
    altered: list[str] = field(default_factory=list)  # files that differ from what their row says
    has_index: bool = False
    erased_key: str = ""  # which key in the ledger of erasures is this site's
    recipients: list[str] = field(default_factory=list)  # of age, if it is encrypted
    format: int = PLAIN_FORMAT

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
    identities: Identities = ()

    @property
    def is_encrypted(self) -> bool:
        return bool(self.manifest.recipients)

    @property
    def is_open(self) -> bool:
        """Whether its contents can be read; `check_open` has said so of the identities."""
        return bool(self.identities) or not self.is_encrypted

    @property
    def database(self) -> Path:
        return self.folder / str(self.manifest.database["file"])

    @property
    def listing(self) -> Path:
        return self.folder / (LISTING_FILE + AGE_SUFFIX if self.is_encrypted else LISTING_FILE)

    def check_open(self) -> None:
        """Raise BackupLocked without an identity that opens it."""
        if self.is_encrypted:
            check_identities(self.folder, self.manifest.recipients, self.identities)

    def read_details(self) -> Manifest:
        """The manifest with what an encrypted backup keeps to itself."""
        if not self.is_encrypted:
            return self.manifest
        return parse_manifest(decrypt_bytes(self.folder / (DETAILS_FILE + AGE_SUFFIX), self.identities))

    def get_stored_file(self, entry: BackupEntry) -> Path:
        return self.folder.parent / (entry.stored or f"files/{entry.sha256[:2]}/{entry.sha256}")

    def entries(self) -> Iterator[BackupEntry]:
        with self._open_listing() as lines:
            for line in lines:
                entry = BackupEntry(**json.loads(line))
                if not entry.is_proper():
                    raise BackupDamaged(
                        _("%(folder)s lists a file that it may not hold.") % {"folder": self.folder}
                    )
                yield entry

    def _open_listing(self) -> IO[bytes]:
        if self.is_encrypted:
            return BytesIO(decrypt_bytes(self.listing, self.identities))
        return self.listing.open("rb")

    def list_stored_sums(self) -> Iterator[tuple[Path, str]]:
        """The encrypted files it holds, and the SHA-256 of each as it lies there. Needs no identity."""
        path = self.folder / STORED_FILE
        if not path.is_file() or compute_sha256(path) != self.manifest.listing["stored"]:
            text = _("%(path)s is damaged, so nobody knows which files this backup holds. Delete its folder.")
            raise BackupDamaged(text % {"path": path})
        for line in path.read_text().splitlines():
            yield self.folder.parent / line[66:].removeprefix("../"), line[:64]

    def list_stored_files(self) -> Iterator[Path]:
        if self.is_encrypted:
            yield from (path for path, _sum in self.list_stored_sums())
        else:
            yield from (self.get_stored_file(entry) for entry in self.entries())

    def copy_file(self, source: Path, target: Path) -> str:
        """Copy one of its files, decrypted, sync it, and return the SHA-256 of the content."""
        with fetch_file(source) as path:
            return copy_decrypted(path, target, self.identities)

    def compute_sha256(self, source: Path) -> str:
        """The SHA-256 of the content of one of its files."""
        with fetch_file(source) as path:
            return decrypt_file(path, None, self.identities) if self.is_encrypted else compute_sha256(path)


def get_backup_folder() -> Path:
    """The folder of scheduled backups."""
    return Path(settings.BACKUP_DIR)


def parse_manifest(text: str | bytes) -> Manifest:
    """ValueError, KeyError or TypeError for what is none."""
    values = json.loads(text)
    if values["format"] > FORMAT_VERSION:
        raise BackupError(_("The backup was made by a newer Facesite. Update this one first."))
    values["made_at"] = datetime.fromisoformat(values["made_at"])
    known = {each.name for each in fields(Manifest)}
    return Manifest(**{key: value for key, value in values.items() if key in known})


def read_backup(folder: Path, identities: Identities = ()) -> Backup:
    """The backup in this folder. Raises BackupDamaged if it cannot be read."""
    try:
        return Backup(folder, parse_manifest((folder / MANIFEST_FILE).read_bytes()), identities)
    except (OSError, ValueError, KeyError, TypeError) as error:
        text = _("%(folder)s holds no backup that can be read (%(error)s).")
        raise BackupDamaged(text % {"folder": folder, "error": error}) from error


def list_backups(folder: Path) -> list[Backup]:
    """All complete backups kept there, newest first."""
    pull_lists(folder)
    if not folder.is_dir():
        return []
    named = (each for each in folder.iterdir() if BACKUP_NAME_PATTERN.fullmatch(each.name))
    found = [read_backup(each) for each in named if (each / MANIFEST_FILE).is_file()]
    return sorted(found, key=lambda backup: (backup.manifest.made_at, backup.folder.name), reverse=True)


def count_plain_backups(folder: Path) -> int:
    return sum(not backup.is_encrypted for backup in list_backups(folder))


def find_backup(folder: Path, identities: Identities = ()) -> Backup:
    """The backup in this folder, or the newest of the backups kept there."""
    if (folder / MANIFEST_FILE).is_file():
        return read_backup(folder, identities)
    kept = list_backups(folder)
    if not kept:
        raise BackupError(_("There is no backup in %(folder)s.") % {"folder": folder})
    return replace(kept[0], identities=identities)


ELSEWHERE_SETTING = "backups_elsewhere"  # a SiteSetting: backups made to other folders by hand
MAX_REMEMBERED_BACKUPS = 100  # elsewhere; older ones are forgotten


@dataclass(frozen=True, slots=True)
class KeptBackup:
    """A backup that still holds what the site held at `made_at`, until `expires_at`."""

    folder: Path
    made_at: datetime
    expires_at: datetime | None  # None: until somebody deletes it
    bytes: int = 0
    is_encrypted: bool = False
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
        manifest = each.manifest
        kept.append(
            KeptBackup(
                each.folder, manifest.made_at, expires_at, manifest.bytes, is_encrypted=each.is_encrypted
            )
        )
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

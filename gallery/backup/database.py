"""The database's part of a backup: what it refers to, and how it is copied and put back on either engine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from gallery.backup.layout import BackupError


class SqlReader(Protocol):
    """A connection of sqlite3 or psycopg."""

    def execute(self, query: str, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that a row names: its place below the media folder, and the SHA-256 the row says it has."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class DatabaseContents:
    files: list[NamedFile]
    builds: list[str]  # directories of the builds that serve
    migrations: dict[str, list[str]]
    counts: dict[str, int]


ContentsCallback = Callable[[DatabaseContents], None]

COUNTED_TABLES = {
    "photos": "gallery_photo",
    "people": "gallery_person",
    "references": "gallery_reference",
    "faces": "gallery_face",
    "albums": "gallery_album",
    "users": "gallery_user",
}
FILES_QUERY = (
    "SELECT file, sha256 FROM gallery_photo WHERE file <> ''"
    " UNION ALL SELECT image, sha256 FROM gallery_reference WHERE image <> ''"
)


def read_contents(reader: SqlReader) -> DatabaseContents:
    migrations: dict[str, list[str]] = defaultdict(list)
    for app, name in reader.execute("SELECT app, name FROM django_migrations ORDER BY app, name").fetchall():
        migrations[app].append(name)
    active = "SELECT directory FROM gallery_build WHERE is_active AND directory <> ''"
    return DatabaseContents(
        files=[NamedFile(*row) for row in reader.execute(FILES_QUERY).fetchall()],
        builds=[row[0] for row in reader.execute(active).fetchall()],
        migrations=dict(migrations),
        counts={
            word: reader.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 -- our own names
            for word, table in COUNTED_TABLES.items()
        },
    )


def migrate_database(address: str = "") -> None:
    """Run the migrations on this database, or on the site's; BackupError if one fails."""
    environment = {**os.environ, **({"DATABASE_URL": address} if address else {})}
    command = [sys.executable, "manage.py", "migrate", "--verbosity=0", "--skip-checks"]
    done = subprocess.run(
        command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or [str(done.returncode)]
        text = _("The database could not be brought up to this version: %(error)s")
        raise BackupError(text % {"error": said[0]})


def get_database_engine() -> str:
    """sqlite or postgresql: what this site keeps its rows in."""
    return connection.vendor


def _load_engine_module() -> ModuleType:
    """The one that is wanted: the other's driver is loaded for nobody."""
    return import_module(f"{__package__}.{'sqlite' if get_database_engine() == 'sqlite' else 'postgres'}")


def get_dump_file_name() -> str:
    name: str = _load_engine_module().DUMP_FILE
    return name


def snapshot_database(folder: Path, look: ContentsCallback) -> DatabaseContents:
    """Copy the database as it is at one moment into the folder; `look` is shown what it names, as soon as known."""
    found: DatabaseContents = _load_engine_module().snapshot_database(folder, look)
    return found


def prepare_database(source: Path, work: Path, mark: str) -> None:
    """Get a copy ready to be put in; the database is not touched. `mark` is JSON, kept as the setting "restored"."""
    _load_engine_module().prepare_database(source, work, mark)


def commit_database(work: Path) -> None:
    """Put in what was prepared: all of it, or nothing."""
    _load_engine_module().commit_database(work)


def undo_database(work: Path) -> None:
    """Put back what was there before."""
    _load_engine_module().undo_database(work)


def forget_prepared_database() -> None:
    """Remove what `prepare` left outside the working folder."""
    _load_engine_module().forget_prepared_database()

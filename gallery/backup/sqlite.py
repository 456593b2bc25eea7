"""SQLite: copied by its online backup while it is written to, and replaced by one rename."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from django.db import connection, connections
from django.utils.translation import gettext as _

from gallery.backup.database import ContentsCallback, DatabaseContents, migrate_database, read_contents
from gallery.backup.layout import BackupDamaged, BackupError
from gallery.backup.store import copy_and_sync, sync_file
from gallery.models.storage import sync_folder

DUMP_FILE = "database.sqlite3"


def snapshot_database(folder: Path, look: ContentsCallback) -> DatabaseContents:
    """Write the database as it is at one moment to FILE in the folder, sound and in one piece; look at once."""
    if connection.in_atomic_block:
        raise RuntimeError("SQLite would wait for this transaction for ever.")
    target = folder / DUMP_FILE
    target.unlink(missing_ok=True)
    connection.ensure_connection()
    with closing(sqlite3.connect(target)) as made:
        connection.connection.backup(made)  # all pages in one step: writers go on in the write-ahead log
        made.execute("PRAGMA journal_mode=DELETE")
        _check_database_sound(made, target)
        found = read_contents(made)
        look(found)
    sync_file(target)
    return found


def _check_database_sound(made: sqlite3.Connection, path: Path) -> None:
    try:
        said = made.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        said = str(error)
    if said != "ok":
        text = _("The copy of the database %(path)s is damaged: %(error)s.")
        raise BackupDamaged(text % {"path": path, "error": said})


def _get_live_path() -> Path:
    return Path(connection.settings_dict["NAME"])


def _get_staged_path() -> Path:
    """Beside the live one, so that one renaming puts it in its place."""
    return _get_live_path().with_name(f".restoring-{_get_live_path().name}")


def prepare_database(source: Path, work: Path, mark: str) -> None:
    """Bring the copy beside the live database, sound, up to this version and marked; the live one is not touched."""
    forget_prepared_database()
    staged = _get_staged_path()
    staged.parent.mkdir(parents=True, exist_ok=True)
    copy_and_sync(source, staged)
    with closing(sqlite3.connect(staged)) as made:
        _check_database_sound(made, staged)
    migrate_database(f"sqlite:///{staged}")
    with closing(sqlite3.connect(staged)) as made, made:
        made.execute("DELETE FROM gallery_sitesetting WHERE key = 'restored'")
        made.execute("INSERT INTO gallery_sitesetting VALUES ('restored', ?, datetime('now'))", (mark,))
    with closing(sqlite3.connect(staged)) as made:
        made.execute("PRAGMA journal_mode=DELETE")
    sync_file(staged)


def commit_database(work: Path) -> None:
    """Put it in the place of the live one: done or not done, nothing between."""
    connections.close_all()
    live = _get_live_path()
    if live.exists():
        _fold_write_ahead_log(live)
    for suffix in ("-wal", "-shm"):
        live.with_name(live.name + suffix).unlink(missing_ok=True)
    _get_staged_path().replace(live)
    sync_folder(live.parent)


def _fold_write_ahead_log(live: Path) -> None:
    """The write-ahead log of the old file must not be taken for the new one's.

    SQLite gives the log up only where no other process has the database open, reading or not: what the site wrote
    through a connection it keeps would go into the file that is replaced.
    """
    with closing(sqlite3.connect(live, timeout=5)) as old:
        try:
            mode = old.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
        except sqlite3.OperationalError:  # it is locked
            mode = ""
    log = live.with_name(live.name + "-wal")
    if mode != "delete" or (log.exists() and log.stat().st_size):
        raise BackupError(_("The database is in use. Stop the site and its worker, then restore again."))


def undo_database(work: Path) -> None:
    """The live database was not touched before `commit` was done."""


def forget_prepared_database() -> None:
    staged = _get_staged_path()
    for suffix in ("", "-wal", "-shm", "-journal"):
        staged.with_name(staged.name + suffix).unlink(missing_ok=True)

"""The database's part of a backup: what it refers to, and how it is copied and put back on either engine."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings
from django.db import connection, connections
from django.utils.translation import gettext as _

from facesite.processes import die_with_parent
from gallery.backup.errors import BackupDamaged, BackupError
from recognition.files import copy_and_sync, sync_path


class SqlReader(Protocol):
    """A connection of sqlite3 or psycopg."""

    def execute(self, query: str, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that a row names: its path below the media folder, and its SHA-256 according to the row."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class DatabaseContents:
    files: list[NamedFile]
    builds: list[str]  # directories of the active builds
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
COMPANIONS_QUERY = " UNION ALL SELECT file, sha256 FROM gallery_companion"
COMPANIONS_MIGRATION = (
    "_companions_and_pages"  # what its name ends with; a database of before is backed up, too
)


def read_contents(reader: SqlReader) -> DatabaseContents:
    migrations: dict[str, list[str]] = defaultdict(list)
    for app, name in reader.execute("SELECT app, name FROM django_migrations ORDER BY app, name").fetchall():
        migrations[app].append(name)
    has_companions = any(name.endswith(COMPANIONS_MIGRATION) for name in migrations["gallery"])
    files = FILES_QUERY + (COMPANIONS_QUERY if has_companions else "")
    active = "SELECT directory FROM gallery_build WHERE is_active AND directory <> ''"
    return DatabaseContents(
        files=[NamedFile(*row) for row in reader.execute(files).fetchall()],
        builds=[name for (name,) in reader.execute(active).fetchall() if not name.startswith("milvus:")],
        migrations=dict(migrations),
        counts={
            word: reader.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 -- our own names  # nosec B608
            for word, table in COUNTED_TABLES.items()
        },
    )


def migrate_database(address: str = "") -> None:
    """Run the migrations on this database, or on the site's. Raises BackupError if one fails."""
    environment = {**os.environ, **({"DATABASE_URL": address} if address else {})}
    command = [sys.executable, "manage.py", "migrate", "--verbosity=0", "--skip-checks"]
    done = subprocess.run(
        command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or [str(done.returncode)]
        text = _("The database could not be brought up to this version: %(error)s")
        raise BackupError(text % {"error": said[0]})


def get_database() -> SqliteDatabase | PostgresDatabase:
    """The site's database. On either engine it is copied as it is at one moment (`copy_to`); a copy is prepared aside
    (`prepare_copy`, with a mark, the setting "restored") and put in completely or not at all (`commit_copy`); a copy
    is tried in a scratch place without touching what is there (`try_copy`)."""
    return SqliteDatabase() if connection.vendor == "sqlite" else PostgresDatabase()


class SqliteDatabase:
    """Copied by SQLite's online backup while the site writes to it, and replaced by one rename."""

    dump_file = "database.sqlite3"

    def __init__(self) -> None:
        self.live = Path(connection.settings_dict["NAME"])
        # Beside the live one, so that one rename puts it in its place
        self.staged = self.live.with_name(f".restoring-{self.live.name}")

    def copy_to(self, folder: Path, look: ContentsCallback) -> DatabaseContents:
        """Copy it into the folder; `look` is called with its contents as soon as they are known."""
        if connection.in_atomic_block:
            raise RuntimeError("SQLite would wait for this transaction for ever.")
        target = folder / self.dump_file
        target.unlink(missing_ok=True)
        connection.ensure_connection()
        # Without locks, which nobody else needs in this folder: where a disk refuses them SQLite would wait for ever
        with closing(sqlite3.connect(f"{target.as_uri()}?vfs=unix-none", uri=True)) as made:
            made.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.connection.backup(made)  # in one step: writers continue in the write-ahead log
            made.execute("PRAGMA journal_mode=DELETE")
            _check_database_sound(made, target)
            found = read_contents(made)
            look(found)
        sync_path(target)
        return found

    def prepare_copy(self, source: Path, work: Path, mark: str) -> None:
        """Put the copy beside the live database: checked, migrated to this version, and marked."""
        self.forget_copy()
        self.staged.parent.mkdir(parents=True, exist_ok=True)
        copy_and_sync(source, self.staged)
        with closing(sqlite3.connect(self.staged)) as made:
            _check_database_sound(made, self.staged)
        migrate_database(f"sqlite:///{self.staged}")
        with closing(sqlite3.connect(self.staged)) as made, made:
            made.execute("DELETE FROM gallery_sitesetting WHERE key = 'restored'")
            made.execute("INSERT INTO gallery_sitesetting VALUES ('restored', ?, datetime('now'))", (mark,))
        with closing(sqlite3.connect(self.staged)) as made:
            made.execute("PRAGMA journal_mode=DELETE")
        sync_path(self.staged)

    def commit_copy(self, work: Path) -> None:
        connections.close_all()
        if self.live.exists():
            self._fold_write_ahead_log()
        for suffix in ("-wal", "-shm"):
            self.live.with_name(self.live.name + suffix).unlink(missing_ok=True)
        self.staged.replace(self.live)
        sync_path(self.live.parent)

    def _fold_write_ahead_log(self) -> None:
        """The write-ahead log of the old file must not be taken for the new one's.

        SQLite gives the log up only where no other process has the database open, reading or not: what the site
        wrote through a connection it keeps would go into the file that is replaced.
        """
        with closing(sqlite3.connect(self.live, timeout=5)) as old:
            try:
                mode = old.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
            except sqlite3.OperationalError:  # it is locked
                mode = ""
        log = self.live.with_name(self.live.name + "-wal")
        if mode != "delete" or (log.exists() and log.stat().st_size):
            raise BackupError(_("The database is in use. Stop the site and its worker, then restore again."))

    def estimate_trial_bytes(self) -> int:
        return 0  # it is opened where it lies

    def try_copy(self, source: Path, work: Path) -> DatabaseContents | None:
        """Open this copy, which is ours to touch, and read what it refers to."""
        with closing(sqlite3.connect(source)) as made:
            _check_database_sound(made, source)
            return read_contents(made)

    def forget_copy(self) -> None:
        """Remove what `prepare_copy` has left outside the working folder."""
        for suffix in ("", "-wal", "-shm", "-journal"):
            self.staged.with_name(self.staged.name + suffix).unlink(missing_ok=True)


def _check_database_sound(made: sqlite3.Connection, path: Path) -> None:
    try:
        said = made.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        said = str(error)
    if said != "ok":
        text = _("The copy of the database %(path)s is damaged: %(error)s.")
        raise BackupDamaged(text % {"path": path, "error": said})


DUMP_BEFORE, RESTORE_SCRIPT, PUT_BACK_SCRIPT = "before.dump", "restore.sql", "put-back.sql"
TRIAL_PREFIX = "trial_of_"
DUMP_OPTIONS = ("--format=custom", "--no-owner", "--no-acl")
DROP_ALL_SQL = """
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() LOOP
    EXECUTE format('DROP TABLE IF EXISTS %I CASCADE', name);
  END LOOP;
END $$;
"""
MARK_SQL = """
RESET search_path;
DELETE FROM gallery_sitesetting WHERE key = 'restored';
INSERT INTO gallery_sitesetting (key, value, changed_at) VALUES ('restored', '{mark}', now());
"""
# Written by PostgreSQL 17's programs, not understood by older servers
NEWER_ONLY_LINE = b"SET transaction_timeout = 0;"


class PostgresDatabase:
    """Copied by pg_dump from the same snapshot in which we read which files its rows name."""

    dump_file = "database.dump"

    def copy_to(self, folder: Path, look: ContentsCallback) -> DatabaseContents:
        """`look` is called before pg_dump, which takes a while, so that fewer of the files are gone by then."""
        import psycopg  # a site on SQLite does without it

        target = folder / self.dump_file
        with closing(connection.get_new_connection(connection.get_connection_params())) as reader:
            reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            reader.autocommit = False
            exported = reader.execute("SELECT pg_export_snapshot()").fetchone()[0]
            found = read_contents(reader)
            look(found)
            _run_postgres_program("pg_dump", *DUMP_OPTIONS, f"--snapshot={exported}", f"--file={target}")
            reader.rollback()
        sync_path(target)
        return found

    def prepare_copy(self, source: Path, work: Path, mark: str) -> None:
        """Write two scripts: one restores the copy, the other puts back what is there now."""
        if connection.introspection.table_names():
            _run_postgres_program("pg_dump", *DUMP_OPTIONS, f"--file={work / DUMP_BEFORE}")
            _write_script(work / DUMP_BEFORE, work / PUT_BACK_SCRIPT, "")
        else:
            (work / PUT_BACK_SCRIPT).write_text(DROP_ALL_SQL)
        _write_script(source, work / RESTORE_SCRIPT, MARK_SQL.format(mark=mark.replace("'", "''")))

    def commit_copy(self, work: Path) -> None:
        """Restore in one transaction, then migrate an older copy; put the old state back if that fails."""
        connections.close_all()
        _run_script(work / RESTORE_SCRIPT)
        try:
            migrate_database()
        except BackupError:
            connections.close_all()
            _run_script(work / PUT_BACK_SCRIPT)
            raise

    def estimate_trial_bytes(self) -> int:
        """For the script, written twice, in which bytes take two digits each; and as much again for the server."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            return 5 * int(cursor.fetchone()[0])

    def try_copy(self, source: Path, work: Path) -> DatabaseContents | None:
        """Restore it into a database of its own and read that. Where our role may make none, read it all: None."""
        with closing(connection.get_new_connection(connection.get_connection_params())) as server:
            server.autocommit = True
            may_create = "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
            if not server.execute(may_create).fetchone()[0]:
                _run_postgres_program("pg_restore", f"--file={os.devnull}", str(source), connects=False)
                return None
            _write_script(source, work / RESTORE_SCRIPT, "")
            name = f"{TRIAL_PREFIX}{connection.settings_dict['NAME']}"[:63]
            quoted = connection.ops.quote_name(name)
            server.execute(f"DROP DATABASE IF EXISTS {quoted}")  # of a trial that died
            server.execute(f"CREATE DATABASE {quoted} TEMPLATE template0")
            try:
                _run_script(work / RESTORE_SCRIPT, name)
                parameters = connection.get_connection_params() | {"dbname": name}
                with closing(connection.get_new_connection(parameters)) as reader:
                    return read_contents(reader)
            finally:
                server.execute(f"DROP DATABASE {quoted} WITH (FORCE)")

    def forget_copy(self) -> None:
        """Nothing to do: everything is in the working folder."""


def _write_script(dump: Path, script: Path, ending: str) -> None:
    """Write a script for one transaction that drops everything in our schema and loads the dump."""
    plain = script.with_suffix(".plain")
    _run_postgres_program(
        "pg_restore", "--no-owner", "--no-acl", f"--file={plain}", str(dump), connects=False
    )
    with plain.open("rb") as lines, script.open("wb") as written:
        written.write(DROP_ALL_SQL.encode())
        written.writelines(line for line in lines if not line.startswith(NEWER_ONLY_LINE))
        written.write(ending.encode())
    plain.unlink()


def _run_script(script: Path, database: str = "") -> None:
    options = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction")
    _run_postgres_program("psql", *options, stdin=script, database=database)


def _run_postgres_program(
    program: str, *options: str, stdin: Path | None = None, connects: bool = True, database: str = ""
) -> None:
    """Run one of PostgreSQL's programs on this database, or ours. Raises BackupError with its message if it fails."""
    path = shutil.which(program)
    if path is None:
        text = _(
            "%(program)s is not installed here. Install PostgreSQL's client programs (postgresql-client)."
        )
        raise BackupError(text % {"program": program})
    client: Any = connection.client  # as Django's dbshell does, with the password in the environment
    target = connection.settings_dict | ({"NAME": database} if database else {})
    arguments, environment = client.settings_to_cmd_args_env(target, options)
    arguments = ["--no-password", *arguments[1:]] if connects else options
    with (stdin or Path(os.devnull)).open("rb") as given:
        done = subprocess.run(
            [path, *arguments],
            env={**os.environ, **(environment or {})},
            stdin=given,
            capture_output=True,
            check=False,
            # a psql that outlived us could commit after the restore was undone
            preexec_fn=partial(die_with_parent, signal.SIGKILL),
        )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        text = _("%(program)s failed: %(error)s")
        raise BackupError(text % {"program": program, "error": " ".join(said[:3]) or done.returncode})

"""PostgreSQL: copied by pg_dump, from the same snapshot in which we read which files its rows name."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg
from django.db import connection, connections
from django.utils.translation import gettext as _

from gallery.backup.database import ContentsCallback, DatabaseContents, migrate_database, read_contents
from gallery.backup.layout import BackupError
from gallery.backup.store import sync_file

DUMP_FILE = "database.dump"
PR_SET_PDEATHSIG = 1


def snapshot_database(folder: Path, look: ContentsCallback) -> DatabaseContents:
    """Write the database as it is at one moment to FILE in the folder, in pg_dump's custom format.

    `look` is called before pg_dump, which takes its time, so that fewer of the files are gone by then.
    """
    target = folder / DUMP_FILE
    with closing(connection.get_new_connection(connection.get_connection_params())) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.autocommit = False
        exported = reader.execute("SELECT pg_export_snapshot()").fetchone()[0]
        found = read_contents(reader)
        look(found)
        run_postgres_program(
            "pg_dump",
            "--format=custom",
            "--no-owner",
            "--no-acl",
            f"--snapshot={exported}",
            f"--file={target}",
        )
        reader.rollback()
    sync_file(target)
    return found


def run_postgres_program(program: str, *options: str, stdin: Path | None = None) -> None:
    """Run one of PostgreSQL's programs on our database; BackupError with what it said when it fails."""
    path = shutil.which(program)
    if path is None:
        text = _(
            "%(program)s is not installed here. Install PostgreSQL's client programs (postgresql-client)."
        )
        raise BackupError(text % {"program": program})
    command, environment = [path, "--no-password", *options], {**os.environ, **_get_connection_environment()}
    with (stdin or Path(os.devnull)).open("rb") as given:
        done = subprocess.run(
            command,
            env=environment,
            stdin=given,
            capture_output=True,
            check=False,
            preexec_fn=end_with_parent,  # a psql that outlived us could commit after the restore was undone
        )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        text = _("%(program)s failed: %(error)s")
        raise BackupError(text % {"program": program, "error": " ".join(said[:3]) or done.returncode})


def end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _get_connection_environment() -> dict[str, str]:
    """The database for its programs; in the environment, where other users cannot read the password."""
    given = connection.settings_dict
    names = {
        "NAME": "PGDATABASE",
        "USER": "PGUSER",
        "PASSWORD": "PGPASSWORD",
        "HOST": "PGHOST",
        "PORT": "PGPORT",
    }
    found = {name: str(given[key]) for key, name in names.items() if given.get(key)}
    options = {"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT"}
    return found | {
        name: str(given["OPTIONS"][key]) for key, name in options.items() if given.get("OPTIONS", {}).get(key)
    }


DUMP_BEFORE, RESTORE_SCRIPT, PUT_BACK_SCRIPT = "before.dump", "restore.sql", "put-back.sql"
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
NEWER_ONLY_LINE = (
    b"SET transaction_timeout = 0;"  # written by PostgreSQL 17's programs, not understood by older servers
)


def prepare_database(source: Path, work: Path, mark: str) -> None:
    """Write the scripts that bring the copy in, and the way back; the database is not touched."""
    if connection.introspection.table_names():
        run_postgres_program(
            "pg_dump", "--format=custom", "--no-owner", "--no-acl", f"--file={work / DUMP_BEFORE}"
        )
        _write_script(work / DUMP_BEFORE, work / PUT_BACK_SCRIPT, "")
    else:
        (work / PUT_BACK_SCRIPT).write_text(DROP_ALL_SQL)
    _write_script(source, work / RESTORE_SCRIPT, MARK_SQL.format(mark=mark.replace("'", "''")))


def _write_script(dump: Path, script: Path, ending: str) -> None:
    """A script for one transaction: everything in our schema goes, everything in the dump comes."""
    plain = script.with_suffix(".plain")
    run_postgres_program("pg_restore", "--no-owner", "--no-acl", f"--file={plain}", str(dump))
    with plain.open("rb") as lines, script.open("wb") as written:
        written.write(DROP_ALL_SQL.encode())
        written.writelines(line for line in lines if not line.startswith(NEWER_ONLY_LINE))
        written.write(ending.encode())
    plain.unlink()


def commit_database(work: Path) -> None:
    """One transaction: done or not done, nothing between. An old copy is then brought up to this version."""
    _run_script(work / RESTORE_SCRIPT)
    try:
        migrate_database()
    except BackupError:
        undo_database(work)
        raise


def undo_database(work: Path) -> None:
    """Back to what was there before, if anything of ours was committed."""
    _run_script(work / PUT_BACK_SCRIPT)


def _run_script(script: Path) -> None:
    connections.close_all()
    run_postgres_program(
        "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction", stdin=script
    )


def forget_prepared_database() -> None:
    """Everything is in the working folder."""

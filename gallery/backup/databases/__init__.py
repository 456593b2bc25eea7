"""The database's part of a backup: how each kind is copied and put back."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

from django.db import connection

from gallery.backup.databases.contents import Contents, Look, Named

__all__ = ["Contents", "Named", "commit", "engine", "file_name", "forget", "prepare", "snapshot", "undo"]


def engine() -> str:
    """sqlite or postgresql: what this site keeps its rows in."""
    return connection.vendor


def _module() -> ModuleType:
    """The one that is wanted: the other's driver is loaded for nobody."""
    return import_module(f"{__name__}.{'sqlite' if engine() == 'sqlite' else 'postgres'}")


def file_name() -> str:
    name: str = _module().FILE
    return name


def snapshot(folder: Path, look: Look) -> Contents:
    """Copy the database as it is at one moment into the folder; `look` is shown what it names, as soon as known."""
    found: Contents = _module().snapshot(folder, look)
    return found


def prepare(source: Path, work: Path, mark: str) -> None:
    """Get a copy ready to be put in; the database is not touched. `mark` is JSON, kept as the setting "restored"."""
    _module().prepare(source, work, mark)


def commit(work: Path) -> None:
    """Put in what was prepared: all of it, or nothing."""
    _module().commit(work)


def undo(work: Path) -> None:
    """Put back what was there before."""
    _module().undo(work)


def forget() -> None:
    """Remove what `prepare` left outside the working folder."""
    _module().forget()

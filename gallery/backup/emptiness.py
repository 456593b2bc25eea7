"""What must be so before a backup may be restored here."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery.backup import databases
from gallery.backup.errors import BackupError, NotEmpty
from gallery.backup.layout import Backup
from gallery.models import Album, Person, Photo, Reference, WorkerBeat

SILENT = timedelta(seconds=40)  # a process says every 15 seconds that it lives


def must_fit(backup: Backup) -> None:
    """BackupError where this installation cannot take it."""
    manifest = backup.manifest
    if manifest.engine != databases.engine():
        text = _(
            "The backup is of a %(theirs)s database and this site has %(ours)s. Set DATABASE_URL to that kind."
        )
        raise BackupError(text % {"theirs": manifest.engine, "ours": databases.engine()})
    known = set(MigrationLoader(None).disk_migrations)
    unknown = [
        f"{app}.{name}"
        for app, names in manifest.migrations.items()
        for name in names
        if (app, name) not in known
    ]
    if unknown:
        text = _(
            "The backup was made by a newer Facesite (%(version)s; %(migration)s). Update this one first."
        )
        raise BackupError(text % {"version": manifest.version, "migration": unknown[-1]})


def must_be_still() -> None:
    """BackupError while a worker is at work here."""
    try:
        beats = WorkerBeat.objects.filter(seen_at__gte=timezone.now() - SILENT)
        is_alive = beats.exists()
    except DatabaseError:
        return
    if is_alive:
        text = _(
            "A worker was here less than %(seconds)s seconds ago. Stop the site and its worker, and wait so long."
        )
        raise BackupError(text % {"seconds": SILENT.seconds})


def must_be_empty() -> None:
    """NotEmpty where people, photos or files would be replaced. Accounts may be there: set-up makes the first."""
    if found := _rows() or _files():
        text = _("This installation is not empty (%(what)s). Restore into an empty one, or say --replace.")
        raise NotEmpty(text % {"what": found})


def must_be_ours() -> None:
    """NotEmpty where other programs have tables in the database: they would go."""
    ours = {*connection.introspection.django_table_names(), "django_migrations"}
    others = sorted(set(connection.introspection.table_names()) - ours)
    if databases.engine() == "postgresql" and others:
        text = _(
            "The database holds tables that are not Facesite's (%(tables)s). Give Facesite a database of its own."
        )
        raise NotEmpty(text % {"tables": ", ".join(others[:5])})


def _rows() -> str:
    try:
        for model in (Photo, Person, Reference, Album):
            if model._default_manager.exists():
                return str(model._meta.verbose_name_plural)
    except DatabaseError:  # no tables yet
        return ""
    return ""


def _files() -> str:
    root = Path(settings.MEDIA_ROOT)
    found = next((path for kind in ("photos", "references") for path in root.glob(f"{kind}/*/*")), None)
    return str(found) if found else ""

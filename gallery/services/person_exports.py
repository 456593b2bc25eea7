"""Files of all that is known about a person: asked for, made by a worker, kept for some days, gone."""

from __future__ import annotations

import secrets
import time
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from gallery import audit, queue
from gallery.models import Person, PersonExport, Status, User
from gallery.services import dossier
from gallery.services.history import record

ABANDONED = 3600  # seconds after which a file that no row knows is swept


def root() -> Path:
    """Where the files are; only the site's own user may look."""
    folder = Path(settings.DATA_DIR) / "exports"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def path_of(export: PersonExport) -> Path | None:
    """The file, while there is one to fetch."""
    if export.work != Status.DONE or not export.file or export.expires_at <= timezone.now():
        return None
    path = root() / export.file
    return path if path.is_file() else None


def is_waiting(export: PersonExport) -> bool:
    return export.work in (Status.QUEUED, Status.PROCESSING)


@transaction.atomic
def ask(user: User, person: Person, language: str = "en") -> PersonExport:
    """Have the file made; what is being made already is not made twice."""
    waiting = PersonExport.objects.filter(person=person, work__in=(Status.QUEUED, Status.PROCESSING)).first()
    if waiting is not None:
        return waiting
    now = timezone.now()
    until = now + timedelta(days=settings.EXPORT_DAYS)
    export = PersonExport.objects.create(
        person=person, asked_by=user, language=language, queued_at=now, expires_at=until
    )
    record(user, "person.export", person, {"person": person.name, "person_id": person.pk})
    queue.send("make_person_export", export.pk)
    return export


def make(pk: int) -> bool:
    """What the worker does; False if the file is not ours to make."""
    export = queue.claim(PersonExport.objects.filter(expires_at__gt=timezone.now()), pk)
    if export is None:
        return False
    name = f"{secrets.token_urlsafe(24)}.zip"
    with queue.held(export):
        try:
            written = dossier.write(export.person, root() / name, export.language)
            with transaction.atomic():
                queue.finish(export, Status.DONE)
                PersonExport.objects.filter(pk=pk).update(file=name, bytes=written.bytes)
        except OSError:
            queue.finish(export, Status.FAILED, _("The file could not be written: the disk may be full."))
        except queue.LeaseLost:
            (root() / name).unlink(missing_ok=True)
    return True


def take(user: User, export: PersonExport) -> None:
    """Write down that the file was fetched."""
    audit.write(user, audit.DOWNLOADED, export.person, export=export.pk)


def remove(export: PersonExport) -> None:
    """The file goes now, and with it that it was there."""
    export.delete()
    if export.file:
        (root() / export.file).unlink(missing_ok=True)


def forget_person(pk: int) -> int:
    """For erasure: no file about this person is left; how many there were."""
    found = list(PersonExport.objects.filter(person=pk))
    for export in found:
        remove(export)
    return len(found)


def forget_old() -> int:
    """Remove files whose time is over, and files that no row knows."""
    old = list(PersonExport.objects.filter(expires_at__lte=timezone.now()))
    for export in old:
        remove(export)
    known = set(PersonExport.objects.exclude(file="").values_list("file", flat=True))
    abandoned = [path for path in root().iterdir() if path.name not in known and _is_old(path)]
    for path in abandoned:
        path.unlink(missing_ok=True)
    return len(old) + len(abandoned)


def _is_old(path: Path) -> bool:
    return path.is_file() and path.stat().st_mtime < time.time() - ABANDONED

"""Puts right what the check found. Nothing that could be anybody's photo is deleted.

A lost or altered file comes back from the newest backup that holds it, told by its SHA-256. A photo whose file no
backup holds is marked as failed, with the reason. Files without a row go to the folder QUARANTINE of the data
directory, under the names they had; what to do with them is for a person to say. Only what can be made again is
removed: half-written files, directories of the index that no build names, pictures of originals that are no more.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_noop

from gallery import derived, leftovers, queue, storage
from gallery.backup import layout
from gallery.backup.store import Store, copy
from gallery.filecheck.finding import Found, Lost, is_named, is_still
from gallery.models import Photo, Reference, Status

QUARANTINE = "lost+found"
GONE = gettext_noop(
    "The file is gone from the disk and no backup holds it. If you still have the photo, add it again."
)


def mend(found: Found) -> None:
    """Everything in it, each looked at once more just before; what was done is noted there."""
    for row in [*found.lost, *found.altered]:
        if not is_still(row):
            continue
        if _bring_back(row):
            found.restored.append(row.file)
        elif row in found.lost:
            _mark(row)
            found.failed.append(row.file)
    for name in found.orphans:
        if not is_named(name) and _set_aside(name):
            found.quarantined.append(name)
    for name in found.indexes:
        shutil.rmtree(Path(settings.INDEX_ROOT) / name, ignore_errors=True)
    found.removed = len(found.indexes) + leftovers.tidy() + derived.forget_orphans()


def _bring_back(row: Lost) -> bool:
    """From the backups; what was altered goes into quarantine first."""
    store, target = Store(layout.place() / "files"), storage.path(row.file)
    if not row.sha256 or store.size(row.sha256) is None:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".mending-{os.getpid()}")
    try:
        if copy(store.path(row.sha256), part) != row.sha256:
            return False
        if target.exists():
            _set_aside(row.file)
        part.replace(target)
        storage.sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)
    _work_again(row)
    return True


def _work_again(row: Lost) -> None:
    """What had been marked for its lost file is worked on again."""
    rows, task = {
        "photo": (Photo.objects.filter(pk=row.pk, work=Status.FAILED, failure=GONE), "process_photo"),
        "reference": (
            Reference.objects.filter(pk=row.pk, work=Status.FAILED, failure=GONE),
            "embed_reference",
        ),
    }[row.kind]
    if queue.enqueue(rows):
        queue.send(task, row.pk)


def _mark(row: Lost) -> None:
    columns = {"work": Status.FAILED, "failure": GONE, "finished_at": timezone.now()}
    if row.kind == "photo":
        Photo.objects.filter(pk=row.pk).exclude(work=Status.PROCESSING).update(**columns)
    else:
        Reference.objects.filter(pk=row.pk).exclude(work=Status.PROCESSING).update(**columns)


def _set_aside(name: str) -> bool:
    """Into quarantine, under its own name, or that and a number."""
    source, target = storage.path(name), Path(settings.DATA_DIR) / QUARANTINE / name
    target.parent.mkdir(parents=True, exist_ok=True)
    number = 0
    while target.exists():
        number += 1
        target = target.with_name(f"{Path(name).stem}-{number}{Path(name).suffix}")
    try:
        source.replace(target)
    except FileNotFoundError:
        return False
    storage.sync_folder(target.parent)
    return True

"""Directories of builds on this host: those of builds that are kept no more go, here as on every host."""

from __future__ import annotations

import shutil

from django.conf import settings

from gallery.models import Build, Status
from gallery.models.storage import INDEX_AREA, get_storage
from recognition.index.files import PARTIAL_PREFIX


def drop_stale_copies() -> None:
    """All but those of kept builds, and of one that is being made. Who fetches one begins anew."""
    root = get_storage(INDEX_AREA).local_path("")
    there = [path for path in root.glob("*/*-*") if path.is_dir()]
    made = {str(pk) for pk in Build.objects.filter(work=Status.PROCESSING).values_list("pk", flat=True)}
    owned = set(Build.objects.exclude(directory="").values_list("directory", flat=True))  # asked for last
    for path in there:
        number = path.name.removeprefix(PARTIAL_PREFIX).split("-")[0]
        if path.relative_to(root).as_posix() not in owned and number not in made:
            shutil.rmtree(path, ignore_errors=True)


def drop_copy(directory: str) -> None:
    """Of a build in a bucket; it is fetched again when it is wanted."""
    if settings.STORAGE:
        shutil.rmtree(get_storage(INDEX_AREA).local_path(directory), ignore_errors=True)

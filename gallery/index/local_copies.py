"""Directories of builds on this host: those of builds that are kept no more go, here as on every host."""

from __future__ import annotations

import shutil

from django.conf import settings

from gallery.models import Build, Status

PARTIAL_PREFIX = ".partial-"  # of a directory that is being written here, or fetched


def drop_stale_copies() -> None:
    """All but those of kept builds, and of one that is being made. Who fetches one begins anew."""
    there = [path for path in settings.INDEX_ROOT.glob("*/*-*") if path.is_dir()]
    made = {str(pk) for pk in Build.objects.filter(work=Status.PROCESSING).values_list("pk", flat=True)}
    owned = set(Build.objects.exclude(directory="").values_list("directory", flat=True))  # asked for last
    for path in there:
        number = path.name.removeprefix(PARTIAL_PREFIX).split("-")[0]
        if path.relative_to(settings.INDEX_ROOT).as_posix() not in owned and number not in made:
            shutil.rmtree(path, ignore_errors=True)

"""Removing what was derived, when its original goes."""

from __future__ import annotations

import shutil
from pathlib import Path

from django.conf import settings
from django.db.models import Model, QuerySet

from gallery.derived.addresses import photo_folder, reference_folder
from gallery.models import Photo, Reference


def forget_photo(sha256: str) -> None:
    """Remove a photo's display sizes and face crops."""
    shutil.rmtree(photo_folder(sha256), ignore_errors=True)


def forget_reference(sha256: str) -> None:
    shutil.rmtree(reference_folder(sha256), ignore_errors=True)


def forget_orphans() -> int:
    """Remove what was derived from originals that are no more; how many originals that were."""
    root = Path(settings.CACHE_ROOT)
    photos = _orphans(root / "photos", Photo.objects.all())
    references = _orphans(root / "references", Reference.objects.all())
    for folder in (*photos, *references):
        shutil.rmtree(folder, ignore_errors=True)
    return len(photos) + len(references)


def _orphans(root: Path, rows: QuerySet[Model]) -> list[Path]:
    """Folders named after a SHA-256 that no row has; asked for one first pair of digits at a time."""
    found: list[Path] = []
    for shelf in sorted(root.glob("??")):
        known = set(rows.filter(sha256__startswith=shelf.name).values_list("sha256", flat=True))
        found += [folder for folder in shelf.iterdir() if folder.is_dir() and folder.name not in known]
    return found

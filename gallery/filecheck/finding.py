"""Looks for rows without their file, files without a row, files that are not what they were, and leftovers.

What is younger than an hour is left out: a file is in its place before its row is committed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from gallery.backup.store import sha256_of
from gallery.models import Build, Photo, Reference, Status

YOUNG = 3600.0  # seconds; an upload, an import or a build at work is done or dead by then
LISTED = 20
SHELVES = ("photos", "references")  # of the media folder


@dataclass(frozen=True, slots=True)
class Lost:
    """A row whose file is gone or altered."""

    kind: str  # photo or reference
    pk: int
    file: str
    sha256: str


@dataclass(slots=True)
class Found:
    rows: int = 0
    files: int = 0
    is_hashed: bool = False
    lost: list[Lost] = field(default_factory=list)
    altered: list[Lost] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)  # below the media folder
    indexes: list[str] = field(default_factory=list)  # below the index folder, of no build
    # What mending did
    restored: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    quarantined: list[str] = field(default_factory=list)
    removed: int = 0  # half-written files, index directories, pictures of what is no more

    @property
    def is_sound(self) -> bool:
        return not (self.lost or self.altered or self.orphans or self.indexes)

    def as_json(self) -> dict[str, Any]:
        def part(items: list[str]) -> dict[str, Any]:
            return {"count": len(items), "first": items[:LISTED]}

        return {
            "is_sound": self.is_sound,
            "rows": self.rows,
            "files": self.files,
            "is_hashed": self.is_hashed,
            "lost": part([each.file for each in self.lost]),
            "altered": part([each.file for each in self.altered]),
            "orphans": part(self.orphans),
            "indexes": part(self.indexes),
            "restored": part(self.restored),
            "failed": part(self.failed),
            "quarantined": part(self.quarantined),
            "removed": self.removed,
        }


def check(*, with_hash: bool = False) -> Found:
    """Compare both; with `with_hash` every file is read. Changes nothing."""
    found, names = Found(is_hashed=with_hash), set[str]()
    for row in _rows():
        found.rows += 1
        names.add(row.file)
        path = Path(settings.MEDIA_ROOT) / row.file
        if not path.is_file():
            found.lost.append(row)
        elif with_hash and row.sha256 and sha256_of(path) != row.sha256:
            found.altered.append(row)
    _look_for_orphans(names, found)
    found.lost = [row for row in found.lost if is_still(row)]
    found.altered = [row for row in found.altered if is_still(row)]
    found.indexes = list(_indexes_of_no_build())
    return found


def _rows() -> Iterator[Lost]:
    tables: tuple[tuple[str, str, QuerySet[Any]], ...] = (
        ("photo", "file", Photo.objects.all()),
        ("reference", "image", Reference.objects.all()),
    )
    for kind, column, rows in tables:
        named = rows.exclude(**{column: ""}).order_by("pk").values_list("pk", column, "sha256")
        for pk, file, sha256 in named.iterator(chunk_size=2_000):
            yield Lost(kind, pk, file, sha256)


def is_still(row: Lost) -> bool:
    """The row is there and names this file: it was neither erased nor given another meanwhile."""
    if row.kind == "photo":
        return Photo.objects.filter(pk=row.pk, file=row.file).exists()
    return Reference.objects.filter(pk=row.pk, image=row.file).exists()


def _look_for_orphans(names: set[str], found: Found) -> None:
    root = Path(settings.MEDIA_ROOT)
    for shelf in SHELVES:
        for path in sorted((root / shelf).rglob("*")):
            if not path.is_file():
                continue
            found.files += 1
            name = path.relative_to(root).as_posix()
            if name not in names and not is_young(path) and not is_named(name):
                found.orphans.append(name)


def is_named(name: str) -> bool:
    return Photo.objects.filter(file=name).exists() or Reference.objects.filter(image=name).exists()


def is_young(path: Path) -> bool:
    """Made or renamed within the hour; by the time of the change of its entry, which a copy does not carry along."""
    try:
        return time.time() - path.stat().st_ctime < YOUNG
    except FileNotFoundError:
        return True


def _indexes_of_no_build() -> Iterator[str]:
    """Directories of the index that no build names, while none is being built."""
    if Build.objects.filter(work=Status.PROCESSING).exists():
        return
    named = set(Build.objects.exclude(directory="").values_list("directory", flat=True))
    root = Path(settings.INDEX_ROOT)
    for path in sorted(root.glob("*/*")):
        name = path.relative_to(root).as_posix()
        if path.is_dir() and name not in named and not is_young(path):
            yield name

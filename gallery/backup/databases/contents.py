"""What a copy of the database refers to, read by plain SQL from the very state that was copied."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol


class Reader(Protocol):
    """A connection of sqlite3 or psycopg."""

    def execute(self, query: str, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Named:
    """A file that a row names: its place below the media folder, and the SHA-256 the row says it has."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Contents:
    files: list[Named]
    builds: list[str]  # directories of the builds that serve
    migrations: dict[str, list[str]]
    counts: dict[str, int]


Look = Callable[[Contents], None]

COUNTED = {
    "photos": "gallery_photo",
    "people": "gallery_person",
    "references": "gallery_reference",
    "faces": "gallery_face",
    "albums": "gallery_album",
    "users": "gallery_user",
}
FILES = (
    "SELECT file, sha256 FROM gallery_photo WHERE file <> ''"
    " UNION ALL SELECT image, sha256 FROM gallery_reference WHERE image <> ''"
)


def contents(reader: Reader) -> Contents:
    migrations: dict[str, list[str]] = defaultdict(list)
    for app, name in reader.execute("SELECT app, name FROM django_migrations ORDER BY app, name").fetchall():
        migrations[app].append(name)
    active = "SELECT directory FROM gallery_build WHERE is_active AND directory <> ''"
    return Contents(
        files=[Named(*row) for row in reader.execute(FILES).fetchall()],
        builds=[row[0] for row in reader.execute(active).fetchall()],
        migrations=dict(migrations),
        counts={
            word: reader.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 -- our own names
            for word, table in COUNTED.items()
        },
    )

"""Names and columns of an exported gallery."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

from django.db.models import Model

from recognition.types import RecognitionError

PEOPLE, PEOPLE_CSV, REFERENCES_CSV, VECTORS = "people", "people.csv", "references.csv", "vectors"
INDEX_FILES = ("img_emb", "metadata", "ids.npy", "persons.npy", "infos.json")
PERSON_COLUMNS = ("name", "note", "is_hidden", "is_recognised", "consent_note", "consent_until", "created_at")
REFERENCE_COLUMNS: tuple[str, ...] = ("status", "box", "landmarks", "quality", "score", "source_path")
REFERENCE_COLUMNS += ("source_sha256", "work", "failure", "created_at")
AS_JSON = {"box", "landmarks", "quality", "score", "is_hidden", "is_recognised"}
AS_TIME = {"created_at"}
AS_DATE = {"consent_until"}


class GalleryUnreadable(RecognitionError):
    """A directory does not hold a gallery that can be imported."""


def row_of(columns: Iterable[str], row: Model) -> dict[str, str]:
    return {column: _written(column, getattr(row, column)) for column in columns}


def _written(column: str, value: Any) -> str:
    if column in AS_JSON:
        return json.dumps(value, ensure_ascii=False)
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, date) else str(value)


def values_of(columns: Iterable[str], row: dict[str, str]) -> dict[str, Any]:
    """The columns' values; raises ValueError or KeyError where the row is not one we wrote."""
    return {column: _read(column, row[column]) for column in columns}


def _read(column: str, text: str) -> Any:
    if column in AS_JSON:
        return json.loads(text)
    if column in AS_TIME:
        return datetime.fromisoformat(text)
    if column in AS_DATE:
        return date.fromisoformat(text) if text else None
    return text


def write_csv(path: Path, columns: Iterable[str], rows: Iterable[dict[str, str]]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns))
        writer.writeheader()
        for row in rows:
            writer.writerow(row)
            count += 1
    return count


def read_csv(path: Path) -> Iterator[dict[str, str]]:
    """Rows of a file of ours; GalleryUnreadable, with the file's name, where it cannot be read."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise GalleryUnreadable(f"{path} cannot be read: {error}") from error

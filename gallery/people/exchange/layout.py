"""File names and columns of an exported gallery, and the placeholder for pictures that are missing."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from django.db.models import Model

from recognition import images
from recognition.errors import RecognitionError

PEOPLE_FOLDER, PEOPLE_CSV, REFERENCES_CSV, VECTORS_FOLDER = (
    "people",
    "people.csv",
    "references.csv",
    "vectors",
)
INDEX_FILES = ("img_emb", "metadata", "ids.npy", "persons.npy", "infos.json")
PERSON_COLUMNS = ("name", "note", "is_hidden", "is_recognised", "consent_note", "consent_until", "created_at")
REFERENCE_COLUMNS: tuple[str, ...] = ("status", "box", "landmarks", "quality", "score", "source_path")
REFERENCE_COLUMNS += ("source_sha256", "work", "failure", "created_at")
JSON_COLUMNS = {"box", "landmarks", "quality", "score", "is_hidden", "is_recognised"}
DATETIME_COLUMNS = {"created_at"}
DATE_COLUMNS = {"consent_until"}


class GalleryUnreadable(RecognitionError):
    """A directory does not hold a gallery that can be imported."""


def format_csv_row(columns: Iterable[str], row: Model) -> dict[str, str]:
    return {column: _format_cell(column, getattr(row, column)) for column in columns}


def _format_cell(column: str, value: Any) -> str:
    if column in JSON_COLUMNS:
        return json.dumps(value, ensure_ascii=False)
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, date) else str(value)


def parse_csv_row(columns: Iterable[str], row: dict[str, str]) -> dict[str, Any]:
    """The columns' values; raises ValueError or KeyError where the row is not one we wrote."""
    return {column: _parse_cell(column, row[column]) for column in columns}


def _parse_cell(column: str, text: str) -> Any:
    if column in JSON_COLUMNS:
        return json.loads(text)
    if column in DATETIME_COLUMNS:
        return datetime.fromisoformat(text)
    if column in DATE_COLUMNS:
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


@cache
def make_placeholder_image() -> bytes:
    return images.encode_pixels(np.full((64, 64, 3), 200, np.uint8), form="PNG")

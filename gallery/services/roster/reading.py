"""A CSV file as people make them: any usual encoding and separator, columns in any order."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

from gallery.models.people import search_key
from gallery.services.errors import Refused

MOST_BYTES, MOST_LINES = 5_000_000, 20_000
SEPARATORS = ",;\t"
COLUMNS = ("id", "name", "note", "hidden", "recognise", "consent", "consent_until")
# What else a column may be called, without accents and case.
ALSO = {
    "ten": "name", "ho ten": "name", "ho va ten": "name", "person": "name", "full name": "name",
    "ghi chu": "note", "notes": "note", "an": "hidden", "bi an": "hidden", "nhan ra": "recognise",
    "recognize": "recognise", "recognised": "recognise", "dong y": "consent", "consent until": "consent_until",
    "consent valid until": "consent_until", "dong y den": "consent_until",
}  # fmt: skip
FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # what a cell that a spreadsheet computes begins with
GUARDED = (*FORMULAS, *(f"'{sign}" for sign in FORMULAS))


@dataclass(frozen=True, slots=True)
class Line:
    number: int  # as a spreadsheet counts
    values: dict[str, str]  # by column; empty cells are left out


@dataclass(frozen=True, slots=True)
class Table:
    lines: list[Line]
    encoding: str
    ignored: list[str]  # columns that mean nothing here


def read(content: bytes) -> Table:
    """Refused, with a sentence, for what is no such table."""
    if len(content) > MOST_BYTES:
        raise Refused(_("The file is larger than %(size)s MB.") % {"size": MOST_BYTES // 1_000_000})
    text, encoding = _decoded(content)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text))
    try:
        header = next(rows, [])
        names = [_column(cell) for cell in header]
        if "name" not in names:
            raise Refused(_("The first line must say what the columns are; one of them must be “name”."))
        lines = list(_lines(rows, names))
    except csv.Error as error:
        raise Refused(_("This cannot be read as a CSV file: %(error)s.") % {"error": error}) from error
    if not lines:
        raise Refused(_("There are no people in this file."))
    ignored = [cell for cell, name in zip(header, names, strict=True) if name not in COLUMNS and cell.strip()]
    return Table(lines, encoding, ignored)


def _decoded(content: bytes) -> tuple[str, str]:
    if b"\x00" in content[:1000] and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Refused(_("This is not a text file. Save the table as CSV, then choose it again."))
    marks = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
    known = next((name for mark, name in marks.items() if content.startswith(mark)), "utf-8")
    for encoding in (known, "cp1252"):
        try:
            return content.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    raise Refused(_("The letters of this file cannot be told. Save it as “CSV UTF-8”, then choose it again."))


def _separator(text: str) -> str:
    """The sign that stands most often in the first line."""
    first = text.split("\n", 1)[0]
    return max(SEPARATORS, key=first.count)


def _column(cell: str) -> str:
    key = search_key(cell).replace("_", " ")
    found = ALSO.get(key, key.replace(" ", "_"))
    return found if found in COLUMNS else ""


def _lines(rows: Iterator[list[str]], names: list[str]) -> Iterator[Line]:
    for row in rows:
        number = rows.line_num  # type: ignore[attr-defined]  # a csv.reader counts lines
        values = {name: plain(cell) for name, cell in zip(names, row, strict=False) if name and cell.strip()}
        if values:
            if number > MOST_LINES + 1:
                raise Refused(_("A file may have %(most)s lines.") % {"most": MOST_LINES})
            yield Line(number, values)


def plain(cell: str) -> str:
    """The cell without the apostrophe that keeps a spreadsheet from taking it for a formula."""
    cell = cell.strip()
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(GUARDED) else cell


def harmless(value: object) -> str:
    """A cell that no spreadsheet takes for a formula; `plain` makes it what it was."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(GUARDED) else text

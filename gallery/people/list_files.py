"""Files of people as tables: any usual encoding and separator, the columns in any order."""

from __future__ import annotations

import csv
import io

from django.utils.translation import gettext as _

from gallery.core.exceptions import ActionRefused
from gallery.models.people import get_search_key

MAX_CSV_BYTES, MAX_CSV_LINES = 5_000_000, 20_000
CSV_SEPARATORS = ",;\t"
CSV_COLUMNS = (
    *("id", "name", "distinction", "born", "note", "hidden", "recognise", "consent", "consent_until"),
    *("other_names", "groups"),
)
# What else a column may be called, without accents and case.
COLUMN_ALIASES = {
    "phan biet": "distinction", "told apart by": "distinction", "class": "distinction", "lop": "distinction",
    "sinh": "born", "ngay sinh": "born", "nam sinh": "born", "birth date": "born", "date of birth": "born",
    "ten": "name", "ho ten": "name", "ho va ten": "name", "person": "name", "full name": "name",
    "ghi chu": "note", "notes": "note", "an": "hidden", "bi an": "hidden", "nhan ra": "recognise",
    "recognize": "recognise", "recognised": "recognise", "dong y": "consent", "consent until": "consent_until",
    "consent valid until": "consent_until", "dong y den": "consent_until",
    "ten khac": "other_names", "also called": "other_names", "group": "groups", "nhom": "groups",
}  # fmt: skip
FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r")  # what a cell that a spreadsheet computes begins with
ESCAPED_PREFIXES = (*FORMULA_PREFIXES, *(f"'{sign}" for sign in FORMULA_PREFIXES))


CsvLines = dict[
    int, dict[str, str]
]  # by number, as a spreadsheet counts: the cells that are not empty, by column


def read_people_csv(content: bytes) -> tuple[CsvLines, list[str]]:
    """The lines, and what is to be said of how they were read. ActionRefused for what is no such table."""
    if len(content) > MAX_CSV_BYTES:
        raise ActionRefused(_("The file is larger than %(size)s MB.") % {"size": MAX_CSV_BYTES // 1_000_000})
    text, encoding = _decode_csv(content)
    separator = max(CSV_SEPARATORS, key=text.split("\n", 1)[0].count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    lines: CsvLines = {}
    try:
        header = next(rows, [])
        names = [_get_column_name(cell) for cell in header]
        if "name" not in names:
            raise ActionRefused(
                _("The first line must say what the columns are; one of them must be “name”.")
            )
        for row in rows:
            cells = zip(names, row, strict=False)
            values = {name: unescape_cell(cell) for name, cell in cells if name and cell.strip()}
            if values and rows.line_num > MAX_CSV_LINES + 1:
                raise ActionRefused(_("A file may have %(most)s lines.") % {"most": MAX_CSV_LINES})
            if values:
                lines[rows.line_num] = values
    except csv.Error as error:
        raise ActionRefused(_("This cannot be read as a CSV file: %(error)s.") % {"error": error}) from error
    if not lines:
        raise ActionRefused(_("There are no people in this file."))
    notes = []
    if encoding == "cp1252":
        notes.append(
            _("The file is not UTF-8; it was read as Windows text. Look whether all letters are right.")
        )
    if ignored := [cell for cell, name in zip(header, names, strict=True) if not name and cell.strip()]:
        notes.append(_("Columns left out: %(names)s.") % {"names": ", ".join(ignored)})
    return lines, notes


def _decode_csv(content: bytes) -> tuple[str, str]:
    if b"\x00" in content[:1000] and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ActionRefused(_("This is not a text file. Save the table as CSV, then choose it again."))
    marks = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
    known = next((name for mark, name in marks.items() if content.startswith(mark)), "utf-8")
    for encoding in (known, "cp1252"):
        try:
            return content.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    raise ActionRefused(
        _("The letters of this file cannot be told. Save it as “CSV UTF-8”, then choose it again.")
    )


def _get_column_name(cell: str) -> str:
    key = get_search_key(cell).replace("_", " ")
    found = COLUMN_ALIASES.get(key, key.replace(" ", "_"))
    return found if found in CSV_COLUMNS else ""


def unescape_cell(cell: str) -> str:
    """The cell without the apostrophe that keeps a spreadsheet from taking it for a formula."""
    cell = cell.strip()
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(ESCAPED_PREFIXES) else cell


def escape_cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula; `unescape_cell` makes it what it was."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(ESCAPED_PREFIXES) else text

"""Files of people as tables: any usual encoding and separator, the columns in any order."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from contextlib import suppress
from itertools import islice
from operator import itemgetter
from typing import NamedTuple

from charset_normalizer import from_bytes
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

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


# What a file may be written in that is not Unicode; of those that fit alike, the first is taken.
OLD_ENCODINGS = {
    "cp1252": gettext_lazy("Western Europe (Windows-1252)"),
    "cp1258": gettext_lazy("Vietnamese (Windows-1258)"),
    "cp1250": gettext_lazy("Central Europe (Windows-1250)"),
    "cp1251": gettext_lazy("Cyrillic (Windows-1251)"),
    "cp1253": gettext_lazy("Greek (Windows-1253)"),
    "cp1254": gettext_lazy("Turkish (Windows-1254)"),
    "cp1257": gettext_lazy("Baltic (Windows-1257)"),
    "gb18030": gettext_lazy("Simplified Chinese (GB 18030)"),
    "big5": gettext_lazy("Traditional Chinese (Big5)"),
    "cp932": gettext_lazy("Japanese (Shift JIS)"),
    "cp949": gettext_lazy("Korean (Windows-949)"),
    "cp850": gettext_lazy("Western Europe (DOS)"),
    "mac_roman": gettext_lazy("Western Europe (old Macintosh)"),
}
UNICODE_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
FOREIGN_FILES = {
    b"\xd0\xcf\x11\xe0": gettext_noop("an Excel workbook"),
    b"PK\x03\x04": gettext_noop("a ZIP archive"),
    b"%PDF-": gettext_noop("a PDF document"),
    **dict.fromkeys((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF"), gettext_noop("a picture")),
}
CONTROL_BYTES = re.compile(rb"[\x00-\x08\x0e-\x19\x1b-\x1f]")  # in no text of the old encodings
MAX_TITLE_LINES = 30  # above the names of the columns
MAX_GUESSED_LINES = 500  # enough to tell an encoding by

# by number, as a spreadsheet counts: the cells that are not empty, by column
CsvLines = dict[int, dict[str, str]]


class PeopleList(NamedTuple):
    lines: CsvLines
    notes: list[str]  # what is to be said of how it was read
    encoding: str  # one of the old, where it is a guess or was chosen


def read_people_csv(content: bytes, encoding: str = "") -> PeopleList:
    """The people in the file; ActionRefused for what is no such table."""
    if len(content) > MAX_CSV_BYTES:
        raise ActionRefused(_("The file is larger than %(size)s MB.") % {"size": MAX_CSV_BYTES // 1_000_000})
    _refuse_foreign_file(content)
    text, encoding = _decode_as(content, encoding) if encoding else _decode(content)
    try:
        lines, notes = _read_rows(text)
    except csv.Error as error:
        raise ActionRefused(_("This cannot be read as a CSV file: %(error)s.") % {"error": error}) from error
    if not lines:
        raise ActionRefused(_("There are no people in this file."))
    return PeopleList(lines, notes, encoding)


def _refuse_foreign_file(content: bytes) -> None:
    what = next((name for head, name in FOREIGN_FILES.items() if content.startswith(head)), "")
    if content.startswith(b"PK\x03\x04") and b"xl/" in content:
        what = gettext_noop("an Excel workbook")
    elif content.startswith(b"PK\x03\x04") and b"opendocument.spreadsheet" in content[:200]:
        what = gettext_noop("a LibreOffice spreadsheet")
    if what:
        says = _(
            "This is %(what)s. Save the list as “CSV UTF-8” with Excel or LibreOffice, then choose that."
        )
        raise ActionRefused(says % {"what": _(what)})


def _decode(content: bytes) -> tuple[str, str]:
    """The text, and the encoding where it had to be guessed."""
    with suppress(UnicodeDecodeError):
        return content.decode(_get_unicode_encoding(content)), ""
    if CONTROL_BYTES.search(content):
        raise ActionRefused(_("This is not a text file. Save the table as CSV, then choose it again."))
    telling = [line for line in content.splitlines() if not line.isascii()][:MAX_GUESSED_LINES]
    matches = from_bytes(b"\n".join(telling), cp_isolation=list(OLD_ENCODINGS))
    scores = {
        encoding: (match.chaos, -match.coherence)
        for match in matches
        for encoding in match.could_be_from_charset
    }
    fitting = [encoding for encoding in OLD_ENCODINGS if encoding in scores]
    for encoding in (*sorted(fitting, key=scores.__getitem__), *OLD_ENCODINGS):
        with suppress(ActionRefused):
            return _decode_as(content, encoding)
    raise AssertionError("mac_roman has a letter for each byte")


def _get_unicode_encoding(content: bytes) -> str:
    """UTF-16 without a mark is told by the zeros on one side of its ASCII letters."""
    marked = next((name for mark, name in UNICODE_MARKS.items() if content.startswith(mark)), "")
    if marked:
        return marked
    first, second = content[:1000:2].count(0), content[1:1000:2].count(0)
    if first and second:
        raise ActionRefused(_("This is not a text file. Save the table as CSV, then choose it again."))
    return "utf-16-be" if first else "utf-16-le" if second else "utf-8"


def _decode_as(content: bytes, encoding: str) -> tuple[str, str]:
    if encoding not in OLD_ENCODINGS:
        raise ActionRefused(_("Choose an encoding from the list."))
    try:
        # Windows-1258 writes most Vietnamese letters as a letter and its tone.
        return unicodedata.normalize("NFC", content.decode(encoding)), encoding
    except UnicodeDecodeError as error:
        says = _("The file cannot be in this encoding: %(encoding)s. Choose another.")
        raise ActionRefused(says % {"encoding": OLD_ENCODINGS[encoding]}) from error


def _read_rows(text: str) -> tuple[CsvLines, list[str]]:
    separator, above = _find_header(text)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    titles = [row for row in islice(rows, above) if "".join(row).strip()]
    header = next(rows)
    names = [_get_column_name(cell) for cell in header]
    notes = []
    if titles:
        says = _("The columns are named in line %(line)s; what stands above it was left out.")
        notes.append(says % {"line": rows.line_num})
    if ignored := [cell for cell, name in zip(header, names, strict=True) if not name and cell.strip()]:
        notes.append(_("Columns left out: %(names)s.") % {"names": ", ".join(ignored)})
    lines: CsvLines = {}
    for row in rows:
        cells = zip(names, row, strict=False)
        values = {name: unescape_cell(cell) for name, cell in cells if name and cell.strip()}
        if values and rows.line_num > MAX_CSV_LINES + 1:
            raise ActionRefused(_("A file may have %(most)s lines.") % {"most": MAX_CSV_LINES})
        if values:
            lines[rows.line_num] = values
    return lines, notes


def _find_header(text: str) -> tuple[str, int]:
    """The separator with which a row names the most columns, and how many rows are above that row."""
    found: list[tuple[int, str, int]] = []
    for separator in CSV_SEPARATORS:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        for above, row in enumerate(islice(rows, MAX_TITLE_LINES)):
            names = [_get_column_name(cell) for cell in row]
            if "name" in names:
                found.append((len(list(filter(None, names))), separator, above))
    if not found:
        says = _("One of the first lines must say what the columns are; one of them must be “name”.")
        raise ActionRefused(says)
    _count, separator, above = max(found, key=itemgetter(0))
    return separator, above


def _get_column_name(cell: str) -> str:
    key = get_search_key(" ".join(cell.split())).replace("_", " ")
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

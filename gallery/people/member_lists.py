"""People as a CSV file: read, compared with the people there are, imported as a bulk act, and written.

Any usual encoding and separator is read, with the columns in any order. Rows are imported in parts, each of
them one event."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext as _

from gallery.core.exceptions import ActionRefused
from gallery.history.changeset import ChangeSet, record_event
from gallery.history.effects import apply_effects
from gallery.models import BulkAct, Person, User
from gallery.models.people import clean_name, get_name_key, get_search_key

MAX_CSV_BYTES, MAX_CSV_LINES = 5_000_000, 20_000
CSV_SEPARATORS = ",;\t"
CSV_COLUMNS = ("id", "name", "note", "hidden", "recognise", "consent", "consent_until")
# What else a column may be called, without accents and case.
COLUMN_ALIASES = {
    "ten": "name", "ho ten": "name", "ho va ten": "name", "person": "name", "full name": "name",
    "ghi chu": "note", "notes": "note", "an": "hidden", "bi an": "hidden", "nhan ra": "recognise",
    "recognize": "recognise", "recognised": "recognise", "dong y": "consent", "consent until": "consent_until",
    "consent valid until": "consent_until", "dong y den": "consent_until",
}  # fmt: skip
FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r")  # what a cell that a spreadsheet computes begins with
ESCAPED_PREFIXES = (*FORMULA_PREFIXES, *(f"'{sign}" for sign in FORMULA_PREFIXES))


@dataclass(frozen=True, slots=True)
class CsvLine:
    number: int  # as a spreadsheet counts
    values: dict[str, str]  # by column; empty cells are left out


@dataclass(frozen=True, slots=True)
class CsvTable:
    lines: list[CsvLine]
    encoding: str
    ignored: list[str]  # columns that mean nothing here


def read_people_csv(content: bytes) -> CsvTable:
    """Refused, with a sentence, for what is no such table."""
    if len(content) > MAX_CSV_BYTES:
        raise ActionRefused(_("The file is larger than %(size)s MB.") % {"size": MAX_CSV_BYTES // 1_000_000})
    text, encoding = _decode_csv(content)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_guess_separator(text))
    try:
        header = next(rows, [])
        names = [_get_column_name(cell) for cell in header]
        if "name" not in names:
            raise ActionRefused(
                _("The first line must say what the columns are; one of them must be “name”.")
            )
        lines = list(_read_csv_lines(rows, names))
    except csv.Error as error:
        raise ActionRefused(_("This cannot be read as a CSV file: %(error)s.") % {"error": error}) from error
    if not lines:
        raise ActionRefused(_("There are no people in this file."))
    ignored = [
        cell for cell, name in zip(header, names, strict=True) if name not in CSV_COLUMNS and cell.strip()
    ]
    return CsvTable(lines, encoding, ignored)


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


def _guess_separator(text: str) -> str:
    """The sign that stands most often in the first line."""
    first = text.split("\n", 1)[0]
    return max(CSV_SEPARATORS, key=first.count)


def _get_column_name(cell: str) -> str:
    key = get_search_key(cell).replace("_", " ")
    found = COLUMN_ALIASES.get(key, key.replace(" ", "_"))
    return found if found in CSV_COLUMNS else ""


def _read_csv_lines(rows: Iterator[list[str]], names: list[str]) -> Iterator[CsvLine]:
    for row in rows:
        number = rows.line_num  # type: ignore[attr-defined]  # a csv.reader counts lines
        values = {
            name: unescape_cell(cell) for name, cell in zip(names, row, strict=False) if name and cell.strip()
        }
        if values:
            if number > MAX_CSV_LINES + 1:
                raise ActionRefused(_("A file may have %(most)s lines.") % {"most": MAX_CSV_LINES})
            yield CsvLine(number, values)


def unescape_cell(cell: str) -> str:
    """The cell without the apostrophe that keeps a spreadsheet from taking it for a formula."""
    cell = cell.strip()
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(ESCAPED_PREFIXES) else cell


def escape_cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula; `plain` makes it what it was."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(ESCAPED_PREFIXES) else text


ROW_NEW, ROW_CHANGED, ROW_SAME, ROW_UNCLEAR, ROW_ERROR = "new", "change", "same", "unclear", "error"
ROW_KINDS = (ROW_NEW, ROW_CHANGED, ROW_SAME, ROW_UNCLEAR, ROW_ERROR)
PlannedRow = dict[str, Any]  # {"line", "kind", "person", "revision", "name", "columns", "changes", "says"}
PERSON_COLUMN_OF_CELL = {
    "note": "note",
    "hidden": "is_hidden",
    "recognise": "is_recognised",
    "consent": "consent_note",
}
YES_WORDS = {"yes", "true", "1", "y", "x", "co", "dung"}
NO_WORDS = {"no", "false", "0", "n", "khong", "sai"}


def draft_people_import(user: User, content: bytes, back: str = "") -> BulkAct:
    """The file as an act to be looked at; Refused if it is no table of people."""
    table = read_people_csv(content)
    rows = _ImportPlanner().plan(table)
    notes = _get_table_notes(table)
    return BulkAct.objects.create(
        kind=BulkAct.Kind.IMPORT,
        by=user,
        back=back[:1000],
        rows=rows,
        refused=notes,
        **_get_applicable_rows(rows),
    )


def _get_table_notes(table: CsvTable) -> list[str]:
    found = []
    if table.encoding == "cp1252":
        found.append(
            _("The file is not UTF-8; it was read as Windows text. Look whether all letters are right.")
        )
    if table.ignored:
        found.append(_("Columns left out: %(names)s.") % {"names": ", ".join(table.ignored)})
    return found


def _get_applicable_rows(rows: list[PlannedRow]) -> dict[str, Any]:
    ids = [number for number, row in enumerate(rows) if row["kind"] in (ROW_NEW, ROW_CHANGED)]
    return {"ids": ids, "total": len(ids)}


def resolve_unclear_rows(act: BulkAct, answers: Mapping[str, str]) -> None:
    """What the curator said of the unclear lines: `new`, or the id of who it is; else they are left out.

    Refused if nothing is left to do.
    """
    rows = act.rows
    for number, row in enumerate(rows):
        answer = answers.get(f"line-{row['line']}", "")
        if row["kind"] == ROW_UNCLEAR and answer == ROW_NEW:
            row["kind"] = ROW_NEW
        elif row["kind"] == ROW_UNCLEAR and answer.isdecimal():
            person = Person.objects.filter(pk=int(answer), search=get_search_key(row["name"])).first()
            if person is not None:
                rows[number] = _compare_with_person(row, person)
    act.rows = rows
    act.ids, act.total = _get_applicable_rows(rows).values()
    if not act.total:
        raise ActionRefused(_("Nothing in this file is new or changed."))
    act.refused = []
    act.save(update_fields=["rows", "ids", "total", "refused"])


class _ImportPlanner:
    def __init__(self) -> None:
        people = list(Person.objects.all())
        self.by_id = {person.pk: person for person in people}
        self.by_key = {person.key: person for person in people}
        self.by_search: dict[str, list[Person]] = {}
        for person in people:
            self.by_search.setdefault(person.search, []).append(person)
        self.seen: dict[object, int] = {}  # person's id, or a new name's key -> line

    def plan(self, table: CsvTable) -> list[PlannedRow]:
        return [self._row(line) for line in table.lines]

    def _row(self, line: CsvLine) -> PlannedRow:
        row: PlannedRow = {"line": line.number, "name": clean_name(line.values.get("name", ""))}
        try:
            row["columns"] = _parse_person_columns(line.values)
            person = self._whose(line, row)
            if person is not None:
                self._once(person.pk, line)
                return _compare_with_person(row, person)
            self._once(get_name_key(row["name"]), line)
        except ValueError as error:
            return row | {"kind": ROW_ERROR, "says": str(error)}
        alike = self.by_search.get(get_search_key(row["name"]), [])
        if alike:
            others = [{"pk": other.pk, "name": other.name} for other in alike]
            return row | {"kind": ROW_UNCLEAR, "alike": others}
        return row | {"kind": ROW_NEW}

    def _whose(self, line: CsvLine, row: PlannedRow) -> Person | None:
        """The person that the line is about: by id, else by name."""
        given, name = line.values.get("id", ""), row["name"]
        if len(name) > 200:
            raise ValueError(_("This name is too long; 200 characters are the most."))
        holder = self.by_key.get(get_name_key(name)) if name else None
        if not given:
            if not name:
                raise ValueError(_("There is no name in this line."))
            return holder
        person = self.by_id.get(int(given)) if given.isdecimal() and len(given) < 19 else None
        if person is None:
            raise ValueError(
                _("Nobody has the id %(id)s. Leave the id empty for a new person.") % {"id": given}
            )
        if holder is not None and holder != person:
            raise ValueError(_("There is a person of this name: %(name)s.") % {"name": holder.name})
        return person

    def _once(self, key: object, line: CsvLine) -> None:
        if key in self.seen:
            raise ValueError(_("Line %(line)s is about the same person.") % {"line": self.seen[key]})
        self.seen[key] = line.number


def _parse_person_columns(values: Mapping[str, str]) -> dict[str, Any]:
    """The given cells as columns of a person; a date as text, for JSON."""
    found: dict[str, Any] = {}
    for cell, column in PERSON_COLUMN_OF_CELL.items():
        if cell in values:
            found[column] = _parse_flag(values[cell]) if column.startswith("is_") else values[cell]
    if "consent_until" in values:
        found["consent_until"] = _parse_date(values["consent_until"]).isoformat()
    return found


def _parse_flag(text: str) -> bool:
    key = get_search_key(text)
    if key not in YES_WORDS | NO_WORDS:
        raise ValueError(_("“%(text)s” is neither yes nor no.") % {"text": text})
    return key in YES_WORDS


def _parse_date(text: str) -> date:
    for form in ("%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y"):
        try:
            return datetime.strptime(text, form).date()
        except ValueError:
            continue
    raise ValueError(_("“%(text)s” is no date. Write it as 2026-11-24.") % {"text": text})


def _compare_with_person(row: PlannedRow, person: Person) -> PlannedRow:
    """The line against the person as they are now."""
    wanted = dict(row["columns"])
    if row["name"]:
        wanted["name"] = row["name"]
    now = {name: _convert_to_json(getattr(person, name)) for name in wanted}
    changes = [[name, now[name], value] for name, value in wanted.items() if now[name] != value]
    kind = ROW_CHANGED if changes else ROW_SAME
    return row | {"kind": kind, "person": person.pk, "revision": person.revision, "changes": changes}


def _convert_to_json(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else "" if value is None else value


def group_rows_by_kind(act: BulkAct) -> dict[str, list[PlannedRow]]:
    """The lines as a page shows them: by what they do, columns and values in words."""
    found: dict[str, list[PlannedRow]] = {kind: [] for kind in ROW_KINDS}
    for row in act.rows:
        said = [
            [_get_column_label(name), _format_value(old), _format_value(new)]
            for name, old, new in row.get("changes", [])
        ]
        found[row["kind"]].append(row | {"changes": said})
    return found


def _get_column_label(column: str) -> str:
    return str(getattr(Person._meta.get_field(column), "verbose_name", column))


def _format_value(value: object) -> str:
    return (_("yes") if value else _("no")) if isinstance(value, bool) else str(value)


ImportedRow = dict[str, Any]


def import_people_rows(user: User, rows: Sequence[ImportedRow], batch: uuid.UUID) -> tuple[int, list[str]]:
    """How many lines were taken in, and a sentence on each that was not; inside a transaction."""
    ledger, refused, people = ChangeSet(), list[str](), list[int]()
    for row in rows:
        person = (
            _update_person_from_row(ledger, row)
            if row.get("person")
            else _create_person_from_row(ledger, row)
        )
        if person is None:
            said = _("Line %(line)s (%(name)s) was left out: somebody has changed this meanwhile.")
            refused.append(said % {"line": row["line"], "name": row["name"]})
        else:
            people.append(person.pk)
    if people:
        apply_effects(ledger)
        summary = {"count": len(people)}
        record_event(
            user, "people.import", None, summary, undo=ledger, batch=batch, subjects={"person": people}
        )
    return len(people), refused


def _create_person_from_row(ledger: ChangeSet, row: ImportedRow) -> Person | None:
    person = Person(**_parse_consent_date(row["columns"]))
    person.set_name(row["name"])
    if Person.objects.filter(key=person.key).exists():
        return None
    ledger.create(person)
    return person


def _update_person_from_row(ledger: ChangeSet, row: ImportedRow) -> Person | None:
    held = Person.objects.select_for_update().filter(pk=row["person"], revision=row["revision"]).first()
    if held is None:
        return None
    values = _parse_consent_date({name: value for name, _old, value in row["changes"]})
    if "name" in values:
        fresh = Person()
        fresh.set_name(values["name"])
        if Person.objects.filter(key=fresh.key).exclude(pk=held.pk).exists():
            return None
        values |= {"name": fresh.name, "key": fresh.key, "search": fresh.search}
    ledger.set(held, **values)
    return held


def _parse_consent_date(columns: dict[str, Any]) -> dict[str, Any]:
    until = columns.get("consent_until")
    return columns | ({"consent_until": date.fromisoformat(until)} if until else {})


READ_ONLY_COLUMNS = ("references", "faces")  # told, not taken in again


class _EchoFile:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def write_people_csv(people: Iterable[Any]) -> Iterator[str]:
    """A byte order mark, so that spreadsheets read it as UTF-8; the columns; a line for each person.

    The people carry `approved` and `times`: how many references and faces the reader may know of.
    """
    write = csv.writer(_EchoFile()).writerow
    yield "\ufeff" + str(write([*CSV_COLUMNS, *READ_ONLY_COLUMNS]))
    for person in people:
        yield str(
            write(
                [
                    person.pk,
                    escape_cell(person.name),
                    escape_cell(person.note),
                    "yes" if person.is_hidden else "no",
                    "yes" if person.is_recognised else "no",
                    escape_cell(person.consent_note),
                    person.consent_until.isoformat() if person.consent_until else "",
                    person.approved,
                    person.times,
                ]
            )
        )

"""What each line of the file would do: a new person, a change, nothing, something unclear, or an error."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext as _

from gallery.models import BulkAct, Person, User
from gallery.models.people import clean_name, name_key, search_key
from gallery.services.errors import Refused
from gallery.services.roster.reading import Line, Table, read

NEW, CHANGE, SAME, UNCLEAR, ERROR = "new", "change", "same", "unclear", "error"
KINDS = (NEW, CHANGE, SAME, UNCLEAR, ERROR)
Row = dict[str, Any]  # {"line", "kind", "person", "revision", "name", "columns", "changes", "says"}
COLUMN_OF = {"note": "note", "hidden": "is_hidden", "recognise": "is_recognised", "consent": "consent_note"}
YES = {"yes", "true", "1", "y", "x", "co", "dung"}
NO = {"no", "false", "0", "n", "khong", "sai"}


def draft_import(user: User, content: bytes, back: str = "") -> BulkAct:
    """The file as an act to be looked at; Refused if it is no table of people."""
    table = read(content)
    rows = _Planner().plan(table)
    notes = _notes(table)
    return BulkAct.objects.create(
        kind=BulkAct.Kind.IMPORT, by=user, back=back[:1000], rows=rows, refused=notes, **_doable(rows)
    )


def _notes(table: Table) -> list[str]:
    found = []
    if table.encoding == "cp1252":
        found.append(
            _("The file is not UTF-8; it was read as Windows text. Look whether all letters are right.")
        )
    if table.ignored:
        found.append(_("Columns left out: %(names)s.") % {"names": ", ".join(table.ignored)})
    return found


def _doable(rows: list[Row]) -> dict[str, Any]:
    ids = [number for number, row in enumerate(rows) if row["kind"] in (NEW, CHANGE)]
    return {"ids": ids, "total": len(ids)}


def settle(act: BulkAct, answers: Mapping[str, str]) -> None:
    """What the curator said of the unclear lines: `new`, or the id of who it is; else they are left out.

    Refused if nothing is left to do.
    """
    rows = act.rows
    for number, row in enumerate(rows):
        answer = answers.get(f"line-{row['line']}", "")
        if row["kind"] == UNCLEAR and answer == NEW:
            row["kind"] = NEW
        elif row["kind"] == UNCLEAR and answer.isdecimal():
            person = Person.objects.filter(pk=int(answer), search=search_key(row["name"])).first()
            if person is not None:
                rows[number] = _compared(row, person)
    act.rows = rows
    act.ids, act.total = _doable(rows).values()
    if not act.total:
        raise Refused(_("Nothing in this file is new or changed."))
    act.refused = []
    act.save(update_fields=["rows", "ids", "total", "refused"])


class _Planner:
    def __init__(self) -> None:
        people = list(Person.objects.all())
        self.by_id = {person.pk: person for person in people}
        self.by_key = {person.key: person for person in people}
        self.by_search: dict[str, list[Person]] = {}
        for person in people:
            self.by_search.setdefault(person.search, []).append(person)
        self.seen: dict[object, int] = {}  # person's id, or a new name's key -> line

    def plan(self, table: Table) -> list[Row]:
        return [self._row(line) for line in table.lines]

    def _row(self, line: Line) -> Row:
        row: Row = {"line": line.number, "name": clean_name(line.values.get("name", ""))}
        try:
            row["columns"] = _columns(line.values)
            person = self._whose(line, row)
            if person is not None:
                self._once(person.pk, line)
                return _compared(row, person)
            self._once(name_key(row["name"]), line)
        except ValueError as error:
            return row | {"kind": ERROR, "says": str(error)}
        alike = self.by_search.get(search_key(row["name"]), [])
        if alike:
            others = [{"pk": other.pk, "name": other.name} for other in alike]
            return row | {"kind": UNCLEAR, "alike": others}
        return row | {"kind": NEW}

    def _whose(self, line: Line, row: Row) -> Person | None:
        """The person that the line is about: by id, else by name."""
        given, name = line.values.get("id", ""), row["name"]
        if len(name) > 200:
            raise ValueError(_("This name is too long; 200 characters are the most."))
        holder = self.by_key.get(name_key(name)) if name else None
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

    def _once(self, key: object, line: Line) -> None:
        if key in self.seen:
            raise ValueError(_("Line %(line)s is about the same person.") % {"line": self.seen[key]})
        self.seen[key] = line.number


def _columns(values: Mapping[str, str]) -> dict[str, Any]:
    """The given cells as columns of a person; a date as text, for JSON."""
    found: dict[str, Any] = {}
    for cell, column in COLUMN_OF.items():
        if cell in values:
            found[column] = _flag(values[cell]) if column.startswith("is_") else values[cell]
    if "consent_until" in values:
        found["consent_until"] = _day(values["consent_until"]).isoformat()
    return found


def _flag(text: str) -> bool:
    key = search_key(text)
    if key not in YES | NO:
        raise ValueError(_("“%(text)s” is neither yes nor no.") % {"text": text})
    return key in YES


def _day(text: str) -> date:
    for form in ("%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y"):
        try:
            return datetime.strptime(text, form).date()
        except ValueError:
            continue
    raise ValueError(_("“%(text)s” is no date. Write it as 2026-11-24.") % {"text": text})


def _compared(row: Row, person: Person) -> Row:
    """The line against the person as they are now."""
    wanted = dict(row["columns"])
    if row["name"]:
        wanted["name"] = row["name"]
    now = {name: _shown(getattr(person, name)) for name in wanted}
    changes = [[name, now[name], value] for name, value in wanted.items() if now[name] != value]
    kind = CHANGE if changes else SAME
    return row | {"kind": kind, "person": person.pk, "revision": person.revision, "changes": changes}


def _shown(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else "" if value is None else value


def by_kind(act: BulkAct) -> dict[str, list[Row]]:
    """The lines as a page shows them: by what they do, columns and values in words."""
    found: dict[str, list[Row]] = {kind: [] for kind in KINDS}
    for row in act.rows:
        said = [[_label(name), _words(old), _words(new)] for name, old, new in row.get("changes", [])]
        found[row["kind"]].append(row | {"changes": said})
    return found


def _label(column: str) -> str:
    return str(getattr(Person._meta.get_field(column), "verbose_name", column))


def _words(value: object) -> str:
    return (_("yes") if value else _("no")) if isinstance(value, bool) else str(value)

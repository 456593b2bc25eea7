"""People as a CSV file: compared with the people there are, imported as a bulk act, and written.

Rows are imported in parts, each of them one event."""

from __future__ import annotations

import csv
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from itertools import islice
from typing import Any

from django.utils.translation import gettext as _

from gallery.core.erased import find_erased, let_erased_return
from gallery.core.exceptions import ActionRefused, NameWasErased
from gallery.faces.namesakes import hold_name
from gallery.history.changeset import ChangeSet, apply_effects, record_event
from gallery.history.erased import ask_before_return
from gallery.models import BulkAct, ErasedDigest, Person, User
from gallery.models.labels import (
    MAX_DISTINCTION_LENGTH,
    LabelParts,
    format_label,
    is_born_date,
    split_label,
)
from gallery.models.people import (
    MAX_NAME_LENGTH,
    clean_name,
    get_name_columns,
    get_name_key,
    get_search_key,
)
from gallery.people.list_files import CSV_COLUMNS, escape_cell, read_people_csv
from gallery.people.listed_columns import (
    LISTED_COLUMNS,
    format_listed_row,
    list_rows,
    merge_listed_rows,
    parse_listed_cell,
    store_listed_rows,
)

ROW_NEW, ROW_CHANGED, ROW_SAME, ROW_UNCLEAR, ROW_ERROR = "new", "change", "same", "unclear", "error"
ROW_KINDS = (ROW_NEW, ROW_CHANGED, ROW_SAME, ROW_UNCLEAR, ROW_ERROR)
# {"line", "name", "columns", "kind"}; of an error "says"; of somebody there is "person", "revision", "changes"; of
# an unclear one "alike" and "was_erased"
PlannedRow = dict[str, Any]
PERSON_COLUMN_OF_CELL = {
    "distinction": "distinction",
    "born": "born",
    "note": "note",
    "hidden": "is_hidden",
    "recognise": "is_recognised",
    "consent": "consent_note",
    "consent_until": "consent_until",
    "other_names": "other_names",
    "groups": "groups",
}
FLAG_WORDS = dict.fromkeys(("yes", "true", "1", "y", "x", "co", "dung"), True) | dict.fromkeys(
    ("no", "false", "0", "n", "khong", "sai"), False
)
SHOWN_NAMES = 12
DATE_FORMATS = ("%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y")


def draft_people_import(user: User, content: bytes, back: str = "") -> BulkAct:
    """The file as an act to be looked at; ActionRefused if it is no table of people."""
    act = BulkAct(kind=BulkAct.Kind.IMPORT, by=user, back=back[:1000])
    _plan_rows(act, content)
    act.save()
    return act


def reread_people_file(act: BulkAct, encoding: str) -> None:
    """The draft anew, its file read in the encoding that somebody chose."""
    if not act.is_draft or not act.encoding:
        raise ActionRefused(_("The file is no longer kept. Choose it again."))
    _plan_rows(act, bytes(act.file), encoding)
    planned = {column: getattr(act, column) for column in ("rows", "ids", "total", "refused", "encoding")}
    BulkAct.objects.filter(pk=act.pk, confirmed_at__isnull=True).update(**planned)


def _plan_rows(act: BulkAct, content: bytes, encoding: str = "") -> None:
    """What the file would do; it is kept with the draft only where its encoding is a guess."""
    lines, act.refused, act.encoding = read_people_csv(content, encoding)
    act.file = content if act.encoding else b""
    named = [clean_name(values.get("name", "")) for values in lines.values()]
    named += [name for values in lines.values() for name in values.get("other_names", "").splitlines()]
    planner = _ImportPlanner(named)
    act.rows = [planner.plan_row(number, values) for number, values in lines.items()]
    _choose_applicable_rows(act)


def list_telling_names(act: BulkAct) -> list[str]:
    """The first names of the file by which one sees whether its encoding was guessed rightly."""
    return list(islice((row["name"] for row in act.rows if not row["name"].isascii()), SHOWN_NAMES))


def _choose_applicable_rows(act: BulkAct) -> None:
    act.ids = [number for number, row in enumerate(act.rows) if row["kind"] in (ROW_NEW, ROW_CHANGED)]
    act.total = len(act.ids)


def resolve_unclear_rows(act: BulkAct, answers: Mapping[str, str]) -> None:
    """What the curator said of the unclear lines: `new`, or the id of who it is; else they are left out.

    ActionRefused if nothing is left to do.
    """
    for number, row in enumerate(act.rows):
        answer = answers.get(f"line-{row['line']}", "")
        if row["kind"] == ROW_UNCLEAR and answer == ROW_NEW:
            row["kind"] = ROW_NEW
        elif row["kind"] == ROW_UNCLEAR and answer.isdecimal():
            alike = {other["pk"] for other in row["alike"]}
            person = Person.objects.filter(pk=int(answer)).first() if int(answer) in alike else None
            if person is not None:
                act.rows[number] = _compare_with_person(row, person)
    _choose_applicable_rows(act)
    if not act.total:
        raise ActionRefused(_("Nothing in this file is new or changed."))
    act.refused, act.file, act.encoding = [], b"", ""
    act.save(update_fields=["rows", "ids", "total", "refused", "file", "encoding"])


class _ImportPlanner:
    def __init__(self, names: Iterable[str]) -> None:
        people = list(Person.objects.prefetch_related("other_names", "memberships__group"))
        said = {get_search_key(each) for name in names for each in (name, split_label(name).name)}
        self.erased = find_erased(ErasedDigest.Kind.NAME, said)
        self.by_id = {str(person.pk): person for person in people}
        self.by_key: defaultdict[str, list[Person]] = defaultdict(list)
        self.by_search: defaultdict[str, list[Person]] = defaultdict(list)
        for person in people:
            self.by_key[person.key].append(person)
            self.by_search[get_search_key(person.name)].append(person)
        self.seen: dict[object, int] = {}  # person's id, or a new name's key -> line

    def plan_row(self, number: int, values: Mapping[str, str]) -> PlannedRow:
        name = clean_name(values.get("name", ""))
        if not self.by_key[get_name_key(name)]:
            said = {column: word for column, word in split_label(name)._asdict().items() if word}
            values = {**values, **said}
            name = said.get("name", "")
        row: PlannedRow = {"line": number, "name": name}
        try:
            row["columns"] = {
                column: (parse_listed_cell if column in LISTED_COLUMNS else _parse_cell)(column, values[cell])
                for cell, column in PERSON_COLUMN_OF_CELL.items()
                if cell in values
            }
            parts = LabelParts(name, *(row["columns"].get(column, "") for column in LabelParts._fields[1:]))
            person = self._find_person(values.get("id", ""), parts)
            key = person.pk if person else (get_name_key(name), get_name_key(parts.distinction), parts.born)
            if key in self.seen:
                raise ValueError(_("Line %(line)s is about the same person.") % {"line": self.seen[key]})
            self.seen[key] = number
        except ValueError as error:
            return row | {"kind": ROW_ERROR, "says": str(error)}
        if any(get_search_key(other) in self.erased for [other] in row["columns"].get("other_names", ())):
            says = _("Somebody of this name was erased here. Rename on the person's page, which asks.")
            return row | {"kind": ROW_ERROR, "says": says}
        was_erased = get_search_key(name) in self.erased
        if person:
            row = _compare_with_person(row, person)
            is_renamed = any(column == "name" for column, _old, _new in row.get("changes", ()))
            if was_erased and is_renamed and get_search_key(person.name) != get_search_key(name):
                says = _("Somebody of this name was erased here. Rename on the person's page, which asks.")
                return row | {"kind": ROW_ERROR, "says": says}
            return row
        alike = [{"pk": other.pk, "name": other.label} for other in self.by_search[get_search_key(name)]]
        is_unclear = was_erased or bool(alike)
        more = {"alike": alike, "was_erased": was_erased} if is_unclear else {}
        return row | {"kind": ROW_UNCLEAR if is_unclear else ROW_NEW, **more}

    def _find_person(self, given_id: str, parts: LabelParts) -> Person | None:
        """The person that a line is about: by id, else by their label, else by a name that nobody shares."""
        if len(parts.name) > MAX_NAME_LENGTH:
            raise ValueError(_("This name is too long; 200 characters are the most."))
        namesakes = self.by_key[get_name_key(parts.name)] if parts.name else []
        if not given_id:
            if not parts.name:
                raise ValueError(_("There is no name in this line."))
            return _find_labelled(namesakes, parts)
        person = self.by_id.get(given_id.lstrip("0"))
        if person is None:
            raise ValueError(
                _("Nobody has the id %(id)s. Leave the id empty for a new person.") % {"id": given_id}
            )
        if namesakes and person not in namesakes:
            says = _("There is a person of this name: %(name)s. Rename on the person's page, which asks.")
            raise ValueError(says % {"name": namesakes[0].label})
        return person


def _find_labelled(namesakes: Sequence[Person], parts: LabelParts) -> Person | None:
    """Which of those who have the name the label means; None where that is to be asked."""
    if parts.distinction:
        key = get_name_key(format_label(parts.name, parts.distinction))
        found = [person for person in namesakes if get_name_key(person.label) == key]
    else:
        found = [person for person in namesakes if parts.born in ("", person.born)]
    return found[0] if len(found) == 1 else None


def _parse_cell(column: str, text: str) -> str | bool:
    """The value of a person's column; a date as text, for JSON."""
    if column.startswith("is_"):
        key = get_search_key(text)
        if key not in FLAG_WORDS:
            raise ValueError(_("“%(text)s” is neither yes nor no.") % {"text": text})
        return FLAG_WORDS[key]
    if column == "consent_until":
        for form in DATE_FORMATS:
            with suppress(ValueError):
                return datetime.strptime(text, form).date().isoformat()
        raise ValueError(_("“%(text)s” is no date. Write it as 2026-11-24.") % {"text": text})
    if column == "born":
        for form in DATE_FORMATS:
            with suppress(ValueError):
                text = datetime.strptime(text, form).date().isoformat()
        if not is_born_date(text):
            raise ValueError(_("Write when they were born as 1980, 1980-05 or 1980-05-03."))
    if column == "distinction" and len(text) > MAX_DISTINCTION_LENGTH:
        raise ValueError(_("The word that tells them apart is too long; 40 characters are the most."))
    return clean_name(text) if column == "distinction" else text


def _compare_with_person(row: PlannedRow, person: Person) -> PlannedRow:
    """The line against the person as they are now."""
    wanted = row["columns"] | ({"name": row["name"]} if row["name"] else {})
    changes = []
    for name, new in wanted.items():
        if name in LISTED_COLUMNS:
            old = list_rows(person, name)
            new = merge_listed_rows(name, old, new)
        else:
            old = getattr(person, name)
        old = old.isoformat() if isinstance(old, date) else "" if old is None else old
        if old != new:
            changes.append([name, old, new])
    kind = ROW_CHANGED if changes else ROW_SAME
    return row | {"kind": kind, "person": person.pk, "revision": person.revision, "changes": changes}


def group_rows_by_kind(act: BulkAct) -> dict[str, list[PlannedRow]]:
    """The lines as a page shows them: by what they do, columns and values in words."""
    labels = {field.name: str(field.verbose_name) for field in Person._meta.concrete_fields}
    labels |= {"other_names": _("Other names"), "groups": _("Groups")}
    found: dict[str, list[PlannedRow]] = {kind: [] for kind in ROW_KINDS}
    for row in act.rows:
        changes = [
            [labels[name], _format_value(old), _format_value(new)]
            for name, old, new in row.get("changes", [])
        ]
        found[row["kind"]].append(row | {"changes": changes})
    return found


def _format_value(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(format_listed_row, value))
    return (_("yes") if value else _("no")) if isinstance(value, bool) else str(value)


def import_people_rows(user: User, rows: Sequence[PlannedRow], batch: uuid.UUID) -> tuple[int, list[str]]:
    """How many lines were taken in, and a sentence on each that was not; inside a transaction."""
    changes, refused, people = ChangeSet(), list[str](), list[int]()
    for row in rows:
        person = _apply_row(user, changes, row)
        if person is None:
            said = _("Line %(line)s (%(name)s) was left out: somebody has changed this meanwhile.")
            refused.append(said % {"line": row["line"], "name": row["name"]})
        else:
            people.append(person.pk)
    if people:
        apply_effects(changes)
        subjects = {"person": people}
        record_event(user, "people.import", None, {"count": len(people)}, changes, batch, subjects)
    return len(people), refused


def _apply_row(user: User, changes: ChangeSet, row: PlannedRow) -> Person | None:
    """The person made or changed; None where somebody has changed them meanwhile, has the name, or was erased."""
    if "person" in row:
        values = {name: value for name, _old, value in row["changes"]}
        rows = Person.objects.select_for_update().filter(pk=row["person"], revision=row["revision"])
        person = rows.first()
    else:
        values, person = row["columns"] | {"name": row["name"]}, Person()
    if person is None:
        return None
    listed = {column: values.pop(column) for column in LISTED_COLUMNS if column in values}
    if "name" in values or "distinction" in values:
        word = values.get("distinction", person.distinction)
        values |= get_name_columns(values.get("name", person.name), word)
        hold_name(values["name"])
        namesakes = Person.objects.filter(key=values["key"]).exclude(pk=person.pk)
        unknown = namesakes.exclude(pk__in=[one["pk"] for one in row.get("alike", ())])
        label = format_label(values["name"], values["distinction"])
        is_taken = label in [each.label for each in namesakes] if word else False
        if is_taken or (person.key != values["key"] and unknown.exists()):
            return None
        if values["search"] != person.search:
            try:
                with let_erased_return(lambda digest: bool(row.get("was_erased"))):
                    ask_before_return(user, name=label)
            except NameWasErased:
                return None
    if not person.pk:
        person = Person(**values)
        changes.create(person)
    elif values:
        changes.set(person, **values)
    store_listed_rows(changes, person, listed)
    return person


READ_ONLY_COLUMNS = ("references", "faces")  # shown, never read


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
        lists = ["\n".join(map(format_listed_row, list_rows(person, column))) for column in LISTED_COLUMNS]
        flags = ("yes" if flag else "no" for flag in (person.is_hidden, person.is_recognised))
        words = (person.name, person.distinction, person.born, person.note)
        cells = (*map(escape_cell, words), *flags, escape_cell(person.consent_note))
        more = (person.consent_until or "", *map(escape_cell, lists), person.approved, person.times)
        yield str(write([person.pk, *cells, *more]))

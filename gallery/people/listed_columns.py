"""What people have several of, in one cell of a file, one a line: other names, and groups that they belong to.

A group may have the first and the last day behind it, or one of them: "Class 4b [2019-09-01/2023-07-31]"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date

from django.utils.translation import gettext as _

from gallery.history.changeset import ChangeSet
from gallery.models import Membership, OtherName, PeopleGroup, Person
from gallery.models.people import MAX_NAME_LENGTH, clean_name, get_name_key, get_search_key

LISTED_COLUMNS = ("other_names", "groups")
MEMBERSHIP_PATTERN = re.compile(r"(.*\S)\s*\[([\d-]*)/([\d-]*)\]")
ListedRow = list[str]  # a name; of a group also the first day and the last, "" where it is not known


def parse_listed_cell(column: str, text: str) -> list[ListedRow]:
    """ValueError with a sentence for what is too long, or no date."""
    lines = [clean_name(line) for line in text.splitlines() if clean_name(line)]
    rows = [_parse_membership(line) if column == "groups" else [line] for line in lines]
    if any(len(row[0]) > MAX_NAME_LENGTH for row in rows):
        raise ValueError(_("This name is too long; 200 characters are the most."))
    return merge_listed_rows(column, [], rows)


def _parse_membership(text: str) -> ListedRow:
    found = MEMBERSHIP_PATTERN.fullmatch(text)
    name, *days = found.groups() if found else (text, "", "")
    for day in days:
        try:
            _read_day(day)
        except ValueError:
            raise ValueError(_("“%(text)s” is no date. Write it as 2026-11-24.") % {"text": day}) from None
    if all(days) and days[0] > days[1]:
        raise ValueError(_("The first day is after the last one."))
    return [name, *days]


def _read_day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def format_listed_row(row: ListedRow) -> str:
    name, *days = row
    return f"{name} [{'/'.join(days)}]" if any(days) else name


def list_rows(person: Person, column: str) -> list[ListedRow]:
    if column == "other_names":
        return [[each.name] for each in person.other_names.all()]
    return [
        [each.group.name, *(day.isoformat() if day else "" for day in (each.since, each.until))]
        for each in person.memberships.all()
    ]


def merge_listed_rows(column: str, old: Iterable[ListedRow], new: Iterable[ListedRow]) -> list[ListedRow]:
    """The old ones, with the days that the new ones say, and those that are new."""
    get_key = get_search_key if column == "groups" else get_name_key
    merged = {get_key(row[0]): row for row in old}
    for row in new:
        key = get_key(row[0])
        if key not in merged:
            merged[key] = row
        elif any(row[1:]):
            merged[key] = [merged[key][0], *row[1:]]
    return list(merged.values())


def store_listed_rows(changes: ChangeSet, person: Person, listed: Mapping[str, Iterable[ListedRow]]) -> None:
    """Add what is not there yet, and days that differ; a group that is not there is made."""
    known = set(person.other_names.values_list("key", flat=True))
    for [name] in listed.get("other_names", ()):
        key = get_name_key(name)
        if key not in known:
            changes.create(OtherName(person=person, name=name, key=key, search=get_search_key(name)))
    for name, *said in listed.get("groups", ()):
        search = get_search_key(name)[:400]
        group = PeopleGroup.objects.filter(search=search).first()
        if group is None:
            group = PeopleGroup(name=name, search=search)
            changes.create(group)
        since, until = map(_read_day, said)
        there = Membership.objects.filter(group=group, person=person)
        if not there.exists():
            changes.create(Membership(group=group, person=person, since=since, until=until))
        elif since or until:
            changes.update(there.exclude(since=since, until=until), since=since, until=until)

"""Taking lines of a file in: new people and changes, a part at a time, each part one event."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from gallery.models import Person, User
from gallery.services import followup, history
from gallery.services.ledger import Ledger

Row = dict[str, Any]


def take_in(user: User, rows: Sequence[Row], batch: uuid.UUID) -> tuple[int, list[str]]:
    """How many lines were taken in, and a sentence on each that was not; inside a transaction."""
    ledger, refused, people = Ledger(), list[str](), list[int]()
    for row in rows:
        person = _change(ledger, row) if row.get("person") else _make(ledger, row)
        if person is None:
            said = _("Line %(line)s (%(name)s) was left out: somebody has changed this meanwhile.")
            refused.append(said % {"line": row["line"], "name": row["name"]})
        else:
            people.append(person.pk)
    if people:
        followup.after(ledger)
        summary = {"count": len(people)}
        history.record(
            user, "people.import", None, summary, undo=ledger, batch=batch, subjects={"person": people}
        )
    return len(people), refused


def _make(ledger: Ledger, row: Row) -> Person | None:
    person = Person(**_values(row["columns"]))
    person.set_name(row["name"])
    if Person.objects.filter(key=person.key).exists():
        return None
    ledger.create(person)
    return person


def _change(ledger: Ledger, row: Row) -> Person | None:
    held = Person.objects.select_for_update().filter(pk=row["person"], revision=row["revision"]).first()
    if held is None:
        return None
    values = _values({name: value for name, _old, value in row["changes"]})
    if "name" in values:
        fresh = Person()
        fresh.set_name(values["name"])
        if Person.objects.filter(key=fresh.key).exclude(pk=held.pk).exists():
            return None
        values |= {"name": fresh.name, "key": fresh.key, "search": fresh.search}
    ledger.set(held, **values)
    return held


def _values(columns: dict[str, Any]) -> dict[str, Any]:
    until = columns.get("consent_until")
    return columns | ({"consent_until": date.fromisoformat(until)} if until else {})

"""Writes rows and remembers what they were, so that any act can be taken back exactly.

A ledger performs the writes of one act and keeps, as plain JSON, groups of rows with their columns before
and after. Taking an act back replays the groups in reverse, and touches only rows that still are as the act
left them: what somebody decided since stands. `before` is null for rows that were made, `after` for rows
that were deleted. Every write to a row that counts revisions adds one.
"""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models import F, ForeignKey, Model, QuerySet
from django.utils.translation import gettext as _

from gallery.models import Decision, Person
from gallery.services.errors import CannotUndo

Group = dict[str, Any]  # {"model", "ids", "before", "after"}
CHUNK = 500  # ids in one statement


def chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]


def model_of(name: str) -> type[Model]:
    return apps.get_model("gallery", name)


def rows_of(model: type[Model], ids: Iterable[int] | None = None) -> QuerySet[Any]:
    found = model._default_manager.order_by("pk")
    return found if ids is None else found.filter(pk__in=ids)


def _as_json(value: object) -> object:
    if isinstance(value, date):  # and datetime
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(value).decode()
    return value


def _columns(row: Model, names: Iterable[str]) -> dict[str, object]:
    return {name: _as_json(getattr(row, name)) for name in names}


def _values(model: type[Model], columns: dict[str, object]) -> dict[str, Any]:
    """The columns as Python values, keyed as the model's attributes are."""
    fields = {f.attname: f for f in model._meta.concrete_fields}
    return {name: fields[name].to_python(value) for name, value in columns.items()}


def _attname(model: type[Model], name: str) -> str:
    return str(getattr(model._meta.get_field(name), "attname", name))


def _stored(model: type[Model]) -> list[str]:
    """The columns that are written; those that are worked out from others come back by themselves."""
    worked_out = getattr(model, "WORKED_OUT", ())
    return [f.attname for f in model._meta.concrete_fields if not f.generated and f.name not in worked_out]


def has_revision(model: type[Model]) -> bool:
    return any(f.name == "revision" for f in model._meta.concrete_fields)


@dataclass
class Ledger:
    """The writes of one act."""

    groups: list[Group] = field(default_factory=list)
    left: int = 0  # rows that were not taken back because they have changed since

    def set(self, row: Model, **columns: Any) -> None:
        """Write columns of one row, which the caller holds, and refresh the object."""
        self.update(rows_of(type(row), [row.pk]), **columns)
        for name, value in columns.items():
            setattr(row, name, value)
        if has_revision(type(row)):
            row.revision += 1  # type: ignore[attr-defined]  # has_revision has just looked

    def update(self, rows: QuerySet[Any], **columns: Any) -> list[int]:
        """Write columns of many rows; their ids come back."""
        model = rows.model
        names = [_attname(model, name) for name in columns]
        after = dict(zip(names, (v.pk if isinstance(v, Model) else v for v in columns.values()), strict=True))
        ids_by_before: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        for pk, *before in rows.order_by("pk").values_list("pk", *names):
            ids_by_before[tuple(before)].append(pk)
        extra = {"revision": F("revision") + 1} if has_revision(model) else {}
        for before, ids in ids_by_before.items():
            self._note(
                model,
                ids,
                {name: _as_json(value) for name, value in zip(names, before, strict=True)},
                {name: _as_json(value) for name, value in after.items()},
            )
        written = [pk for ids in ids_by_before.values() for pk in ids]
        for some in chunks(written):
            rows_of(model, some).update(**after, **extra)
        return written

    def create(self, row: Model) -> None:
        row.save(force_insert=True)
        self.created(row)

    def created(self, row: Model) -> None:
        """Remember a row that something else has just inserted."""
        names = _stored(type(row))
        self._note(type(row), [row.pk], None, _columns(row, names))

    def delete(self, rows: QuerySet[Any]) -> None:
        """Delete rows one group each, so that each can come back whole."""
        names = _stored(rows.model)
        found = list(rows.order_by("pk"))
        for row in found:
            self._note(rows.model, [row.pk], _columns(row, names), None)
        for some in chunks([row.pk for row in found]):
            rows_of(rows.model, some).delete()

    def _note(
        self, model: type[Model], ids: list[int], before: dict[str, Any] | None, after: dict[str, Any] | None
    ) -> None:
        self.groups.append({"model": model._meta.model_name, "ids": ids, "before": before, "after": after})

    def touched(self, name: str) -> list[int]:
        """Ids of the rows of a model that the act wrote."""
        return sorted({pk for group in self.groups if group["model"] == name for pk in group["ids"]})

    def made(self, name: str) -> list[int]:
        """Ids of the rows of a model that the act made."""
        return sorted({pk for g in self.groups if g["model"] == name and not g["before"] for pk in g["ids"]})

    def of(self, name: str, column: str) -> list[int]:
        """What the rows of a model that the act made or deleted pointed to by this column."""
        rows = (group["before"] or group["after"] for group in self.groups if group["model"] == name)
        return sorted({row[column] for row in rows if row.get(column)})

    def changed(self, name: str, column: str) -> list[int]:
        """Ids of existing rows of a model where the act wrote this column."""
        both = (g for g in self.groups if g["model"] == name and g["before"] and g["after"])
        return sorted({pk for group in both if column in group["after"] for pk in group["ids"]})


def reverse(groups: Iterable[Group]) -> Ledger:
    """Take the groups back, newest first, as a ledger of its own; call inside a transaction."""
    ledger = Ledger()
    for group in reversed(list(groups)):
        model = model_of(group["model"])
        if group["before"] is None:
            _unmake(ledger, model, group)
        elif group["after"] is None:
            _remake(ledger, model, group["before"])
        else:
            _restore(ledger, model, group)
    return ledger


def _restore(ledger: Ledger, model: type[Model], group: Group) -> None:
    after = _values(model, group["after"])
    before = _existing(model, _values(model, group["before"]))
    if before is None:
        ledger.left += rows_of(model, group["ids"]).count()
        return
    for some in chunks(group["ids"]):
        unchanged = rows_of(model, some).filter(**_lookups(_of_people(group["model"], after)))
        ids = list(unchanged.values_list("pk", flat=True))
        ledger.left += rows_of(model, some).count() - len(ids)
        if ids:
            ledger.update(rows_of(model, ids), **before)


def _of_people(name: str, after: dict[str, Any]) -> dict[str, Any]:
    """Of what an act left, the columns that tell whether somebody has changed it since.

    The machine goes on writing a face that nobody has decided on, and may do so after an act that took a decision
    back: what it says is no reason to keep the decision from coming back.
    """
    if name != "face":
        return after
    machines = {"similarity", "reference_id"}
    if after.get("decision") == Decision.NONE:
        machines |= {"person_id", "state"}
    return {column: value for column, value in after.items() if column not in machines}


def _lookups(columns: dict[str, Any]) -> dict[str, Any]:
    return {f"{name}__isnull" if v is None else name: True if v is None else v for name, v in columns.items()}


def _existing(model: type[Model], columns: dict[str, Any]) -> dict[str, Any] | None:
    """The columns, pointing to nothing where the row is gone by now; None where that may not be."""
    kept = dict(columns)
    for f in model._meta.concrete_fields:
        if isinstance(f, ForeignKey) and f.attname in kept and not _is_there(f, kept[f.attname]):
            if not f.null or f.related_model is Person:
                return None
            kept[f.attname] = None
    return kept


def _is_there(f: ForeignKey[Any, Any], pk: object) -> bool:
    return pk is None or rows_of(f.related_model).filter(pk=pk).exists()


def _unmake(ledger: Ledger, model: type[Model], group: Group) -> None:
    """Delete what the act made, unless it has changed or others hang on it."""
    for row in rows_of(model, group["ids"]):
        names = ["revision"] if has_revision(model) else list(group["after"])
        is_touched = _columns(row, names) != {name: group["after"][name] for name in names}
        if is_touched or _has_dependents(row):
            ledger.left += 1
        else:
            ledger.delete(rows_of(model, [row.pk]))


def _has_dependents(row: Model) -> bool:
    """Whether rows that would be lost, or lose their name, point at this one."""
    for relation in row._meta.related_objects:
        manager = relation.related_model._default_manager
        if relation.related_model._meta.model_name in CACHES:
            continue
        if manager.filter(**{relation.field.name: row.pk}).exists():
            return True
    return False


CACHES = {
    "candidate",
    "namechange",
    "finding",
    "personexport",
}  # the next search, or check, writes them again


def _remake(ledger: Ledger, model: type[Model], columns: dict[str, Any]) -> None:
    """Insert what the act deleted, under its old id, unless something like it is there again."""
    values = _existing(model, _values(model, columns))
    if values is None or _is_taken(model, values):
        if model is Person:
            raise CannotUndo(
                _("There is somebody else called “%(name)s” now. Give them another name, then undo again.")
                % {"name": columns["name"]}
            )
        ledger.left += 1
        return
    row = model(**values)
    row.save_base(raw=True, force_insert=True)  # raw: dates keep what they were
    ledger.created(row)


def _is_taken(model: type[Model], values: dict[str, Any]) -> bool:
    unique = [[f.attname] for f in model._meta.concrete_fields if f.unique]
    for constraint in model._meta.constraints:
        if isinstance(constraint, models.UniqueConstraint) and constraint.condition is None:
            unique.append([_attname(model, name) for name in constraint.fields])
    return any(rows_of(model).filter(**{name: values[name] for name in names}).exists() for names in unique)

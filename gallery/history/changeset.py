"""The rows that an act wrote, with their columns before and after, and the event that records it.

A change set performs the writes of one act and keeps, as plain JSON, groups of rows with their columns before and
after. Undoing replays the groups in reverse, and touches only rows that still are as the act left them: later
decisions stand. `before` is null for rows that were created, `after` for rows that were deleted.

Models say what is special about them:

computed_columns     follow from others, and so are no part of what an act did
is_cache             its rows are written again by the next search or check, so they hold nothing back
list_undo_ignores    columns that the machine goes on writing, whatever people decide
undo_needs_row       once such a row is gone, what pointed to it does not come back
undo_optional_fields what a row that comes back can do without, if it has been erased since"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

import numpy as np
from django.apps import apps
from django.db import connection, models
from django.db.models import F, ForeignKey, Model, QuerySet
from django.db.models.fields.files import FieldFile

from gallery.models import Event, EventSubject, User

ChangeGroup = dict[str, Any]  # {"model", "ids", "before", "after"}
Part = TypeVar("Part", int, str)
CHUNK_SIZE = 500  # ids in one statement


def split_into_chunks(ids: Sequence[Part]) -> Iterator[Sequence[Part]]:
    for start in range(0, len(ids), CHUNK_SIZE):
        yield ids[start : start + CHUNK_SIZE]


def get_gallery_model(name: str) -> type[Model]:
    return apps.get_model("gallery", name)


def query_rows(model: type[Model], ids: Iterable[int] | None = None) -> QuerySet[Any]:
    found = model._default_manager.order_by("pk")
    return found if ids is None else found.filter(pk__in=ids)


def _to_json_value(value: object) -> object:
    if isinstance(value, date):  # and datetime
        return value.isoformat()
    if isinstance(value, bytes | memoryview | np.ndarray):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, FieldFile):
        return str(value)
    return value


def _read_columns(row: Model, names: Iterable[str]) -> dict[str, object]:
    return {name: _to_json_value(getattr(row, name)) for name in names}


def _to_python_values(model: type[Model], columns: dict[str, object]) -> dict[str, Any]:
    """The columns as Python values, keyed as the model's attributes are."""
    fields = {f.attname: f for f in model._meta.concrete_fields}
    return {name: fields[name].to_python(value) for name, value in columns.items()}


def _get_attname(model: type[Model], name: str) -> str:
    return str(getattr(model._meta.get_field(name), "attname", name))


def _list_stored_columns(model: type[Model]) -> list[str]:
    """The columns that are written; those that are worked out from others come back by themselves."""
    worked_out = getattr(model, "computed_columns", ())
    return [f.attname for f in model._meta.concrete_fields if not f.generated and f.name not in worked_out]


def has_revision(model: type[Model]) -> bool:
    return any(f.name == "revision" for f in model._meta.concrete_fields)


@dataclass
class ChangeSet:
    """The writes of one act."""

    groups: list[ChangeGroup] = field(default_factory=list)
    left: int = 0  # rows that were not taken back because they have changed since
    notes: dict[str, Any] = field(default_factory=dict)  # what receivers add to the event's summary

    def set(self, row: Model, **columns: Any) -> None:
        """Write columns of one row, which the caller holds, and refresh the object."""
        self.update(query_rows(type(row), [row.pk]), **columns)
        for name, value in columns.items():
            setattr(row, name, value)
        if has_revision(type(row)):
            row.revision += 1  # type: ignore[attr-defined]  # has_revision has just looked

    def update(self, rows: QuerySet[Any], **columns: Any) -> list[int]:
        """Write columns of many rows; their ids come back."""
        model = rows.model
        names = [_get_attname(model, name) for name in columns]
        after = dict(zip(names, (v.pk if isinstance(v, Model) else v for v in columns.values()), strict=True))
        rows_alike: dict[str, tuple[dict[str, Any], list[int]]] = {}
        for pk, *before in _hold_rows(rows).order_by("pk").values_list("pk", *names):
            values = {name: _to_json_value(value) for name, value in zip(names, before, strict=True)}
            rows_alike.setdefault(json.dumps(values), (values, []))[1].append(pk)
        extra = {"revision": F("revision") + 1} if has_revision(model) else {}
        for before, ids in rows_alike.values():
            self._note(model, ids, before, {name: _to_json_value(value) for name, value in after.items()})
        written = [pk for _before, ids in rows_alike.values() for pk in ids]
        for some in split_into_chunks(written):
            query_rows(model, some).update(**after, **extra)
        return written

    def create(self, row: Model) -> None:
        row.save(force_insert=True)
        self.note_created_row(row)

    def note_created_row(self, row: Model) -> None:
        """Remember a row that something else has just inserted."""
        names = _list_stored_columns(type(row))
        self._note(type(row), [row.pk], None, _read_columns(row, names))

    def delete(self, rows: QuerySet[Any]) -> None:
        """Delete rows one group each, so that each can come back whole."""
        names = _list_stored_columns(rows.model)
        found = list(_hold_rows(rows).order_by("pk"))
        for row in found:
            self._note(rows.model, [row.pk], _read_columns(row, names), None)
        for some in split_into_chunks([row.pk for row in found]):
            query_rows(rows.model, some).delete()

    def _note(
        self, model: type[Model], ids: list[int], before: dict[str, Any] | None, after: dict[str, Any] | None
    ) -> None:
        self.groups.append({"model": model._meta.model_name, "ids": ids, "before": before, "after": after})

    def list_written_ids(self, name: str) -> list[int]:
        """Ids of the rows of a model that the act wrote."""
        return sorted({pk for group in self.groups if group["model"] == name for pk in group["ids"]})

    def list_created_ids(self, name: str) -> list[int]:
        """Ids of the rows of a model that the act made."""
        return sorted({pk for g in self.groups if g["model"] == name and not g["before"] for pk in g["ids"]})

    def list_referenced_ids(self, name: str, column: str) -> list[int]:
        """What the rows of a model that the act made or deleted pointed to by this column."""
        rows = (group["before"] or group["after"] for group in self.groups if group["model"] == name)
        return sorted({row[column] for row in rows if row.get(column)})

    def list_changed_ids(self, name: str, *columns: str) -> list[int]:
        """Ids of existing rows of a model where the act wrote one of these columns."""
        both = (g for g in self.groups if g["model"] == name and g["before"] and g["after"])
        found = (group for group in both if not group["after"].keys().isdisjoint(columns))
        return sorted({pk for group in found for pk in group["ids"]})


def _hold_rows(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Those of the rows that still are what is asked for once nobody else can change them. SQLite has one writer."""
    if not connection.features.has_select_for_update:
        return rows
    found = list(rows.order_by("pk").values_list("pk", flat=True))
    for some in split_into_chunks(found):
        list(query_rows(rows.model, some).select_for_update(no_key=True).values_list("pk"))
    return rows.filter(pk__in=found)


def reverse_groups(groups: Iterable[ChangeGroup]) -> ChangeSet:
    """Take the groups back, newest first, as a change set of its own; call inside a transaction."""
    changes = ChangeSet()
    for group in reversed(list(groups)):
        model = get_gallery_model(group["model"])
        if group["before"] is None:
            _delete_created_rows(changes, model, group)
        elif group["after"] is None:
            _recreate_row(changes, model, group["before"])
        else:
            _restore_columns(changes, model, group)
    return changes


def _restore_columns(changes: ChangeSet, model: type[Model], group: ChangeGroup) -> None:
    after = _to_python_values(model, group["after"])
    before = _clear_dead_references(model, _to_python_values(model, group["before"]))
    if before is None:
        changes.left += query_rows(model, group["ids"]).count()
        return
    for some in split_into_chunks(group["ids"]):
        unchanged = query_rows(model, some).filter(**_build_lookups(_drop_ignored_columns(model, after)))
        ids = list(unchanged.values_list("pk", flat=True))
        changes.left += query_rows(model, some).count() - len(ids)
        if ids:
            changes.update(query_rows(model, ids), **before)


def _drop_ignored_columns(model: type[Model], after: dict[str, Any]) -> dict[str, Any]:
    """Of what an act left, the columns that tell whether somebody has changed it since."""
    if not hasattr(model, "list_undo_ignores"):
        return after
    ignored = model.list_undo_ignores(after)
    return {column: value for column, value in after.items() if column not in ignored}


def _build_lookups(columns: dict[str, Any]) -> dict[str, Any]:
    return {f"{name}__isnull" if v is None else name: True if v is None else v for name, v in columns.items()}


def _clear_dead_references(model: type[Model], columns: dict[str, Any]) -> dict[str, Any] | None:
    """The columns, pointing to nothing where the row is gone by now; None where that may not be."""
    kept = dict(columns)
    for f in model._meta.concrete_fields:
        if not isinstance(f, ForeignKey) or kept.get(f.attname) is None:
            continue
        if not query_rows(f.related_model).filter(pk=kept[f.attname]).exists():
            if not f.null or getattr(f.related_model, "undo_needs_row", False):
                return None
            kept[f.attname] = None
    return kept


def _delete_created_rows(changes: ChangeSet, model: type[Model], group: ChangeGroup) -> None:
    """Delete what the act made, unless it has changed or others hang on it."""
    for row in query_rows(model, group["ids"]).select_for_update(
        of=("self",)
    ):  # nothing may come to hang on it
        names = ["revision"] if has_revision(model) else list(group["after"])
        is_touched = _read_columns(row, names) != {name: group["after"][name] for name in names}
        if is_touched or _has_dependents(row):
            changes.left += 1
        else:
            changes.delete(query_rows(model, [row.pk]))


def _has_dependents(row: Model) -> bool:
    """Whether rows that would be lost, or lose their name, point at this one."""
    for relation in row._meta.related_objects:
        manager = relation.related_model._default_manager
        if getattr(relation.related_model, "is_cache", False):
            continue
        if manager.filter(**{relation.field.name: row.pk}).exists():
            return True
    return False


def _recreate_row(changes: ChangeSet, model: type[Model], columns: dict[str, Any]) -> None:
    """Insert what the act deleted, under its old id, unless something like it is there again."""
    values = _clear_dead_references(model, _to_python_values(model, columns))
    if values is None or _has_unique_clash(model, values):
        changes.left += 1
        return
    row = model(**values)
    row.save_base(raw=True, force_insert=True)  # raw: dates keep what they were
    changes.note_created_row(row)


def _has_unique_clash(model: type[Model], values: dict[str, Any]) -> bool:
    unique = [[f.attname] for f in model._meta.concrete_fields if f.unique]
    for constraint in model._meta.constraints:
        if isinstance(constraint, models.UniqueConstraint) and constraint.condition is None:
            unique.append([_get_attname(model, name) for name in constraint.fields])
    return any(
        query_rows(model).filter(**{name: values[name] for name in names}).exists() for names in unique
    )


Receiver = Callable[[ChangeSet], None]

_receivers: list[Receiver] = []  # in the order in which `GalleryConfig.ready` registers them


def register_receivers(*receivers: Receiver) -> None:
    """Have these called with every change set, after those that are registered already."""
    _receivers.extend(receivers)


def apply_effects(changes: ChangeSet) -> None:
    """Do what must follow the act. Call it before the event is recorded: what receivers write is part of the act."""
    for receive in _receivers:
        receive(changes)


EventSubjects = Mapping[str, Iterable[int | None]]  # object type -> ids


def record_event(
    user: User | None,
    verb: str,
    obj: Model | None,
    summary: Mapping[str, Any],
    undo: Mapping[str, Any] | ChangeSet | None = None,
    batch: uuid.UUID | None = None,
    subjects: EventSubjects | None = None,
) -> Event:
    """Write the event of an act; `subjects` are what it can also be found by, its object aside."""
    notes = undo.notes if isinstance(undo, ChangeSet) else {}
    event = Event.objects.create(
        actor=user,
        verb=verb,
        object_type=(obj._meta.model_name or "") if obj else "",
        object_id=obj.pk if obj else None,
        summary={**summary, **notes},
        undo={"rows": undo.groups} if isinstance(undo, ChangeSet) else undo and dict(undo),
        batch=batch,
    )
    _add_event_subjects(event, subjects or {})
    return event


def _add_event_subjects(event: Event, subjects: EventSubjects) -> None:
    pairs = {(kind, pk) for kind, ids in subjects.items() for pk in ids if pk is not None}
    if event.object_id is not None:
        pairs.add((event.object_type, event.object_id))
    EventSubject.objects.bulk_create(
        (EventSubject(event=event, object_type=kind, object_id=pk) for kind, pk in sorted(pairs)),
        batch_size=200,
    )


def find_events_about(object_type: str, object_id: int) -> QuerySet[Event]:
    """Events about one object, the newest first."""
    return Event.objects.filter(subjects__object_type=object_type, subjects__object_id=object_id)

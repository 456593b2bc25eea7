"""Redacts the history after an erasure: names in what events say, and rows in what would undo them."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import unquote_plus

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db.models import ForeignKey, Q, QuerySet

from gallery.history.audit import AUDIT_ONLY_VERBS
from gallery.history.changeset import CHUNK_SIZE, get_gallery_model, split_into_chunks
from gallery.models import BulkAct, Event, EventSubject, Reference, User
from gallery.models.people import get_name_key

UndoData = dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class ErasedObjects:
    """Numbers of erased rows by model, names nobody may read again, and faces that stay as they are now."""

    ids: dict[str, set[int]] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    frozen: frozenset[int] = frozenset()

    def as_json(self) -> dict[str, Any]:
        ids = {model: sorted(numbers) for model, numbers in self.ids.items()}
        return {"ids": ids, "names": sorted(self.names), "frozen": sorted(self.frozen)}

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Self:
        ids = {model: set(numbers) for model, numbers in kept["ids"].items()}
        return cls(ids, frozenset(kept["names"]), frozenset(kept["frozen"]))

    @property
    def keys(self) -> set[str]:
        return {get_name_key(name) for name in self.names}

    def holds(self, model: str, pk: object) -> bool:
        return pk in self.ids.get(model, ())


def split_sorted_ids(ids: Iterable[int]) -> Iterator[Sequence[int]]:
    return split_into_chunks(sorted(ids))


def redact_linked_events(gone: ErasedObjects) -> int:
    """The events that say themselves that they are about what is gone; how many were changed."""
    linked: set[int] = set()
    for model, numbers in gone.ids.items():
        for some in split_sorted_ids(numbers):
            seen = Event.objects.filter(object_type=model, object_id__in=some)
            seen.filter(verb__in=AUDIT_ONLY_VERBS).delete()
            linked |= set(seen.values_list("pk", flat=True))
            subjects = EventSubject.objects.filter(object_type=model, object_id__in=some)
            linked |= set(subjects.values_list("event_id", flat=True))
    count = sum(_redact_events(Event.objects.filter(pk__in=some), gone) for some in split_sorted_ids(linked))
    for model, numbers in gone.ids.items():
        for some in split_sorted_ids(numbers):
            EventSubject.objects.filter(object_type=model, object_id__in=some).delete()
    return count


def redact_all_events(gone: ErasedObjects) -> int:
    """Every event, whatever it says it is about; how many were changed. It can be stopped and begun again."""
    count, last = 0, 0
    rows = Event.objects.order_by("pk")
    while some := list(rows.filter(pk__gt=last).values_list("pk", flat=True)[:CHUNK_SIZE]):
        count += _redact_events(Event.objects.filter(pk__gte=some[0], pk__lte=some[-1]), gone)
        last = some[-1]
    return count


def _redact_events(events: QuerySet[Event], gone: ErasedObjects) -> int:
    keys, changed = gone.keys, []
    for event in events.order_by("pk"):
        before = (event.summary, event.undo, event.object_id)
        if gone.holds(event.object_type, event.object_id):
            event.object_id, event.summary = None, {}
        if _is_about_erased(event.summary, gone, keys):
            event.summary = {}
        event.undo = redact_undo_data(event.undo, gone)
        if (event.summary, event.undo, event.object_id) != before:
            changed.append(event)
    Event.objects.bulk_update(changed, ["summary", "undo", "object_id"], batch_size=100)
    return len(changed)


def _is_about_erased(summary: dict[str, Any], gone: ErasedObjects, keys: Collection[str]) -> bool:
    """Whether the event says who or what it was."""
    if any(gone.holds(model, summary.get(f"{model}_id")) for model in gone.ids):
        return True
    texts = [value for value in summary.values() if isinstance(value, str)]
    parts = [part for text in texts for part in (text, *text.split(","))]  # tags stand in one text
    return any(get_name_key(part) in keys for part in parts)


def redact_undo_data(undo: UndoData, gone: ErasedObjects) -> UndoData:
    """What is left to undo: nothing that is gone can come back, nor change what must stay."""
    if undo is None:
        return None
    if "rows" not in undo:
        return None if any(gone.holds(model, value) for model, value in undo.items()) else undo
    groups = [kept for group in undo["rows"] if (kept := _redact_change_group(group, gone))]
    return {**undo, "rows": groups} if groups else None


def _redact_change_group(group: dict[str, Any], gone: ErasedObjects) -> dict[str, Any] | None:
    frozen = gone.frozen if group["model"] == "face" else frozenset()
    ids = [pk for pk in group["ids"] if not gone.holds(group["model"], pk) and pk not in frozen]
    for column, model in _list_foreign_keys(group["model"]):
        if any(gone.holds(model, (group[side] or {}).get(column)) for side in ("before", "after")):
            return None
    if group["model"] in ("phototag", "nameinfile") and _has_erased_key(group, gone.keys):
        return None
    return {**group, "ids": ids} if ids else None


def _has_erased_key(group: dict[str, Any], keys: Collection[str]) -> bool:
    return any((group[side] or {}).get("key") in keys for side in ("before", "after"))


def _list_foreign_keys(name: str) -> list[tuple[str, str]]:
    """The columns of a model that point at rows, and at which model's. What a user did outlives the account."""
    model = get_gallery_model(name)
    optional = getattr(model, "undo_optional_fields", ())
    keys = [f for f in model._meta.concrete_fields if isinstance(f, ForeignKey) and f.name not in optional]
    return [(f.attname, f.related_model._meta.model_name or "") for f in keys if f.related_model is not User]


def delete_admin_log(gone: ErasedObjects) -> int:
    """What Django's admin noted of these rows by itself: it writes their names."""
    about = Q(pk__in=[])
    for model, numbers in gone.ids.items():
        kind = ContentType.objects.filter(app_label="gallery", model=model).first()
        about |= Q(content_type=kind, object_id__in=[str(pk) for pk in numbers])
    for name in gone.names:
        about |= Q(object_repr__iexact=name) | Q(object_repr__istartswith=f"{name} #")
        about |= Q(object_repr__iendswith=f": {name}")
    return LogEntry.objects.filter(about).delete()[0]


def redact_bulk_acts(gone: ErasedObjects) -> bool:
    """Acts on many: lines of imports, what was refused, the search it began with. False while one is running.

    An import that is only looked at, and has the name in it, is given up. Files whose letters were guessed
    are forgotten, whatever they say.
    """
    BulkAct.objects.exclude(encoding="").update(file=b"", encoding="")
    people = gone.ids.get("person", set())
    BulkAct.objects.filter(person__in=people).update(person=None)
    for act in BulkAct.objects.order_by("pk"):
        texts = {"rows": act.rows, "refused": act.refused, "back": unquote_plus(act.back)}
        said = [column for column, what in texts.items() if _has_erased_name(what, gone.names)]
        if said and act.is_running:
            return False
        for column in said:
            setattr(act, column, "" if column == "back" else [])
        if "rows" in said:
            act.ids, act.total = [], 0
        if said:
            act.save(update_fields=["rows", "refused", "back", "ids", "total"])
    return True


def _has_erased_name(what: object, names: Iterable[str]) -> bool:
    text = get_name_key(json.dumps(what, ensure_ascii=False))
    return any(get_name_key(name) in text for name in names)


def drop_columns_with_names(columns: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {
        column: value for column, value in columns.items() if not _has_erased_name([column, value], names)
    }


def has_name_in_path(path: str, names: Iterable[str]) -> bool:
    """Whether one is among its words: short names are parts of others, and who has no path is imported twice."""
    words = _split_words(path)
    return any(_split_words(name) in words for name in names)


def _split_words(text: str) -> str:
    return " ".join(["", *re.findall(r"[^\W\d_]+|\d+", get_name_key(text)), ""])


def redact_sources(gone: ErasedObjects) -> None:
    """Where references of others came from, and what with, where it has the name in it."""
    people = gone.names if "person" in gone.ids else ()
    rows = Reference.objects.exclude(source_columns={}, source_path="").only("source_columns", "source_path")
    for row in rows.iterator(CHUNK_SIZE):
        columns = drop_columns_with_names(row.source_columns, gone.names)
        path = "" if has_name_in_path(row.source_path, people) else row.source_path
        if (columns, path) != (row.source_columns, row.source_path):
            Reference.objects.filter(pk=row.pk).update(source_columns=columns, source_path=path)


def delete_session_messages(gone: ErasedObjects) -> None:
    """Sentences that wait in somebody's session to be shown."""
    for session in Session.objects.iterator():
        kept = session.get_decoded()
        if any(name in str(kept.get("_messages", "")) for name in gone.names):
            del kept["_messages"]
            session.session_data = SessionStore().encode(kept)
            session.save(update_fields=["session_data"])

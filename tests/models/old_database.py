"""Fills a database as the first release left it, and looks at it after the migrations. Run as a program.

python -m tests.models.old_database fill FILE     rows of every kind by that time's models; what they held to FILE
python -m tests.models.old_database check FILE    the same rows hold the same, and the pages answer

"""

from __future__ import annotations

import json
import sys
import uuid
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

FIRST = ("gallery", "0001_initial")
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SPECIAL: dict[str, Any] = {
    "User.role": "administrator",
    "User.is_superuser": True,
    "User.is_active": True,
    "User.is_staff": True,
    "Photo.work": "done",
    "Reference.work": "done",
    "Build.work": "done",
    "Reference.status": "approved",
    "Face.state": "known",
    "Face.decision": "confirmed",
    "Event.verb": "photo.add",
    "Event.object_type": "photo",
    "GalleryChange.kind": "added",
    "NameChange.old_state": "unknown",
    "NameChange.new_state": "known",
    "Invitation.role": "viewer",
    "Photo.trashed_at": None,
    "Photo.trashed_by": None,
    "Event.undo": None,
    "Event.undone_at": None,
    "Face.embedding": b"\x00\x00\x80?" * 128,
    "ReferenceVector.vector": b"\x00\x00\x80?" * 128,
    "Photo.milliseconds": {"decode": 5, "detect": 300},
    "Build.figures": {},
    "Face.landmarks": [[1.0, 2.0]] * 5,
    "Face.quality": None,
    "Reference.quality": None,
    "Reference.box": [1.0, 2.0, 30.0, 40.0],
    "Reference.landmarks": [[1.0, 2.0]] * 5,
    "Calibration.bounds": {"known": 0.9, "unsure": 0.8, "margin": 0.01},
    "Calibration.report": {},
    "Calibration.applied_at": None,
    "SiteSetting.value": ["anything"],
    "Event.summary": {"name": "a.jpg"},
}


def sample(model: str, field: Any, number: int, made: dict[str, list[Any]]) -> Any:
    """A value for the column, telling one row from another where it can."""
    name, kind = f"{model}.{field.name}", field.get_internal_type()
    if name in SPECIAL:
        return SPECIAL[name]
    if kind in ("ForeignKey", "OneToOneField"):
        rows = made.get(field.related_model.__name__, [])
        return rows[number % len(rows)] if rows else None
    text = f"{field.name} {number} Nguyễn"[: field.max_length or 60]
    values = {
        "CharField": text,
        "TextField": text,
        "EmailField": f"{number}@example.org",
        "BooleanField": field.default if field.has_default() else False,
        "DateTimeField": MOMENT,
        "DateField": date(2026, 1, 2),
        "UUIDField": uuid.UUID(int=number + 1),
        "JSONField": {"n": number},
        "BinaryField": b"bytes",
        "FloatField": 0.5 + number / 10,
    }
    return values.get(kind, number)


def order(models: list[Any]) -> list[Any]:
    """Each after those it points to; a circle is broken where a column may be empty."""
    done: list[Any] = []
    left = list(models)
    while left:
        for model in left:
            needs = {
                field.related_model for field in model._meta.fields if field.is_relation and not field.null
            }
            if not (needs & set(left)) - {model}:
                done.append(model)
                left.remove(model)
                break
        else:
            raise AssertionError(left)
    return done


def fill(path: Path) -> None:
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    apps = MigrationExecutor(connection).loader.project_state([FIRST]).apps
    models = [model for model in apps.get_models() if model._meta.app_label == "gallery"]
    models = [model for model in models if not model._meta.auto_created]
    made: dict[str, list[Any]] = {}
    for model in order(models):
        name = model.__name__
        for number in range(2):
            row = model()
            for field in model._meta.concrete_fields:
                if field.name != "id":
                    setattr(row, field.name, sample(name, field, number, made))
            if name == "Build":
                row.is_active = number == 1
            row.save(force_insert=True)
            made.setdefault(name, []).append(row)
    album, user = made["Album"][0], made["User"][1]
    album.members.add(user)
    path.write_text(json.dumps({name: held(apps.get_model("gallery", name)) for name in made}))


def held(model: Any) -> dict[str, dict[str, str]]:
    """What the rows hold, as text, by key and column."""
    columns = [field.attname for field in model._meta.concrete_fields]
    return {
        str(row.pk): {column: shown(getattr(row, column)) for column in columns}
        for row in model._default_manager.all()
    }


def shown(value: object) -> str:
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else repr(value)


def check(path: Path) -> None:
    from django.apps import apps

    before: dict[str, dict[str, dict[str, str]]] = json.loads(path.read_text())
    assert len(before) > 15, "the first release had more tables than that"
    for name, rows in before.items():
        after = held(apps.get_model("gallery", name))
        for key, columns in rows.items():
            kept = {column: value for column, value in columns.items() if column in after[key]}
            assert kept == {column: after[key][column] for column in kept}, (name, key)
            gone = set(columns) - set(after[key])
            assert gone <= DROPPED.get(name, set()), f"{name} lost columns: {gone}"
    album = apps.get_model("gallery", "Album").objects.get(pk=1)
    assert album.members.count() == 1
    _ask_for_pages()


DROPPED: dict[str, set[str]] = {}  # columns that later releases dropped on purpose


def _ask_for_pages() -> None:
    from django.contrib.auth import get_user_model
    from django.test import Client

    client = Client(SERVER_NAME="localhost")
    client.force_login(get_user_model().objects.get(pk=1), backend="gallery.core.permissions.RoleBackend")
    pages = ["/", "/photos/", "/photos/1/", "/albums/", "/albums/1/", "/people/", "/people/1/", "/review/"]
    pages += [
        "/unknown/",
        "/history/",
        "/trash/",
        "/names/",
        "/builds/",
        "/builds/1/",
        "/jobs/",
        "/audit/",
        "/admin/",
    ]
    pages += [f"/admin/gallery/{name}/" for name in ("person", "reference", "photo", "face", "build")]
    answers = {page: client.get(page).status_code for page in pages}
    assert set(answers.values()) == {200}, answers


if __name__ == "__main__":
    import django

    django.setup()
    {"fill": fill, "check": check}[sys.argv[1]](Path(sys.argv[2]))

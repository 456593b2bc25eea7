"""Fills a database as an earlier release left it, and looks at it after the migrations. Run in the process of
a site by `main`, with these arguments:

migrate NAME      up to this migration, with every one that a squash replaces
fill NAME FILE    rows of every kind by the models of that time, noted in FILE
check FILE [MODEL...]    the rows hold the same, but for these models; failures
    are shown, old acts undone
request NAME      jobs about the whole site, as settings told of them
jobs              the rows of jobs say the same, and the settings are gone

"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SPECIAL: dict[str, Any] = {
    "User.role": "administrator",
    "User.is_superuser": True,
    "User.is_active": True,
    "User.is_staff": True,
    "Photo.work": ("done", "failed"),
    "Photo.failure": ("", "The file has more than 50 frames or pages."),
    "Reference.work": ("done", "failed"),
    "Reference.failure": ("", "Nobody knows this sentence: %(why)s."),
    "Build.work": ("done", "done"),
    "Build.failure": ("Build 7, started later, holds the same.", ""),
    "BulkAct.work": "done",
    "BulkAct.kind": "hide",
    "BulkAct.refused": [],
    "Erasure.work": "done",
    "Erasure.kind": "person",
    "PersonExport.work": "done",
    "ReferenceDraft.work": "done",
    "ReferenceDraft.faces": [],
    "Finding.kind": "wrong",
    "EventSubject.object_type": "photo",
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
        return SPECIAL[name][number] if isinstance(SPECIAL[name], tuple) else SPECIAL[name]
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


def unsquashed() -> Any:
    """The migrations as they were before some of them were squashed."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor
    from django.db.migrations.loader import MigrationLoader

    executor = MigrationExecutor(connection)
    executor.loader = MigrationLoader(connection, replace_migrations=False)
    return executor


def migrate(name: str) -> None:
    executor = unsquashed()
    others = [
        leaf for leaf in executor.loader.graph.leaf_nodes() if leaf[0] in ("axes", "contenttypes", "sessions")
    ]
    executor.migrate([("gallery", name), *others])
    executor = unsquashed()
    executor.migrate([leaf for leaf in executor.loader.graph.leaf_nodes() if leaf[0] in ("admin", "auth")])


def fill(name: str, path: Path) -> None:
    apps = unsquashed().loader.project_state([("gallery", name)]).apps
    models = [model for model in apps.get_models() if model._meta.app_label == "gallery"]
    models = [model for model in models if not model._meta.auto_created]
    made: dict[str, list[Any]] = {}
    for model in order(models):
        kind = model.__name__
        for number in range(2):
            row = model()
            for field in model._meta.concrete_fields:
                if field.name != "id" and not field.generated:
                    setattr(row, field.name, sample(kind, field, number, made))
            if kind == "Build":
                row.is_active = number == 1
            row.save(force_insert=True)
            made.setdefault(kind, []).append(row)
    album, user = made["Album"][0], made["User"][1]
    album.members.add(user)
    _act(apps, made["Person"][0], made["Photo"][1])
    path.write_text(json.dumps({kind: held(apps.get_model("gallery", kind)) for kind in made}))
    _move(apps, made["Photo"], made["Album"])
    if "ReferenceDraft" in made:
        _merge(apps, made["ReferenceDraft"][0])


def _act(apps: Any, person: Any, failed: Any) -> None:
    """Two acts as that release wrote them down: a note was changed, and a photo that had failed waits again."""
    event = apps.get_model("gallery", "Event")
    columns = {"before": {"note": "An older note"}, "after": {"note": person.note}}
    rows = [{"model": "person", "ids": [person.pk], **columns}]
    event.objects.create(verb="person.note", object_type="person", object_id=person.pk, undo={"rows": rows})
    failed.pk, failed.file, failed.sha256 = None, "photos/third.jpg", "third"
    failed.work, failed.failure, failed.attempts, failed.queued_at = "queued", "", 0, MOMENT
    failed.save(force_insert=True)
    before = {"work": "failed", "failure": "The file is empty.", "attempts": 2}
    after = {"work": "queued", "failure": "", "attempts": 0, "queued_at": MOMENT.isoformat()}
    rows = [{"model": "photo", "ids": [failed.pk], "before": before, "after": after}]
    event.objects.create(verb="photo.retry", object_type="photo", object_id=failed.pk, undo={"rows": rows})


def _move(apps: Any, photos: list[Any], albums: list[Any]) -> None:
    """Acts as that release wrote them down: the first photo came into the first album, then both moved to the second,
    and the other was taken out of it."""
    event, user = apps.get_model("gallery", "Event"), apps.get_model("gallery", "User").objects.get(pk=1)
    first, second = (album.pk for album in albums)
    moves = [
        ("photo.album", [photos[0].pk], None, first),
        ("photos.album", [photo.pk for photo in photos], first, second),
        ("photo.album", [photos[1].pk], second, None),
    ]
    for verb, ids, before, after in moves:
        columns = {"before": {"album_id": before}, "after": {"album_id": after}}
        undo = {"rows": [{"model": "photo", "ids": ids, **columns}]}
        summary = {"count": len(ids), "name": "a.jpg", "album": "somewhere"}
        event.objects.create(verb=verb, actor=user, object_type="photo", undo=undo, summary=summary)
    photos[0].album, photos[1].album = albums[1], None
    for photo in photos:
        photo.save()


def _merge(apps: Any, draft: Any) -> None:
    """An act as that release wrote it down: a draft went with the merge of its person."""
    draft.pk, draft.image, draft.sha256, draft.says = None, "drafts/third.jpg", "third", "several faces"
    draft.save(force_insert=True)
    rows = apps.get_model("gallery", "ReferenceDraft").objects.filter(pk=draft.pk)
    columns = [field.attname for field in draft._meta.concrete_fields]
    before = json.loads(json.dumps(rows.values(*columns)[0], cls=DjangoJSONEncoder))
    rows.delete()
    undo = {"rows": [{"model": "referencedraft", "ids": [before["id"]], "before": before, "after": None}]}
    apps.get_model("gallery", "Event").objects.create(verb="person.merge", undo=undo)


def held(model: Any) -> dict[str, dict[str, str]]:
    """What the rows hold, as text, by key and column."""
    columns = [field.attname for field in model._meta.concrete_fields if not field.generated]
    return {
        str(row["pk"]): {column: shown(row[column]) for column in columns}
        for row in model._default_manager.values("pk", *columns)
    }


def shown(value: object) -> str:
    return (
        value.hex()
        if isinstance(value, bytes)
        else bytes(value).hex()
        if hasattr(value, "tobytes")
        else repr(value)
    )


def check(path: Path, changed: set[str]) -> None:
    from django.apps import apps

    before: dict[str, dict[str, dict[str, str]]] = json.loads(path.read_text())
    assert len(before) > 15, "every release had more tables than that"
    for name in before.keys() - changed:
        rows, after = before[name], held(apps.get_model("gallery", name))
        for key, old_columns in rows.items():
            columns = {RENAMED.get(name, {}).get(old, old): value for old, value in old_columns.items()}
            kept = {column: value for column, value in columns.items() if column in after[key]}
            kept.pop("failure", None)  # see _check_failures
            assert kept == {column: after[key][column] for column in kept}, (name, key)
            gone = set(columns) - set(after[key])
            assert gone <= DROPPED.get(name, set()), f"{name} lost columns: {gone}"
    album = apps.get_model("gallery", "Album").objects.get(pk=1)
    assert album.members.count() == 1
    _check_failures(before)
    _undo_old_acts()
    _undo_moves()
    _ask_for_pages()


DROPPED = {"BulkAct": {"revisions"}, "Photo": {"album_id"}}  # columns that later releases dropped on purpose
RENAMED = {"ReferenceDraft": {"says": "problem"}, "GalleryChange": {"reference": "object_id"}}


def _check_failures(before: dict[str, dict[str, dict[str, str]]]) -> None:
    """Each reads as it did; those of known sentences are codes now, and so are told in other languages."""
    from django.apps import apps
    from django.utils import translation

    for name in ("Photo", "Reference", "Build"):
        for row in apps.get_model("gallery", name).objects.filter(pk__in=before[name]):
            assert repr(row.failure_text) == before[name][str(row.pk)]["failure"], (name, row.pk)
    photo, build = (
        apps.get_model("gallery", "Photo").objects.get(pk=2),
        apps.get_model("gallery", "Build").objects,
    )
    assert (photo.failure, photo.failure_code, photo.failure_params) == (
        "",
        "too_many_frames",
        {"limit": "50"},
    )
    assert build.get(pk=1).failure_params == {"pk": "7"}
    assert apps.get_model("gallery", "Reference").objects.get(pk=2).failure_code == ""
    with translation.override("vi"):
        assert "50" in photo.failure_text
        assert "frames" not in photo.failure_text


def _undo_moves() -> None:
    """The photos are where they were; acts are undone, and where a photo has come since it stays."""
    from gallery.history.undo import undo_events
    from gallery.models import Album, Event, Photo, User
    from gallery.photos.membership import put_photos_in_album

    user, (first, second) = User.objects.get(pk=1), Album.objects.order_by("pk")
    photos = [Photo.objects.get(pk=1), Photo.objects.get(sha256="third")]
    assert [list(photo.albums.all()) for photo in photos] == [[second], []]
    yearbook = Album.objects.create(name="Yearbook")
    put_photos_in_album(user, [photos[0]], yearbook)
    came, moved, left = Event.objects.filter(
        verb__in=("photo.album", "photos.album"), summary__album="somewhere"
    ).order_by("pk")
    for event, expected in (
        (left, [{second, yearbook}, {second}]),
        (moved, [{first, yearbook}, {first}]),
        (came, [{yearbook}, {first}]),
    ):
        (done,) = undo_events(user, event)
        assert done.summary["left"] == 0
        assert [set(photo.albums.all()) for photo in photos] == expected


def _undo_old_acts() -> None:
    from gallery.history.undo import undo_events
    from gallery.models import Event, Person, Photo, ReferenceDraft, User

    user = User.objects.get(pk=1)
    for verb in ("person.note", "photo.retry"):
        undo_events(user, Event.objects.get(verb=verb))
    assert Person.objects.get(pk=1).note == "An older note"
    photo = Photo.objects.get(sha256="third")
    assert (photo.work, photo.failure_text, photo.attempts) == ("failed", "The file is empty.", 2)
    for merge in Event.objects.filter(verb="person.merge"):  # of releases that had drafts
        undo_events(user, merge)
        assert ReferenceDraft.objects.get(sha256="third").problem == "several faces"


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


def request_jobs(name: str) -> None:
    """One job was requested and done since, one waits, one was only ever done by the schedule, and failed."""
    apps = unsquashed().loader.project_state([("gallery", name)]).apps
    apps.get_model("gallery", "User").objects.create(username="Hoa")
    asked = {"at": "2026-01-02T03:04:05+00:00", "by": "Hoa"}
    done = {"at": "2026-01-02T03:05:00.250000+00:00", "seconds": 54.5, "failure": "", "result": {"found": 3}}
    values = {
        "check_gallery.asked": asked,
        "check_gallery.done": done,
        "check_files.asked": {**asked, "at": "2026-01-02T04:00:00+00:00", "by": "of somebody who is gone"},
        "check_files.done": done,
        "make_backup.done": {**done, "failure": "The disk is full.", "result": {}},
        "verify_index.asked": {**asked, "by": ""},
    }
    for key, value in values.items():
        apps.get_model("gallery", "SiteSetting").objects.create(key=f"chore.{key}", value=value)
    measuring = {"at": asked["at"], "rate": 0.005}
    apps.get_model("gallery", "SiteSetting").objects.create(key="measuring", value=measuring)
    apps.get_model("gallery", "SiteSetting").objects.create(key="is_paused", value=True)


def check_jobs() -> None:
    from gallery.models import Job, SiteSetting, User
    from gallery.models.base import get_job

    user, asked_at = User.objects.get(username="Hoa"), MOMENT
    done = {"done_at": datetime(2026, 1, 2, 3, 5, 0, 250_000, tzinfo=UTC), "seconds": 54.5}
    requested = {"asked_at": asked_at, "asked_by": user.pk}
    nobody = {"asked_at": None, "asked_by": None}
    later = {"asked_at": datetime(2026, 1, 2, 4, tzinfo=UTC), "asked_by": None}
    waits = {
        "asked_at": asked_at,
        "asked_by": None,
        "done_at": None,
        "seconds": 0,
        "failure": "",
        "result": {},
    }
    assert {row.pop("name"): row for row in Job.objects.values(*(f.name for f in Job._meta.fields))} == {
        "check_gallery": {**requested, **done, "failure": "", "result": {"found": 3}},
        "check_files": {**later, **done, "failure": "", "result": {"found": 3}},
        "make_backup": {**nobody, **done, "failure": "The disk is full.", "result": {}},
        "verify_index": waits,
        "measure_gallery": waits,
    }
    waiting = {job.name for job in Job.objects.all() if job.is_waiting}
    assert waiting == {"check_files", "verify_index", "measure_gallery"}
    assert get_job("check_files").is_late
    assert list(SiteSetting.objects.values_list("key", "value")) == [("is_paused", True)]


def main(program: str, *arguments: str) -> None:
    if program == "migrate":
        migrate(*arguments)
    elif program == "fill":
        fill(arguments[0], Path(arguments[1]))
    elif program == "request":
        request_jobs(*arguments)
    elif program == "jobs":
        check_jobs()
    else:
        check(Path(arguments[0]), set(arguments[1:]))

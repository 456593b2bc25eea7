"""What tests of erasing do inside an installation's own process: a lived-in small site, and deaths on the way.

Called by `Site.ask`, so that Django's settings are those of the site under test.
"""

from __future__ import annotations

import base64
import importlib
import io
import json
import os
import signal
import unittest.mock
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connections
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from gallery.accounts.services import accept_invitation, invite_user
from gallery.faces.decisions import confirm_face, draw_face
from gallery.faces.processing import embed_drawn_face, process_photo
from gallery.history.changeset import find_events_about
from gallery.history.undo import undo_events
from gallery.jobs import dispatch
from gallery.jobs.leases import recover_expired_leases
from gallery.models import Album, Erasure, Event, Face, Person, Photo, Reference, Role, Status, User
from gallery.people.processing import process_reference
from gallery.people.references import use_face_as_reference
from gallery.people.services import (
    create_person,
    get_or_create_person,
    merge_people,
    rename_person,
    set_person_consent,
    set_person_note,
)
from gallery.photos.albums import set_album_cover
from gallery.photos.renditions import (
    face_digest,
    get_face_rendition,
    get_photo_rendition,
    get_reference_rendition,
    photo_folder,
    reference_folder,
)
from gallery.photos.sharing import share_album
from gallery.privacy import erasure, erasure_cleanup
from gallery.privacy.erasure import erase_person, erase_photos
from gallery.privacy.erasure_cleanup import finish_erasure
from tests.privacy import remains

NAME, FORMER, MERGED = "Quỳnh Zażółć", "Barack Obama", "Önder Nguyễn"


def make(folder: str) -> None:
    """People, references, a photo with faces, an album that is shared, a history, exports and builds."""
    call_command("import_people", f"{folder}/people", stdout=io.StringIO())
    user = User.objects.create_user("an_admin", "admin@example.org", "x", role=Role.ADMINISTRATOR)
    album = Album.objects.create(name="Trip")
    call_command("import_photos", f"{folder}/photos", album="Trip", stdout=io.StringIO())
    for pk in Reference.objects.values_list("pk", flat=True):
        process_reference(pk)
    for pk in Photo.objects.values_list("pk", flat=True):
        assert process_photo(pk)
    live_in(user, album)
    for _ in range(2):
        call_command("build_index", stdout=io.StringIO())
    call_command("export_gallery", str(settings.DATA_DIR / "written" / "gallery"), stdout=io.StringIO())


def live_in(user: User, album: Album) -> None:
    """Rename, note, merge, confirm, draw and undo: what a history is made of."""
    person = Person.objects.get(name=FORMER)
    rename_person(user, person, NAME)
    set_person_note(user, person, f"A note about {NAME}")
    set_person_consent(user, person, f"{NAME} agreed", None)
    other = create_person(user, MERGED)
    merge_people(user, other, person)
    face = Face.objects.get(person=person)
    confirm_face(user, face, person)
    use_face_as_reference(user, Face.objects.get(pk=face.pk))
    for pk in Reference.objects.filter(work=Status.QUEUED).values_list("pk", flat=True):
        process_reference(pk)
    drawn = draw_face(user, face.photo, (face.left + 4, face.top + 4, face.width, face.height))
    assert embed_drawn_face(drawn.pk)
    undo_events(user, find_events_about("face", drawn.pk)[0])  # the history keeps the row, vector and all
    kind = ContentType.objects.get_for_model(Person)
    LogEntry.objects.create(
        user=user, content_type=kind, object_id=str(person.pk), object_repr=NAME, action_flag=CHANGE
    )
    set_album_cover(user, album, face.photo)
    share_album(user, album, days=7, has_names=True)
    get_photo_rendition(face.photo, 640)
    get_face_rendition(face, 384)
    for reference in Reference.objects.filter(person=person):
        get_reference_rendition(reference, 384)


def needles_of_person() -> dict[str, str]:
    """Everything that must be nowhere once NAME is erased."""
    person = Person.objects.get(name=NAME)
    found = {**remains.of_name(NAME), **remains.of_name(FORMER), **remains.of_name(MERGED)}
    for reference in Reference.objects.filter(person=person):
        label = f"reference {reference.pk}"
        found |= remains.of_file(label, Path(reference.image.path))
        found |= {f"{label} sha": reference.sha256.encode()}
        found |= _of_folder(label, reference_folder(reference.sha256))
        for row in reference.vectors.all():
            found |= remains.of_vector(label, bytes(row.vector))
            found |= {f"{label} base64": base64.b64encode(row.vector)[:80]}
    for face in Face.objects.filter(person=person).select_related("photo"):
        label = f"face {face.pk}"
        found |= remains.of_vector(label, bytes(face.embedding))
        found |= {f"{label} base64": base64.b64encode(face.embedding)[:80]}
        found |= {f"{label} crop": f"face-{face_digest(face)}".encode()}
    for event in Event.objects.filter(verb="undo", object_type="face"):
        row = event.undo["rows"][0]["before"]
        assert Reference.objects.get(pk=row["reference_id"]).person == person
        found |= {"undrawn face base64": row["embedding"][:80].encode()}
    return as_text(found)


def name_the_other() -> int:
    """The photo, its other face named and a reference of its own."""
    face = Face.objects.filter(decision="", embedding__isnull=False).select_related("photo").first()
    assert face is not None
    user = User.objects.get(username="an_admin")
    confirm_face(user, face, get_or_create_person(user, "Eileen"))
    use_face_as_reference(user, Face.objects.get(pk=face.pk))
    for pk in Reference.objects.filter(work=Status.QUEUED).values_list("pk", flat=True):
        process_reference(pk)
    get_photo_rendition(face.photo, 640)
    get_face_rendition(face, 384)
    call_command("export_gallery", str(settings.DATA_DIR / "written" / "again"), stdout=io.StringIO())
    return face.photo_id


def needles_of_photo(pk: int) -> dict[str, str]:
    photo = Photo.objects.get(pk=pk)
    found = {**remains.of_name(photo.name), "sha": photo.sha256.encode()}
    found |= remains.of_file("original", Path(photo.file.path))
    found |= _of_folder("picture", photo_folder(photo.sha256))
    for face in photo.faces.exclude(embedding=None):
        found |= remains.of_vector(f"face {face.pk}", bytes(face.embedding))
    return as_text(found)


def make_user() -> dict[str, str]:
    """Somebody who was invited, signed in, failed to, and worked; and what must be nowhere afterwards."""
    admin = User.objects.get(username="an_admin")
    _, token = invite_user(admin, "tuyet.mai@example.org", Role.CURATOR)
    user = accept_invitation(token, "tuyetmai77", "a long password of hers")
    user.first_name, user.last_name = "Tuyết Mai", "Phạm Thị"
    user.save()
    browser = Client(SERVER_NAME="localhost", REMOTE_ADDR="203.0.113.77")
    form = {"username": user.username, "password": "wrong"}
    browser.post("/account/login", form)
    browser.post("/account/login", {**form, "password": "a long password of hers"})
    create_person(user, "Somebody")
    kind = ContentType.objects.get_for_model(User)
    LogEntry.objects.create(
        user=admin, content_type=kind, object_id=str(user.pk), object_repr=user.username, action_flag=CHANGE
    )
    user.refresh_from_db()
    found: remains.Needles = {"hash": user.password.encode(), "address": b"203.0.113.77"}
    for text in (user.username, user.email, user.first_name, user.last_name):
        found |= remains.of_name(text)
    return as_text(found)


def _of_folder(label: str, folder: Path) -> remains.Needles:
    found: remains.Needles = {}
    for path in folder.glob("*.webp"):
        found |= remains.of_file(f"{label} {path.name}", path)
    return found


def as_text(needles: remains.Needles) -> dict[str, str]:
    return {label: base64.b64encode(needle).decode() for label, needle in needles.items()}


def from_text(needles: dict[str, str]) -> remains.Needles:
    return {label: base64.b64decode(needle) for label, needle in needles.items()}


def dies(work: Callable[[], object], *place: Any, after: bool = False) -> bool:
    """Do the work in a process of its own that kills itself at `place`; whether it did."""
    connections.close_all()
    child = os.fork()
    if not child:
        real = getattr(*place)

        def die(*arguments: Any, **options: Any) -> None:
            if after:
                real(*arguments, **options)
            os.kill(os.getpid(), signal.SIGKILL)

        try:
            with unittest.mock.patch.object(*place, die):
                work()
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1] == signal.SIGKILL


def erase_person_with_deaths() -> dict[str, Any]:
    person = Person.objects.get(name=NAME)
    again = partial(Person.objects.get, pk=person.pk)
    return _erase_with_deaths(
        lambda: erase_person(User.objects.first(), again()), Person, moments=(False, True)
    )


def erase_photo_with_deaths(pk: int) -> dict[str, Any]:
    again = partial(Photo.objects.get, pk=pk)
    return _erase_with_deaths(lambda: erase_photos(User.objects.first(), [again()]), Photo, moments=(False,))


def _erase_with_deaths(
    ask: Callable[[], Erasure], model: type[Model], moments: tuple[bool, ...]
) -> dict[str, Any]:
    """Killed in the transaction, then before (False) and after (True) every step; what is left goes by sweeping."""
    for library in ("autofaiss", "faiss", "pandas"):
        importlib.import_module(library)  # once, not in every process that is to die
    rows, earlier = model._default_manager.count(), Erasure.objects.count()
    assert dies(ask, erasure, "redact_linked_events", after=True)
    assert dies(ask, erasure, "record_event", after=True)
    assert (model._default_manager.count(), Erasure.objects.count()) == (rows, earlier)
    assert dies(ask, dispatch, "_send_now")  # after the commit: the message is lost
    assert model._default_manager.count() == rows - 1
    pk = Erasure.objects.latest("pk").pk
    for number in range(len(erasure_cleanup.CLEANUP_STEPS)):
        for after in moments:
            assert dies_in_step(pk, number, after), (number, after)
    for after in (False, True):
        assert dies(lambda: finish_erasure(pk), erasure_cleanup, "clear_database_remains", after=after)
        expire()
    assert dies(lambda: finish_erasure(pk), erasure_cleanup, "finish_row", after=False)
    expire()
    assert finish_erasure(pk)
    return json.loads(json.dumps(Erasure.objects.values("counts", "todo", "work").get(pk=pk)))


def dies_in_step(pk: int, number: int, after: bool) -> bool:
    """Killed before or after one of the steps."""
    real = erasure_cleanup.CLEANUP_STEPS[number]

    def die(erasure: Erasure) -> bool:
        if after:
            real(erasure)
        os.kill(os.getpid(), signal.SIGKILL)
        return True

    steps = (*erasure_cleanup.CLEANUP_STEPS[:number], die, *erasure_cleanup.CLEANUP_STEPS[number + 1 :])
    connections.close_all()
    child = os.fork()
    if not child:
        try:
            with unittest.mock.patch.object(erasure_cleanup, "CLEANUP_STEPS", steps):
                finish_erasure(pk)
        finally:
            os._exit(0)
    died = os.waitpid(child, 0)[1] == signal.SIGKILL
    expire()
    return died


def expire() -> None:
    """The dead process's lease has run out."""
    held = Erasure.objects.filter(work=Status.PROCESSING)
    held.update(lease_until=timezone.now() - timedelta(seconds=1), lease_doubted=True)
    recover_expired_leases(Erasure.objects.all())

"""One of everything, open and in an album that only its members see; and a user of each role."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils import timezone
from PIL import Image

from gallery.accounts.api_keys import create_api_key
from gallery.models import (
    Album,
    AlbumPhoto,
    Build,
    BulkAct,
    Calibration,
    Companion,
    Erasure,
    Event,
    Finding,
    Invitation,
    PeopleGroup,
    Person,
    PersonExport,
    Photo,
    Reference,
    ReferenceDraft,
    Role,
    ShareLink,
    Status,
    User,
)
from gallery.photos.renditions import face_digest, photo_digest, reference_digest
from tests.making import a_face, a_person, a_photo, a_user

NOBODY = "nobody"
HIDEABLE = {
    "album",
    "photo",
    "companion",
    "face",
    "reference",
    "sharelink",
    "finding",
}  # words that an album can hide
BOUNDS = {"known": 0.9, "unsure": 0.8, "margin": 0.02}
ROLES = (NOBODY, *(str(role.value) for role in Role))


@dataclass
class World:
    """Values for addresses, by word: `photo` is a photo's id, `hidden_photo` one in the limited album."""

    users: dict[str, User] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)

    def value(self, word: str, *, hidden: bool = False) -> Any:
        key = f"hidden_{word}" if hidden and f"hidden_{word}" in self.values else word
        if key not in self.values:
            raise AssertionError(f"tests/access_world.py makes no {word!r}: add it there.")
        return self.values[key]


def make_world() -> World:
    """Rows, and a small file for each picture."""
    world, media = World(), Path(settings.MEDIA_ROOT)
    for role in Role:
        world.users[role.value] = a_user(f"a_{role.value}", role)
    owner = a_user("an_owner", Role.CONTRIBUTOR)
    person = a_person("Lan")
    world.values |= {
        "person": person.pk,
        "subject": person.name,
        "other_person": a_person("Minh").pk,
        "group": PeopleGroup.objects.create(name="Class 4b", search="class 4b").pk,
        "user": owner.pk,
        "apikey": create_api_key(owner, owner, ["read"])[0].pk,
        "build": Build.objects.create(embedder_id="dlib-000000000000").pk,
        "bulkact": BulkAct.objects.create(kind="approve", ids=[1], total=1).pk,
        "calibration": Calibration.objects.create(embedder_id="dlib-000000000000", bounds=BOUNDS).pk,
        "event": Event.objects.create(actor=owner, verb="photo.add").pk,
        "invitation": _invitation(owner).pk,
        "content_type": ContentType.objects.get_for_model(Person).pk,
        "app": "gallery",
        "width": 320,
        "size": 128,
        "number": 1,
        "which": "single",
        "worklist": "wrong",
        "token": "x" * 43,
        "uid": "x",
        "export_kind": "json",
        "receipt": Erasure.objects.create(kind=Erasure.Kind.PERSON).receipt,
    }
    world.values["person_export"] = _export(person)
    world.values["trashed_photo"] = Photo.objects.create(
        file="t.jpg", name="t.jpg", sha256="t", trashed_at=timezone.now()
    ).pk
    world.values["draft"] = _draft(world.users["curator"], person, media)
    for prefix in ("", "hidden_"):
        _album(world, owner, person, prefix=prefix)
    _add_to_hidden_albums(world, owner)
    for prefix in ("", "hidden_"):
        (media / f"{prefix}a.mov").write_bytes(b"video")
        for name in ("a.jpg", "r.jpg"):
            Image.new("RGB", (800, 600), "gray").save(media / f"{prefix}{name}")
    return world


def _add_to_hidden_albums(world: World, owner: User) -> None:
    """What is hidden is so by two albums; what is seen is in a hidden one, too."""
    other = Album.objects.create(name="hidden_board", is_limited=True, created_by=owner)
    for album, photo in ((other.pk, "hidden_photo"), (world.values["hidden_album"], "photo")):
        AlbumPhoto.objects.create(album_id=album, photo_id=world.values[photo])


def _draft(user: User, person: Person, media: Path) -> int:
    Image.new("RGB", (80, 60), "gray").save(media / "d.jpg")
    row = ReferenceDraft(person=person, image="d.jpg", sha256="d", name="d.jpg", width=80, height=60)
    row.added_by = user
    row.save()
    return row.pk


def _invitation(by: User) -> Invitation:
    soon = timezone.now() + timedelta(days=7)
    return Invitation.objects.create(email="b@example.org", token_hash="h", invited_by=by, expires_at=soon)


def _export(person: Person) -> int:
    """A file about them, made already."""
    folder = Path(settings.DATA_DIR) / "exports"
    folder.mkdir(exist_ok=True)
    (folder / "e.zip").write_bytes(b"zip")
    soon = timezone.now() + timedelta(days=7)
    return PersonExport.objects.create(person=person, file="e.zip", work="done", expires_at=soon).pk


def _album(world: World, owner: User, person: Person, *, prefix: str) -> None:
    album = Album.objects.create(name=f"{prefix}trip", is_limited=bool(prefix), created_by=owner)
    name = f"{prefix}a.jpg"
    photo = a_photo(name, album, file=name, sha256=f"{prefix}sha", work=Status.QUEUED)
    beside = Companion.objects.create(
        photo=photo, kind="video", file=f"{prefix}a.mov", name="a.mov", sha256=f"{prefix}mov"
    )
    face = a_face(photo, left=10, top=10, width=50, height=50, person=person, state="known")
    reference = Reference.objects.create(
        person=person, image=f"{prefix}r.jpg", sha256=f"{prefix}ref", source_face=face, status="approved"
    )
    finding = Finding.objects.create(
        kind="wrong", person=person, reference=reference, similarity=0.9, embedder_id="dlib-000000000000"
    )
    soon = timezone.now() + timedelta(days=7)
    link = ShareLink.objects.create(album=album, token_hash=f"{prefix}h", created_by=owner, expires_at=soon)
    rows: dict[str, models.Model] = {
        "album": album,
        "photo": photo,
        "companion": beside,
        "face": face,
        "reference": reference,
        "sharelink": link,
        "finding": finding,
    }
    world.values |= {f"{prefix}{word}": row.pk for word, row in rows.items()}
    world.values |= {
        f"{prefix}photo_digest": photo_digest(photo),
        f"{prefix}face_digest": face_digest(face),
        f"{prefix}reference_digest": reference_digest(reference),
    }

"""Every pair of acts that two people, or a person and a worker, can do at once, and what must hold afterwards.

Run as ``python -m tests.races.acts`` on the database that the environment names. The first act stops after its first
lock or write, or before its commit, and either of the two may be the first.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import django

if __name__ == "__main__":
    django.setup()

from django.apps import apps
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from gallery.accounts.api_keys import create_api_key, revoke_api_keys
from gallery.accounts.services import accept_invitation, change_user, invite_user
from gallery.core.exceptions import ActionRefused, ConfirmationNeeded
from gallery.core.idempotency import Outcome as CallOutcome
from gallery.core.idempotency import do_once
from gallery.curation.calibration import put_calibration_in_force
from gallery.curation.name_acts import NameAnswer, start_taking_names
from gallery.faces.decisions import (
    confirm_face,
    decide_face,
    draw_face,
    name_face_group,
    reject_person_of_face,
)
from gallery.faces.processing import process_photo
from gallery.faces.splits import split_face_group
from gallery.faces.stacks import stack_photo
from gallery.history.undo import undo_events
from gallery.index import engine
from gallery.index.selectors import SERVING_RECIPE_KEY
from gallery.index.services import request_rebuild
from gallery.index.switch import choose_embedder
from gallery.jobs import dispatch
from gallery.jobs.leases import claim_row
from gallery.jobs.services import cancel_or_requeue_jobs, request_job, retry_failed_jobs
from gallery.models import (
    Album,
    AlbumPhoto,
    ApiKey,
    Calibration,
    Decision,
    Erasure,
    Event,
    Face,
    IdempotencyKey,
    Membership,
    PartialUpload,
    PeopleGroup,
    Person,
    Photo,
    Reference,
    Role,
    SiteSetting,
    Status,
    User,
)
from gallery.people.groups import add_members, create_group, remove_group
from gallery.people.names_in_files import plan_names
from gallery.people.references import judge_references, move_references, send_reference
from gallery.people.services import (
    create_person,
    get_or_create_person,
    merge_people,
    rename_person,
    set_favourite,
    set_other_names,
    set_people_hidden,
    split_person,
)
from gallery.photos.albums import change_album, create_album, remove_album
from gallery.photos.descriptions import split_tags, tag_photos
from gallery.photos.file_names import keep_names
from gallery.photos.membership import open_photo, put_photos_in_album, take_photos_out
from gallery.photos.moment_changes import MomentChange, correct_moments
from gallery.photos.partial_uploads import append_part, begin_upload, discard_upload
from gallery.photos.services import add_photo, restore_photo, retry_photo, trash_photo, trash_photos
from gallery.photos.sharing import revoke_share_link, share_album
from gallery.photos.turning import turn_photos
from gallery.privacy.erasure import erase_person, erase_photos, erase_user
from recognition.images.names import NameTag
from recognition.likeness import Likeness
from recognition.types import Box
from tests.access_world import BOUNDS
from tests.engines import FakeEngine, somebody
from tests.making import a_face, a_named_face, a_person, a_photo, a_reference, a_user, an_unsure_face
from tests.making_pictures import jpeg
from tests.races.rivals import Act, let_them_race

# What may become of the second of two: a sentence for people. What the database alone has noticed pages and calls
# answer as a conflict, too: see gallery.web.error_pages.
REFUSALS = (ActionRefused, ConfirmationNeeded, IntegrityError)


@dataclass
class World:
    """One of what an act may be about; the same for each pair, made anew."""

    mai: User = field(default_factory=lambda: a_user("Mai", Role.ADMINISTRATOR))
    bao: User = field(default_factory=lambda: a_user("Bao", Role.ADMINISTRATOR))
    anna: Person = field(default_factory=lambda: a_person("Anna"))
    bea: Person = field(default_factory=lambda: a_person("Bea"))
    album: Album = field(default_factory=lambda: Album.objects.create(name="Trip", search="trip"))
    photo: Photo = field(default_factory=a_photo)
    results: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.limited = Album.objects.create(
            name="Board", search="board", is_limited=True, created_by=self.mai
        )
        self.face = an_unsure_face(self.anna, self.bea, photo=self.photo)
        self.named = a_named_face(self.anna, self.photo, left=300.0)
        self.reference, self.other = a_reference(self.anna), a_reference(self.bea, status="pending")
        self.group = PeopleGroup.objects.create(name="4b", search="4b")

    def events(self, *verbs: str) -> int:
        return Event.objects.filter(verb__in=verbs).count()

    def make_undoable(self) -> Event:
        event = confirm_face(self.mai, self.face, self.anna)
        assert event is not None
        return event


Make = Callable[[World], tuple[Act, Act]]
Check = Callable[[World], object]
PAIRS: dict[str, tuple[Make, Check]] = {}
OWN_WAYS: dict[
    str, list[tuple[str, bool]]
] = {}  # of pairs that race in no other way: where it stops, see `Rival`


def pair(sentence: str, check: Check = lambda world: True) -> Callable[[Make], Make]:
    """For a function that makes two acts: what must hold after them, whoever comes first."""

    def register(make: Make) -> Make:
        PAIRS[sentence] = (make, check)
        return make

    return register


def is_gone_from_faces(w: World) -> bool:
    """Nothing bears the name of somebody who is no more."""
    return not Face.objects.filter(person__isnull=False).exclude(person__in=Person.objects.all()).exists()


# Faces


@pair("of two who decide on a face, the second is told", lambda w: w.events("face.confirm") == 1)
def _(w: World) -> tuple[Act, Act]:
    return (lambda: confirm_face(w.mai, w.face, w.anna, 0), lambda: confirm_face(w.bao, w.face, w.bea, 0))


@pair(
    "one face gets one decision from a page and from a group",
    lambda w: w.events("face.confirm", "face.name_group") == 1,
)
def _(w: World) -> tuple[Act, Act]:
    seen = {w.face.pk: 0}
    return (
        lambda: confirm_face(w.mai, w.face, w.anna, 0),
        lambda: name_face_group(w.bao, [w.face.pk], w.bea, seen),
    )


@pair(
    "a face that one names while another tells it apart is named", lambda w: w.events("face.name_group") == 1
)
def _(w: World) -> tuple[Act, Act]:
    other = a_face(w.photo)
    return (
        lambda: name_face_group(w.mai, [w.face.pk], w.anna),
        lambda: split_face_group(w.bao, [w.face.pk], [other.pk], {}),
    )


@pair(
    "a decision outlives the worker that processes the photo",
    lambda w: Face.objects.get(pk=w.face.pk).decision == "confirmed",
)
def _(w: World) -> tuple[Act, Act]:
    Photo.objects.update(work=Status.QUEUED)
    return (lambda: confirm_face(w.mai, w.face, w.anna), lambda: process_photo(w.photo.pk))


@pair("a face is rejected once", lambda w: w.events("face.reject") == 1)
def _(w: World) -> tuple[Act, Act]:
    return (
        lambda: reject_person_of_face(w.mai, w.face, w.anna),
        lambda: reject_person_of_face(w.bao, w.face, w.anna),
    )


@pair(
    "a drawn face outlives the worker that processes the photo",
    lambda w: Face.objects.filter(is_drawn=True).count() == 1,
)
def _(w: World) -> tuple[Act, Act]:
    Photo.objects.update(work=Status.QUEUED)
    return (lambda: draw_face(w.mai, w.photo, (600, 400, 50, 50)), lambda: process_photo(w.photo.pk))


@pair(
    "two who take the names of one file draw each box once, as one new person",
    lambda w: Face.objects.filter(is_drawn=True).count() == Person.objects.filter(name="Chi").count() == 1,
)
def _(w: World) -> tuple[Act, Act]:
    keep_names(w.photo, [NameTag("Chi", Box(0.7, 0.7, 0.1, 0.1))])
    (entry,) = plan_names(w.mai).names
    return (
        lambda: start_taking_names(w.mai, [NameAnswer(entry, None)]),
        lambda: start_taking_names(w.bao, [NameAnswer(entry, None)]),
    )


# People


@pair(
    "of two who merge the same two both ways, one does",
    lambda w: Person.objects.count() == 1 and w.events("person.merge") == 1,
)
def _(w: World) -> tuple[Act, Act]:
    return (lambda: merge_people(w.mai, w.anna, w.bea), lambda: merge_people(w.bao, w.bea, w.anna))


@pair("a merge happens once", lambda w: w.events("person.merge") == 1)
def _(w: World) -> tuple[Act, Act]:
    return (lambda: merge_people(w.mai, w.anna, w.bea), lambda: merge_people(w.bao, w.anna, w.bea))


@pair("nobody is named as who is being merged", is_gone_from_faces)
def _(w: World) -> tuple[Act, Act]:
    return (lambda: merge_people(w.mai, w.anna, w.bea), lambda: confirm_face(w.bao, w.face, w.anna))


@pair("no reference is given to who is being merged", lambda w: Reference.objects.count() == 2)
def _(w: World) -> tuple[Act, Act]:
    return (lambda: merge_people(w.mai, w.anna, w.bea), lambda: move_references(w.bao, [w.other], w.anna))


@pair("a rename and a merge are both done or told", lambda w: Person.objects.filter(pk=w.bea.pk).exists())
def _(w: World) -> tuple[Act, Act]:
    return (lambda: merge_people(w.mai, w.anna, w.bea), lambda: rename_person(w.bao, w.bea, "Beate"))


@pair("a split and a merge leave no face behind", is_gone_from_faces)
def _(w: World) -> tuple[Act, Act]:
    return (lambda: split_person(w.mai, [w.named], "Clara"), lambda: merge_people(w.bao, w.anna, w.bea))


@pair("two who type one new name make one person", lambda w: Person.objects.filter(name="Dora").count() == 1)
def _(w: World) -> tuple[Act, Act]:
    return (lambda: get_or_create_person(w.mai, "Dora"), lambda: get_or_create_person(w.bao, "Dora"))


@pair("two who add one new name make one person", lambda w: Person.objects.filter(name="Dora").count() == 1)
def _(w: World) -> tuple[Act, Act]:
    return (lambda: create_person(w.mai, "Dora"), lambda: create_person(w.bao, "Dora"))


@pair("people are hidden once", lambda w: w.events("people.hide") == 1)
def _(w: World) -> tuple[Act, Act]:
    ids = [w.anna.pk, w.bea.pk]
    return (lambda: set_people_hidden(w.mai, ids, True), lambda: set_people_hidden(w.bao, ids[::-1], True))


@pair("other names come once", lambda w: w.anna.other_names.count() == 1)
def _(w: World) -> tuple[Act, Act]:
    return (lambda: set_other_names(w.mai, w.anna, ["Ann"]), lambda: set_other_names(w.bao, w.anna, ["Ann"]))


@pair("two come into a group at once and one twice", lambda w: Membership.objects.count() == 2)
def _(w: World) -> tuple[Act, Act]:
    return (
        lambda: add_members(w.mai, w.group, [w.anna]),
        lambda: add_members(w.bao, w.group, [w.anna, w.bea]),
    )


@pair("a group that goes takes who is coming with it, or stays", lambda w: not Membership.objects.exists())
def _(w: World) -> tuple[Act, Act]:
    return (lambda: add_members(w.mai, w.group, [w.anna]), lambda: remove_group(w.bao, w.group))


@pair("one group has a name", lambda w: PeopleGroup.objects.filter(name="5c").count() == 1)
def _(w: World) -> tuple[Act, Act]:
    return (lambda: create_group(w.mai, "5c"), lambda: create_group(w.bao, "5c"))


# References


@pair("a reference is approved once", lambda w: w.events("reference.approved") == 1)
def _(w: World) -> tuple[Act, Act]:
    return (
        lambda: judge_references(w.mai, [w.other], "approved"),
        lambda: judge_references(w.bao, [w.other], "approved"),
    )


@pair(
    "a reference is approved and moved",
    lambda w: Reference.objects.filter(pk=w.other.pk, person=w.anna, status="approved").exists(),
)
def _(w: World) -> tuple[Act, Act]:
    return (
        lambda: judge_references(w.mai, [w.other], "approved"),
        lambda: move_references(w.bao, [w.other], w.anna),
    )


@pair("a picture sent twice is one reference", lambda w: Reference.objects.filter(person=w.anna).count() == 2)
def _(w: World) -> tuple[Act, Act]:
    return (
        lambda: send_reference(w.mai, w.anna, jpeg(), "a.jpg"),
        lambda: send_reference(w.bao, w.anna, jpeg(), "a.jpg"),
    )


# Erasing


def is_erased(w: World) -> bool:
    return (
        not Person.objects.filter(pk=w.anna.pk).exists()
        and not Reference.objects.filter(person=w.anna.pk).exists()
    )


def against_erasure(act: Callable[[World], object]) -> Make:
    return lambda w: (lambda: erase_person(w.mai, w.anna), lambda: act(w))


for _words, _act in {
    "named on a face": lambda w: confirm_face(w.bao, w.face, w.anna),
    "named on a group of faces": lambda w: name_face_group(w.bao, [w.face.pk], w.anna),
    "merged into somebody": lambda w: merge_people(w.bao, w.anna, w.bea),
    "merged with somebody": lambda w: merge_people(w.bao, w.bea, w.anna),
    "given a reference": lambda w: move_references(w.bao, [w.other], w.anna),
    "sent a picture": lambda w: send_reference(w.bao, w.anna, jpeg(), "a.jpg"),
    "put into a group": lambda w: add_members(w.bao, w.group, [w.anna]),
    "made a favourite": lambda w: set_favourite(w.bao, w.anna, True),
    "renamed": lambda w: rename_person(w.bao, w.anna, "Ann"),
    "processed by a worker": lambda w: process_photo(w.photo.pk),
    "erased": lambda w: erase_person(w.bao, w.anna),
}.items():
    PAIRS[f"who is erased while being {_words} is gone"] = (
        against_erasure(_act),
        lambda w: w.events("person.merge") or is_erased(w),
    )


def is_no_picture_forgotten(w: World) -> bool:
    """Each picture without a row is on the worker's list."""
    files = {path.name for path in (settings.MEDIA_ROOT / "references").rglob("*.*")}
    known = [
        *Reference.objects.values_list("image", flat=True),
        *Erasure.objects.values_list("todo", flat=True),
    ]
    return all(name in str(known) for name in files)


def pair_after(sentence: str, words: str, check: Check) -> Callable[[Make], Make]:
    """Two acts of which the first stops once it has read what these words of a statement say."""
    OWN_WAYS[sentence] = [(words, False)]
    return pair(sentence, check)


READ_REFERENCES, READ_REST, READ_ALBUM = (
    'FROM "gallery_reference"',
    'FROM "gallery_finding"',
    'FROM "gallery_albumphoto"',
)


@pair_after(
    "a picture that comes while its person is being erased is not forgotten",
    READ_REFERENCES,
    is_no_picture_forgotten,
)
def _(w: World) -> tuple[Act, Act]:
    return (lambda: erase_person(w.mai, w.anna), lambda: send_reference(w.bao, w.anna, jpeg(), "a.jpg"))


@pair_after(
    "a picture that comes while its person is being merged is not lost", READ_REST, is_no_picture_forgotten
)
def _(w: World) -> tuple[Act, Act]:
    return (
        lambda: merge_people(w.mai, w.anna, w.bea),
        lambda: send_reference(w.bao, w.anna, jpeg(), "a.jpg"),
    )


def is_photo_gone(w: World) -> bool:
    return not (Photo.objects.exists() or Face.objects.exists() or AlbumPhoto.objects.exists())


def against_photo_erasure(act: Callable[[World], object]) -> Make:
    return lambda w: (lambda: erase_photos(w.mai, [w.photo]), lambda: act(w))


for _words, _act in {
    "named": lambda w: confirm_face(w.bao, w.face, w.anna),
    "drawn on": lambda w: draw_face(w.bao, w.photo, (600, 400, 50, 50)),
    "put into an album": lambda w: put_photos_in_album(w.bao, [w.photo], w.album),
    "put into the trash": lambda w: trash_photo(w.bao, w.photo),
    "put into the trash with others": lambda w: trash_photos(w.bao, [w.photo]),
    "looked at again": lambda w: retry_photo(w.bao, w.photo),
    "processed by a worker": lambda w: process_photo(w.photo.pk),
    "erased": lambda w: erase_photos(w.bao, [w.photo]),
}.items():
    PAIRS[f"a photo that is erased while being {_words} is gone"] = (
        against_photo_erasure(_act),
        is_photo_gone,
    )


# Photos and albums


@pair("two may put one tag on photos at once", lambda w: not Photo.objects.filter(tags=None).exists())
def _(w: World) -> tuple[Act, Act]:
    tags, one, other = split_tags("lake"), a_photo(), a_photo()
    return (
        lambda: tag_photos(w.mai, [w.photo, one], tags),
        lambda: tag_photos(w.bao, [w.photo, other], tags),
    )


@pair("two photos of one burst find each other", lambda w: Photo.objects.filter(stack=None).count() == 0)
def _(w: World) -> tuple[Act, Act]:
    def look_at(photo: Photo) -> None:
        with transaction.atomic():
            stack_photo(Photo.objects.select_for_update(no_key=True).get(pk=photo.pk), Likeness(5, 1.0))

    other = a_photo()
    return (lambda: look_at(w.photo), lambda: look_at(other))


@pair("a photo is trashed once", lambda w: w.events("photo.trash") == 1)
def _(w: World) -> tuple[Act, Act]:
    return (lambda: trash_photo(w.mai, w.photo), lambda: trash_photo(w.bao, w.photo))


NOON, HOUR = datetime(2024, 5, 1, 12, tzinfo=UTC), timedelta(hours=1)


@pair(
    "a moment that two move at once is moved twice", lambda w: Photo.objects.get().taken_at == NOON + 2 * HOUR
)
def _(w: World) -> tuple[Act, Act]:
    Photo.objects.filter(pk=w.photo.pk).update(taken_at=NOON)
    later = MomentChange(shift=HOUR)
    return (
        lambda: correct_moments(w.mai, [w.photo], later),
        lambda: correct_moments(w.bao, [w.photo], later),
    )


@pair("a photo that two turn at once is turned twice", lambda w: Photo.objects.get().turn == 2)
def _(w: World) -> tuple[Act, Act]:
    return (lambda: turn_photos(w.mai, [w.photo], 1), lambda: turn_photos(w.bao, [w.photo], 1))


@pair("a photo is turned while a face on it is named", lambda w: Photo.objects.get().turn == 1)
def _(w: World) -> tuple[Act, Act]:
    return (lambda: turn_photos(w.mai, [w.photo], 1), lambda: confirm_face(w.bao, w.face, w.anna))


@pair("a photo that is turned while it is processed is turned once", lambda w: Photo.objects.get().turn == 1)
def _(w: World) -> tuple[Act, Act]:
    Photo.objects.update(work=Status.QUEUED)
    return (lambda: turn_photos(w.mai, [w.photo], 1), lambda: process_photo(w.photo.pk))


@pair("a photo is restored once", lambda w: w.events("photo.restore") == 1)
def _(w: World) -> tuple[Act, Act]:
    trash_photo(w.mai, w.photo)
    return (lambda: restore_photo(w.mai, w.photo), lambda: restore_photo(w.bao, w.photo))


@pair(
    "a photo that is trashed while it is processed is in the trash", lambda w: Photo.objects.get().trashed_at
)
def _(w: World) -> tuple[Act, Act]:
    Photo.objects.update(work=Status.QUEUED)
    return (lambda: trash_photo(w.mai, w.photo), lambda: process_photo(w.photo.pk))


@pair("a file sent twice is one photo", lambda w: Photo.objects.filter(name="new.jpg").count() == 1)
def _(w: World) -> tuple[Act, Act]:
    return (lambda: add_photo(w.mai, [jpeg(7)], "new.jpg"), lambda: add_photo(w.bao, [jpeg(7)], "new.jpg"))


@pair(
    "a photo comes into an album once, and nobody is refused",
    lambda w: AlbumPhoto.objects.count() == w.events("photo.album") == 1,
)
def _(w: World) -> tuple[Act, Act]:
    return (
        lambda: put_photos_in_album(w.mai, [w.photo], w.album),
        lambda: put_photos_in_album(w.bao, [w.photo], w.album),
    )


@pair(
    "a photo leaves an album once", lambda w: not AlbumPhoto.objects.exists() and w.events("photo.leave") == 1
)
def _(w: World) -> tuple[Act, Act]:
    put_photos_in_album(w.mai, [w.photo], w.album)
    return (
        lambda: take_photos_out(w.mai, [w.photo], w.album),
        lambda: take_photos_out(w.bao, [w.photo], w.album),
    )


@pair("a photo that comes while its album goes does not stand for nothing", lambda w: Photo.objects.exists())
def _(w: World) -> tuple[Act, Act]:
    return (lambda: put_photos_in_album(w.mai, [w.photo], w.album), lambda: remove_album(w.bao, w.album))


def is_still_limited(w: World) -> bool:
    return Photo.objects.limited().filter(pk=w.photo.pk).exists()


@pair("a photo that leaves its two limited albums at once stays limited", is_still_limited)
def _(w: World) -> tuple[Act, Act]:
    second = Album.objects.create(name="Staff", search="staff", is_limited=True, created_by=w.mai)
    for album in (w.limited, second):
        put_photos_in_album(w.mai, [w.photo], album)
    return (
        lambda: take_photos_out(w.mai, [w.photo], w.limited),
        lambda: take_photos_out(w.bao, [w.photo], second),
    )


@pair("a photo that comes into a limited album while it leaves the other stays limited", is_still_limited)
def _(w: World) -> tuple[Act, Act]:
    second = Album.objects.create(name="Staff", search="staff", is_limited=True, created_by=w.mai)
    put_photos_in_album(w.mai, [w.photo], w.limited)
    return (
        lambda: take_photos_out(w.mai, [w.photo], w.limited),
        lambda: put_photos_in_album(w.bao, [w.photo], second),
    )


@pair("opening a photo does not undo that it came into a limited album", is_still_limited)
def _(w: World) -> tuple[Act, Act]:
    put_photos_in_album(w.mai, [w.photo], w.limited)
    take_photos_out(w.mai, [w.photo], w.limited)
    photo = Photo.objects.get(pk=w.photo.pk)
    return (lambda: put_photos_in_album(w.mai, [photo], w.limited), lambda: open_photo(w.bao, photo))


@pair(
    "a limited album with a photo that is coming does not go",
    lambda w: is_still_limited(w) or not w.events("photo.album"),
)
def _(w: World) -> tuple[Act, Act]:
    return (lambda: put_photos_in_album(w.mai, [w.photo], w.limited), lambda: remove_album(w.bao, w.limited))


@pair_after(
    "a photo that comes into a limited album that is going is not open",
    READ_ALBUM,
    lambda w: is_still_limited(w) or not w.events("photo.album"),
)
def _(w: World) -> tuple[Act, Act]:
    return (lambda: remove_album(w.bao, w.limited), lambda: put_photos_in_album(w.mai, [w.photo], w.limited))


@pair("two who choose a user for an album choose one", lambda w: w.limited.members.count() == 1)
def _(w: World) -> tuple[Act, Act]:
    values = {"members": [w.bao]}
    return (lambda: change_album(w.mai, w.limited, values), lambda: change_album(w.bao, w.limited, values))


@pair(
    "an album that goes has no link",
    lambda w: Album.objects.filter(pk=w.album.pk).exists() or not w.album.links.exists(),
)
def _(w: World) -> tuple[Act, Act]:
    return (lambda: share_album(w.mai, w.album, days=7), lambda: remove_album(w.bao, w.album))


@pair("a link is taken back once", lambda w: w.events("album.unshare") <= 1)
def _(w: World) -> tuple[Act, Act]:
    link = share_album(w.mai, w.album, days=7)[0]
    return (lambda: revoke_share_link(w.mai, link), lambda: revoke_share_link(w.bao, link))


# Uploads and calls


@pair("a part that comes twice is kept once", lambda w: PartialUpload.objects.get().arrived == 4)
def _(w: World) -> tuple[Act, Act]:
    upload = begin_upload(w.mai, "a.jpg", 8, 1)
    part, check = b"abcd", zlib.crc32(b"abcd")
    return (
        lambda: append_part(upload, 0, check, ContentFile(part)),
        lambda: append_part(upload, 0, check, ContentFile(part)),
    )


@pair("a part of an upload that is given up is refused", lambda w: not PartialUpload.objects.exists())
def _(w: World) -> tuple[Act, Act]:
    upload, copy = begin_upload(w.mai, "a.jpg", 8, 1), PartialUpload.objects.get()
    return (
        lambda: discard_upload(upload),
        lambda: append_part(copy, 0, zlib.crc32(b"abcd"), ContentFile(b"abcd")),
    )


@pair("one file begins one upload", lambda w: PartialUpload.objects.count() == 1)
def _(w: World) -> tuple[Act, Act]:
    return (lambda: begin_upload(w.mai, "a.jpg", 8, 1), lambda: begin_upload(w.mai, "a.jpg", 8, 1))


@pair(
    "a call that names itself is carried out once",
    lambda w: len(w.results) == 1 and IdempotencyKey.objects.count() == 1,
)
def _(w: World) -> tuple[Act, Act]:
    key = create_api_key(w.mai, w.mai, ["upload"])[0]

    def act() -> CallOutcome:
        w.results.append(1)
        return CallOutcome(201, 7)

    return (lambda: do_once(key, "a", "h", act), lambda: do_once(key, "a", "h", act))


# History


@pair("an act is undone once", lambda w: w.events("undo") == 1)
def _(w: World) -> tuple[Act, Act]:
    event = w.make_undoable()
    return (lambda: undo_events(w.mai, event), lambda: undo_events(w.bao, event))


@pair(
    "an undo takes no later decision back",
    lambda w: Face.objects.get(pk=w.face.pk).decision == Decision.NONE or w.events("face.not_a_face"),
)
def _(w: World) -> tuple[Act, Act]:
    event = w.make_undoable()
    return (lambda: undo_events(w.mai, event), lambda: decide_face(w.bao, w.face, Decision.NOT_A_FACE))


def is_nobody_back(w: World) -> bool:
    last = Event.objects.filter(verb__in=("undo", "person.erase")).latest("pk")
    return last.verb == "person.erase" or not w.events("person.erase") or not Person.objects.exists()


@pair("the undo of a merge brings nobody erased back", is_nobody_back)
def _(w: World) -> tuple[Act, Act]:
    event = merge_people(w.mai, w.anna, w.bea)
    return (lambda: undo_events(w.mai, event), lambda: erase_person(w.bao, w.bea))


# Accounts


@pair("an invitation makes one account", lambda w: User.objects.count() == 3)
def _(w: World) -> tuple[Act, Act]:
    token = invite_user(w.mai, "c@example.org", Role.VIEWER)[1]
    return (
        lambda: accept_invitation(token, "Chi", "x" * 12),
        lambda: accept_invitation(token, "Chau", "x" * 12),
    )


@pair("two who join by one name are one and a refusal", lambda w: User.objects.count() == 3)
def _(w: World) -> tuple[Act, Act]:
    one, two = (invite_user(w.mai, "c@example.org", Role.VIEWER)[1] for _ in range(2))
    return (lambda: accept_invitation(one, "Chi", "x" * 12), lambda: accept_invitation(two, "Chi", "x" * 12))


def has_administrator(w: World) -> bool:
    return User.objects.filter(role=Role.ADMINISTRATOR, is_active=True).exists()


@pair("of two administrators who demote each other one stays", has_administrator)
def _(w: World) -> tuple[Act, Act]:
    return (
        lambda: change_user(w.mai, w.bao, role=Role.VIEWER),
        lambda: change_user(w.bao, w.mai, role=Role.VIEWER),
    )


@pair("of two administrators who erase each other one stays", has_administrator)
def _(w: World) -> tuple[Act, Act]:
    return (lambda: erase_user(w.mai, w.bao), lambda: erase_user(w.bao, w.mai))


@pair("of two administrators who shut out and erase each other one stays", has_administrator)
def _(w: World) -> tuple[Act, Act]:
    return (lambda: change_user(w.mai, w.bao, is_active=False), lambda: erase_user(w.bao, w.mai))


@pair(
    "what a user makes while being erased is nobody's or not there",
    lambda w: not Event.objects.exclude(actor=None).exclude(actor__in=User.objects.all()).exists(),
)
def _(w: World) -> tuple[Act, Act]:
    return (lambda: erase_user(w.mai, w.bao), lambda: create_album(w.bao, "Mine"))


@pair("a key is revoked once", lambda w: w.events("key.revoke") == 1)
def _(w: World) -> tuple[Act, Act]:
    create_api_key(w.mai, w.bao, ["read"])
    return (
        lambda: revoke_api_keys(w.mai, ApiKey.objects.all()),
        lambda: revoke_api_keys(w.bao, ApiKey.objects.all()),
    )


# Jobs and the index


@pair("a row is claimed by one worker", lambda w: Photo.objects.get().attempts == 1)
def _(w: World) -> tuple[Act, Act]:
    Photo.objects.update(work=Status.QUEUED)
    return (
        lambda: claim_row(Photo.objects.all(), w.photo.pk),
        lambda: claim_row(Photo.objects.all(), w.photo.pk),
    )


@pair("a job is set aside or begun, not both", lambda w: Photo.objects.get().work != Status.QUEUED)
def _(w: World) -> tuple[Act, Act]:
    Photo.objects.update(work=Status.QUEUED)
    return (
        lambda: cancel_or_requeue_jobs(w.mai, "queue.cancel"),
        lambda: claim_row(Photo.objects.all(), w.photo.pk),
    )


@pair("failed jobs are tried again once", lambda w: w.events("queue.retry") == 1)
def _(w: World) -> tuple[Act, Act]:
    Photo.objects.update(work=Status.FAILED)
    return (lambda: retry_failed_jobs(w.mai, "photo"), lambda: retry_failed_jobs(w.bao, "photo"))


@pair("a photo is looked at again once", lambda w: w.events("photo.retry") == 1)
def _(w: World) -> tuple[Act, Act]:
    return (lambda: retry_photo(w.mai, w.photo), lambda: retry_photo(w.bao, w.photo))


@pair("a build asked for twice is written down twice", lambda w: w.events("build.request") == 2)
def _(w: World) -> tuple[Act, Act]:
    return (lambda: request_rebuild(w.mai), lambda: request_rebuild(w.bao))


@pair("a job about the site asked for twice is one row")
def _(w: World) -> tuple[Act, Act]:
    return (lambda: request_job("verify_index", w.mai), lambda: request_job("verify_index", w.bao))


@pair("an embedder is chosen once", lambda w: w.events("embedder.choose") == 1)
def _(w: World) -> tuple[Act, Act]:
    recipe = {"id": "dlib-0123456789ab", "name": "dlib", "options": {}}
    SiteSetting.objects.create(pk=SERVING_RECIPE_KEY, value=recipe)
    return (lambda: choose_embedder(w.mai, "sface"), lambda: choose_embedder(w.bao, "sface"))


@pair("bounds that two put in force are in force", lambda w: w.events("calibration.apply") == 2)
def _(w: World) -> tuple[Act, Act]:
    report = {"suggestion": {"is_founded": True}}
    one, two = (Calibration.objects.create(embedder_id="x-0", bounds=BOUNDS, report=report) for _ in range(2))
    return (lambda: put_calibration_in_force(w.mai, one), lambda: put_calibration_in_force(w.bao, two))


def empty_site() -> None:
    shutil.rmtree(settings.MEDIA_ROOT / "references", ignore_errors=True)
    with transaction.atomic(), connection.cursor() as cursor:
        for model in apps.get_app_config("gallery").get_models(include_auto_created=True):
            cursor.execute(f'DELETE FROM "{model._meta.db_table}"')  # noqa: S608 -- our own names


def try_pair(sentence: str, stops: str, *, is_turned: bool) -> str:
    """What is wrong after the two; nothing if all is well."""
    empty_site()
    make, check = PAIRS[sentence]
    world = World()
    first, second = make(world)
    acts = (second, first) if is_turned else (first, second)
    outcomes = let_them_race(*acts, stops)
    wrong = [repr(each.error) for each in outcomes if each.error and not isinstance(each.error, REFUSALS)]
    if not any(each.error is None for each in outcomes):
        wrong.append(f"neither was done: {outcomes}")
    if "nobody is refused" in sentence and any(each.error for each in outcomes):
        wrong.append(f"refused: {outcomes}")
    if not wrong and not check(world):
        wrong.append(f"it does not hold: {outcomes}")
    return f"{sentence} ({stops}{', turned' if is_turned else ''}): {'; '.join(wrong)}" if wrong else ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="each pair in four ways, not in two")
    parser.add_argument("--words", default="", help="only pairs whose sentence has these words")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    settings.EMBEDDER = ""
    call_command("migrate", verbosity=0)
    seeing = FakeEngine([somebody(300.0, 1)])
    fakes = {
        "get_detector": lambda: seeing,
        "get_serving_embedder": lambda: seeing,
        "read_photo": seeing.read,
    }
    ways = [("middle", False), ("end", True)] + [("middle", True), ("end", False)] * options.all
    with mock.patch.multiple(engine, **fakes), mock.patch.object(dispatch, "send_task"):
        tried = [
            try_pair(sentence, stops, is_turned=is_turned)
            for sentence in PAIRS
            if options.words in sentence
            for stops, is_turned in OWN_WAYS.get(sentence, ways)
        ]
    wrong = [each for each in tried if each]
    sys.stderr.write("\n".join(wrong))
    return 1 if wrong or not tried else 0


if __name__ == "__main__":
    sys.exit(main())

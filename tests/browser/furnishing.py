"""A site with one of everything, made without a worker, so that every page has something to show.

Run in the site's own process: `site.ask("from tests.browser.furnishing import furnish\\nanswer = furnish(...)")`.
"""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.test import Client
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from PIL import Image

from gallery.curation.bulk import create_bulk_draft
from gallery.curation.measurement import store_calibration
from gallery.faces.decisions import reject_person_of_face
from gallery.models import (
    Album,
    Build,
    Candidate,
    Face,
    Invitation,
    NameChange,
    Person,
    Photo,
    Reference,
    ShareLink,
    Status,
    User,
)
from gallery.models.accounts import hash_token
from gallery.models.querysets import get_today
from gallery.people.member_lists import draft_people_import
from gallery.people.services import rename_person, set_person_consent
from recognition.calibrate import calibrate, get_published_figures
from recognition.types import Bounds
from tests.access_table import TABLE
from tests.access_world import World, make_world
from tests.addresses import ADMIN, ALL, rule_of
from tests.making import a_person

PASSWORD = "a good long password"
# where the two faces of the demonstration's photo are: left, top, width, height
PLACES = ((397, 157, 174, 218), (1221, 105, 137, 200))
# what gives no page of its own: data, pictures, parts of pages
NO_PAGES = {
    "healthz": "a word for programs",
    "readyz": "a word for programs",
    "metrics": "figures for programs",
    "photo_progress": "a part of pages that show photos",
    "photo_state": "a part of a photo's page",
    "slides": "a part of the slideshow",
    "manifest": "a file",
    "service_worker": "a script",
    "photo_export": "a file",
    "photo_original": "a file",
    "photo_companion": "a file",
    "sidecars": "a file",
    "person_export_file": "a file",
    "people_suggest": "a part of pages that ask for a name",
    "review_decided": "a part of the review page",
    "review_card": "a part of the review page",
    "worklist_decided": "a part of the pages of gallery health",
    "worklist_card": "a part of the pages of gallery health",
    "erasure_file": "a file",
    "photo_image": "a picture",
    "face_image": "a picture",
    "reference_image": "a picture",
    "shared_image": "a picture",
}


def furnish(montage: str) -> dict[str, Any]:
    """Fills the empty site; the addresses of its pages by name, the least role for each, and more to look at."""
    Path(settings.MEDIA_ROOT).mkdir(parents=True, exist_ok=True)
    world = make_world()
    for user in world.users.values():
        user.set_password(PASSWORD)
        user.save()
    photo = _photograph(world, montage)
    _unknown_look_alikes(world)
    _say_something(world, photo)
    _measure()
    _open_doors(world)
    return {"pages": _pages(world), "more": _more(world, photo), "admin": _admin(world)}


def _photograph(world: World, montage: str) -> Photo:
    """The world's photo becomes a real one, with faces in every state."""
    photo = Photo.objects.get(pk=world.value("photo"))
    shutil.copy(montage, Path(settings.MEDIA_ROOT) / photo.file.name)
    width, height = Image.open(montage).size
    Photo.objects.filter(pk=photo.pk).update(
        width=width,
        height=height,
        name="Sommerfest, wir alle.jpg",
        search="sommerfest",
        taken_at=datetime(2024, 7, 14, 15, 30, tzinfo=UTC),
        work=Status.DONE,
        bytes=361_300,
    )
    photo.refresh_from_db()
    known = Face.objects.get(pk=world.value("face"))
    reference = Reference.objects.get(pk=world.value("reference"))
    _place(known, PLACES[0], similarity=0.968, reference=reference, person=reference.person, state="known")
    Candidate.objects.create(
        face=known, person=reference.person, reference=reference, similarity=0.968, rank=0
    )
    other = Person.objects.get(pk=world.value("other_person"))
    Candidate.objects.create(face=known, person=other, similarity=0.91, rank=1)
    unsure = _place(Face(photo=photo), PLACES[1], similarity=0.93, state="unsure")
    Candidate.objects.create(face=unsure, person=other, similarity=0.93, rank=0)
    Candidate.objects.create(face=unsure, person=reference.person, similarity=0.9, rank=1)
    for place, columns in (
        ((100, 300, 90, 110), {"state": "unknown"}),
        ((700, 300, 90, 110), {"decision": "confirmed", "person": a_person("Nguyễn Thị Minh Khai")}),
        ((900, 500, 80, 90), {"decision": "ignored"}),
        ((1500, 600, 80, 90), {"decision": "not_a_face"}),
        ((1600, 300, 90, 110), {"decision": "rejected", "state": "unknown"}),
    ):
        _place(Face(photo=photo), place, **columns)
    return photo


def _place(face: Face, place: tuple[int, int, int, int], **columns: Any) -> Face:
    face.left, face.top, face.width, face.height = place
    for name, value in columns.items():
        setattr(face, name, value)
    face.save()
    return face


def _unknown_look_alikes(world: World) -> None:
    """A group of unknown faces, and photos in every stage of work."""
    album = Album.objects.get(pk=world.value("album"))
    Album.objects.filter(pk=album.pk).update(
        name="Sommerfest am See",
        search="sommerfest am see",
        date=date(2024, 7, 14),
        note="Der ganze Verein, bei Sonne.",
    )
    group = []
    source = Path(Photo.objects.get(pk=world.value("photo")).file.path)
    for number in range(4):
        file = f"group-{number}.jpg"
        shutil.copy(source, Path(settings.MEDIA_ROOT) / file)
        photo = Photo.objects.create(
            file=file, name=file, sha256=file, width=1793, height=964, work=Status.DONE
        )
        photo.albums.add(album)
        group.append(_place(Face(photo=photo), PLACES[1], state="unknown", similarity=0.8))
    Face.objects.filter(pk__in=[face.pk for face in group]).update(cluster=group[0].pk)
    world.values["number"] = group[0].pk
    for work in (Status.QUEUED, Status.PROCESSING, Status.FAILED):
        Photo.objects.create(
            file=f"{work}.jpg",
            name=f"{work}.jpg",
            sha256=str(work),
            width=800,
            height=600,
            work=work,
            failure="The file is damaged: the picture in it cannot be decoded. Copy it again from the original."
            if work == Status.FAILED
            else "",
        )


def _say_something(world: World, photo: Photo) -> None:
    """Acts for the history, a build that changed a name, a setting or two."""
    user = world.users["curator"]
    other = Person.objects.get(pk=world.value("other_person"))
    stranger = photo.faces.filter(decision="", state="unknown").first()
    assert stranger is not None
    event = reject_person_of_face(user, stranger, other)
    assert event is not None
    rename_person(user, other, "Trần Văn Minh")
    set_person_consent(
        user, a_person("Phạm Thu Hà"), "Đơn ký ngày 3 tháng 5, hồ sơ 12", get_today() - timedelta(days=3)
    )
    build = Build.objects.get(pk=world.value("build"))
    build.work, build.is_active, build.vectors, build.dimension, build.index_key = (
        "done",
        True,
        3,
        128,
        "Flat",
    )
    build.figures = {"reason": "small", "milliseconds": {"all": 4.2}}
    build.save()
    face = Face.objects.get(pk=world.value("face"))
    NameChange.objects.create(
        build=build, photo=photo, face=face, new_person=face.person, old_state="unknown", new_state="known"
    )


def _measure() -> None:
    """A calibration with figures to draw, from made-up people."""
    rng = np.random.default_rng(5)
    centres = np.repeat(rng.normal(size=(30, 32)), 4, axis=0)
    vectors = (centres + 0.6 * rng.normal(size=centres.shape)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    bounds = Bounds(known=0.8, unsure=0.6, margin=0.02)
    labels = np.repeat(np.arange(30), 4)
    store_calibration(
        calibrate(
            vectors,
            labels,
            bounds,
            embedder_id="dlib-000000000000",
            false_name_rate=0.01,
            current=bounds,
            prior=get_published_figures("dlib").prior,
        )
    )


def _open_doors(world: World) -> None:
    """Tokens that open what the world's words name."""
    ShareLink.objects.filter(album=world.value("album")).update(
        token_hash=hash_token(world.value("token")), has_names=True
    )
    Invitation.objects.filter(pk=world.value("invitation")).update(
        token_hash=hash_token(world.value("token"))
    )


def _pages(world: World) -> dict[str, list[str | None]]:
    """For each address that can be asked for: where it is, and who at least may."""
    found: dict[str, list[str | None]] = {}
    for name, rule in TABLE.items():
        if rule.method == "get" and name not in NO_PAGES:
            address = reverse(name, args=[world.value(word) for word in rule.words])
            found[name] = [address, str(rule.role.value) if rule.role else None]
    return found


def _more(world: World, photo: Photo) -> dict[str, str]:
    """Pages that show something else with another query, or at another place."""
    page = reverse("photo", args=(photo.pk,))
    person, viewer = world.value("person"), User.objects.get(username="a_viewer")
    uid = urlsafe_base64_encode(force_bytes(viewer.pk))
    failed = Photo.objects.get(name="failed.jpg")
    waiting = Photo.objects.get(name="queued.jpg")
    shown = {face.decision or face.state: f"{page}?face={face.pk}" for face in photo.faces.all()}
    return {
        **{f"a face, {key}": address for key, address in shown.items()},
        "a failed photo": reverse("photo", args=(failed.pk,)),
        "a waiting photo": reverse("photo", args=(waiting.pk,)),
        "nothing found": f"{reverse('search')}?q=nobody+at+all",
        "found": f"{reverse('search')}?with={person}&q=sommerfest",
        "nobody of that name": f"{reverse('search')}?also=nobody",
        "hidden people": f"{reverse('people')}?hidden",
        "photos with unnamed faces": f"{reverse('photos')}?show=unnamed",
        "no such photos": f"{reverse('photos')}?show=failed",
        "a merge": f"{reverse('person_merge', args=(person,))}?into={world.value('other_person')}",
        "a password to set": reverse(
            "password_reset_confirm", args=(uid, default_token_generator.make_token(viewer))
        ),
        "not found": "/nowhere/",
        "history of a person": f"{reverse('history')}?person={person}",
    }


# what answers with HTML, but with no page of its own; the history of one object looks like that of another
ADMIN_PARTS = {"gallery_bulkact_state", "gallery_person_draft"}


def _admin(world: World) -> dict[str, str]:
    """The pages of the admin, by what the addresses in it answer to an administrator; and more states of some."""
    client, found = Client(headers={"host": "127.0.0.1"}), {}
    client.force_login(world.users["administrator"])
    for name in ADMIN:
        rule, short = rule_of(ALL[name]), name.removeprefix("admin:")
        is_history = short.endswith("_history") and short != "gallery_person_history"
        if rule.method == "get" and short not in ADMIN_PARTS and not is_history:
            address = reverse(name, args=[world.value(word) for word in rule.words])
            answer = client.get(address)
            if answer.status_code == 200 and answer["Content-Type"].startswith("text/html"):
                found[short] = address
    curator, references = world.users["curator"], Reference.objects.values_list("pk", flat=True)
    lines = f"name,note\n{Person.objects.earliest('pk').name},x\nNew,\n,z\n".encode()
    acts = {
        "a file of people": draft_people_import(curator, lines),
        "an act on references": create_bulk_draft(curator, "reject", references[:2]),
        "an act on people": create_bulk_draft(
            curator, "hide", Person.objects.values_list("pk", flat=True)[:2]
        ),
    }
    found["poor references"] = reverse("admin:gallery_reference_changelist") + "?health=poor"
    return found | {
        name: reverse("admin:gallery_bulkact_change", args=(act.pk,)) for name, act in acts.items()
    }

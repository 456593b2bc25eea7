"""Pictures sent for a person in the admin: the face that was found is shown and corrected before it is saved."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from gallery.history.undo import undo_events
from gallery.models import Event, Person, Reference, ReferenceDraft, Role, Status
from gallery.models.storage import get_media_path, write_file
from gallery.people.drafts import delete_old_drafts
from gallery.people.processing import process_draft
from gallery.people.services import merge_people
from gallery.privacy.erasure import erase_person
from recognition.types import Box, Detection
from tests.engines import FakeEngine
from tests.gallery_world import world
from tests.making import a_person, a_user
from tests.pages import folded

__all__ = ["world"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_data")]


def a_picture(shade: int = 90) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (400, 300), (shade, 80, 70)).save(file, "JPEG")
    return file.getvalue()


def sees(world: FakeEngine, monkeypatch: pytest.MonkeyPatch, *boxes: Box) -> None:
    """What the detector finds in whatever it is shown."""
    found = [
        Detection(box, np.array([[box.left + 10 + n, box.top + 10] for n in range(5)], np.float32), 0.99)
        for box in boxes
    ]
    monkeypatch.setattr(type(world), "detect", lambda self, image: found)


def send_pictures(client: Client, person: Person, *files: tuple[str, bytes]) -> list[ReferenceDraft]:
    address = reverse("admin:gallery_person_pictures", args=(person.pk,))
    client.post(address, {"pictures": [SimpleUploadedFile(name, content) for name, content in files]})
    for draft in ReferenceDraft.objects.all():
        process_draft(draft.pk)
    return list(ReferenceDraft.objects.all())


def save(client: Client, person: Person, **answers: str) -> Any:
    address = reverse("admin:gallery_person_pictures_save", args=(person.pk,))
    return client.post(address, {key.replace("_", "-"): value for key, value in answers.items()}, follow=True)


SMALL, LARGE = Box(20, 30, 40, 50), Box(200, 100, 80, 100)


def test_the_face_found_is_shown_and_nothing_is_a_reference_before_saving(
    curator: Client, world: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = a_person()
    sees(world, monkeypatch, SMALL, LARGE)
    (draft,) = send_pictures(curator, person, ("a.jpg", a_picture()))
    assert (draft.work, len(draft.faces), draft.faces[draft.chosen or 0]["box"]) == (
        Status.DONE,
        2,
        [200, 100, 80, 100],
    )
    page = folded(curator.get(reverse("admin:gallery_person_pictures", args=(person.pk,))))
    assert "This face was found." in page
    assert f'name="face-{draft.pk}" value="0" checked' in page
    image = curator.get(reverse("admin:gallery_person_draft_image", args=(draft.pk,)))
    assert image["Content-Type"] == "image/webp"
    assert not Reference.objects.exists()


def test_another_face_is_chosen_and_saved_where_it_is_and_undone(
    curator: Client, world: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = a_person()
    sees(world, monkeypatch, SMALL, LARGE)
    (draft,) = send_pictures(curator, person, ("a.jpg", a_picture()))
    page = save(curator, person, **{f"face_{draft.pk}": "1"})
    assert "You added 1 reference of “Anna”" in page.content.decode()
    reference = Reference.objects.get()
    left, top, width, height = reference.box
    assert (round(width), round(height)) == (40, 50)
    assert (left, top) == (20, 30)  # the crop reaches to the picture's edge
    assert (reference.status, reference.source_path, reference.person) == ("approved", "a.jpg", person)
    assert Path(reference.image.path).exists()
    assert not ReferenceDraft.objects.exists()
    event = Event.objects.get(verb="references.add")
    assert event.actor is not None
    undo_events(event.actor, event)
    assert Reference.objects.get().status == "rejected"


def test_what_is_left_out_is_forgotten_with_its_file(
    curator: Client,
    world: FakeEngine,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    person = a_person()
    sees(world, monkeypatch, LARGE)
    (draft,) = send_pictures(curator, person, ("a.jpg", a_picture()))
    with django_capture_on_commit_callbacks(execute=True):
        save(curator, person, **{f"face_{draft.pk}": "none"})
    assert not Reference.objects.exists()
    assert not ReferenceDraft.objects.exists()
    assert not Path(draft.image.path).exists()


def test_two_faces_of_one_size_are_asked_about(
    curator: Client, world: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = a_person()
    sees(world, monkeypatch, Box(60, 100, 80, 100), Box(260, 100, 80, 100))
    (draft,) = send_pictures(curator, person, ("a.jpg", a_picture()))
    assert (draft.chosen, draft.problem) == (None, ReferenceDraft.SEVERAL_FACES)


def test_a_face_that_was_missed_is_drawn(
    curator: Client, world: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = a_person()
    sees(world, monkeypatch)
    (draft,) = send_pictures(curator, person, ("a.jpg", a_picture()))
    assert (draft.faces, draft.problem) == ([], ReferenceDraft.NO_FACE)
    sees(world, monkeypatch, Box(60, 75, 100, 125))  # in the region around the box
    address = reverse("admin:gallery_person_draft", args=(draft.pk,))
    box = {"left": "100", "top": "120", "width": "80", "height": "100"}
    assert "The worker is looking for faces" in curator.post(address, box).content.decode()
    process_draft(draft.pk)
    draft.refresh_from_db()
    assert draft.chosen == 0
    assert "This face was found." in curator.get(address).content.decode()


def test_a_box_too_small_is_refused(
    curator: Client, world: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    sees(world, monkeypatch)
    (draft,) = send_pictures(curator, a_person(), ("a.jpg", a_picture()))
    address = reverse("admin:gallery_person_draft", args=(draft.pk,))
    for box in ({"left": "1", "top": "1", "width": "3", "height": "nan"}, {}):
        assert "The box is too small" in curator.post(address, box).content.decode()


def test_a_zip_is_taken_apart_and_what_is_no_picture_is_said(
    curator: Client, world: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, file = a_person(), io.BytesIO()
    sees(world, monkeypatch, LARGE)
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("trip/one.jpg", a_picture(1))
        packed.writestr("trip/two.jpg", a_picture(2))
        packed.writestr("trip/broken.jpg", a_picture(3)[:200])
    found = send_pictures(curator, person, ("all.zip", file.getvalue()))
    assert [draft.name for draft in found] == ["one.jpg", "two.jpg"]
    page = curator.get(reverse("admin:gallery_person_pictures", args=(person.pk,))).content.decode()
    assert "broken.jpg" in page


def test_the_same_picture_twice_is_one_draft_and_one_that_is_a_reference_is_none(
    curator: Client, world: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = a_person()
    sees(world, monkeypatch, LARGE)
    (draft,) = send_pictures(curator, person, ("a.jpg", a_picture()), ("b.jpg", a_picture()))
    save(curator, person, **{f"face_{draft.pk}": "0"})
    assert send_pictures(curator, person, ("a.jpg", a_picture())) == []


def test_others_do_not_see_what_somebody_is_about_to_save(
    curator: Client, world: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    sees(world, monkeypatch, LARGE)
    (draft,) = send_pictures(curator, a_person(), ("a.jpg", a_picture()))
    other = Client()
    other.force_login(a_user("Other", Role.CURATOR))
    assert other.get(reverse("admin:gallery_person_draft", args=(draft.pk,))).status_code == 404


def test_drafts_follow_a_merge_and_old_ones_and_files_of_none_are_forgotten(
    curator: Client,
    world: FakeEngine,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    anna, double = a_person("Anna"), a_person("Anne")
    sees(world, monkeypatch, LARGE)
    (draft,) = send_pictures(curator, double, ("a.jpg", a_picture()))
    merge_people(a_user("Other"), double, anna)
    draft.refresh_from_db()
    assert draft.person == anna
    write_file("drafts/lost.jpg", b"x")
    os.utime(get_media_path("drafts/lost.jpg"), (0, 0))
    ReferenceDraft.objects.update(made_at="2000-01-01T00:00Z")
    with django_capture_on_commit_callbacks(execute=True):
        assert delete_old_drafts() == 1
    assert list(get_media_path("drafts").iterdir()) == []


def test_erasing_a_person_takes_the_drafts_and_their_files(
    curator: Client, world: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = a_person("Anna Berg")
    sees(world, monkeypatch, LARGE)
    (draft,) = send_pictures(curator, person, ("a.jpg", a_picture()))
    erasure = erase_person(draft.added_by, person)
    assert draft.image in erasure.todo["files"]
    assert not ReferenceDraft.objects.exists()

"""The four walks that docs/architecture.md describes enter few rooms, and none of them again and again."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from gallery.faces.processing import process_photo
from gallery.index.builds import request_build, run_build
from gallery.index.live import find_nearest_references
from gallery.models import Face, Photo, Reference, Role, Status
from gallery.models.fields import vector_from_bytes
from tests.core.ways import Walk, walked
from tests.engines import FakeEngine, somebody
from tests.gallery_world import know, world
from tests.making import a_person, a_photo, a_user, a_vector

__all__ = ["world"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("world")]


def check(walk: Walk, most: int) -> None:
    assert len(walk.rooms) <= most, walk.steps
    room, times = walk.most_entered
    assert times <= 2, (room, walk.steps)


def jpeg() -> bytes:
    file = BytesIO()
    Image.new("RGB", (64, 48), (200, 90, 40)).save(file, "JPEG")
    return file.getvalue()


def test_an_upload_reaches_its_queued_row_through_six_rooms(
    client: Client, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    client.force_login(a_user(role=Role.CONTRIBUTOR))
    client.get("/upload/")
    with walked() as walk:
        answer = client.post("/upload/file", {"photos": SimpleUploadedFile("a.jpg", jpeg())})
        b"".join(answer.streaming_content)  # type: ignore[attr-defined]  # it streams
    assert Photo.objects.get().work == Status.QUEUED
    check(walk, 6)


def test_a_queued_photo_gets_its_names_through_six_rooms(world: FakeEngine) -> None:
    anna = a_person()
    know(anna, a_vector(1))
    run_build(request_build("test", delay=0).pk)
    world.faces = [somebody(100, 1)]
    photo = a_photo(work=Status.QUEUED)
    find_nearest_references(world, np.stack([vector_from_bytes(a_vector(1))]), 1)  # the index is loaded
    with walked() as walk:
        process_photo(photo.pk)
    assert Face.objects.get().person == anna
    check(walk, 6)


def test_a_reference_approved_in_the_admin_is_found_through_eight_rooms(
    client: Client, world: FakeEngine
) -> None:
    client.force_login(a_user())
    reference = know(a_person(), a_vector(1))
    run_build(request_build("test", delay=0).pk)
    Reference.objects.update(status=Reference.Judgement.PENDING)
    client.get("/admin/")
    vectors = np.stack([vector_from_bytes(a_vector(1))])
    with walked() as walk:
        client.post(
            "/admin/gallery/reference/", {"action": "approve", "_selected_action": [reference.pk], "index": 0}
        )
        found = find_nearest_references(world, vectors, 1)
    assert [near.reference for near in found[0]] == [reference.pk]
    check(walk, 8)


def test_a_search_page_reaches_its_sql_through_four_rooms(client: Client) -> None:
    client.force_login(a_user())
    person = a_person()
    client.get("/search/?q=x")
    with walked() as walk:
        answer = client.get(f"/search/?with={person.pk}")
    assert answer.status_code == 200
    check(walk, 4)

"""Photos are turned by quarters: pixels, boxes and all that is cut or handed out turn along, the file does not."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from PIL import Image, ImageOps

from gallery.core.exceptions import CannotUndo, NotThere
from gallery.faces.decisions import draw_face
from gallery.faces.processing import process_photo
from gallery.history.undo import undo_events
from gallery.index import engine
from gallery.maintenance.rereading import reread_files
from gallery.models import Album, Decision, Event, Face, Photo, Reference, Status, User
from gallery.models.storage import write_file
from gallery.people.processing import process_reference
from gallery.photos.exports import export_photo, original_response
from gallery.photos.renditions import get_face_rendition, get_hidden_photo_rendition, get_photo_rendition
from gallery.photos.turning import LEFT, RIGHT, turn_photos
from tests import corpus
from tests.engines import FakeEngine, Seen, landmarks_in
from tests.making import a_named_face, a_person, a_photo, a_reference, a_user, a_vector

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_data")]
Sent = list[tuple[Any, ...]]
STORED = (240, 160)  # pixels
SPOT = (60, 16, 40, 32)  # of the picture as it is stored: where the face is
KINDS = [("JPEG", 1), ("JPEG", 6), ("PNG", 1), ("WEBP", 1), ("TIFF", 8)]


def find_bright_box(picture: Image.Image) -> list[float]:
    rows, columns = np.nonzero(np.asarray(picture.convert("L")) > 127)
    return [float(columns.min()), float(rows.min()), float(np.ptp(columns) + 1), float(np.ptp(rows) + 1)]


def open_upright(data: bytes | Path) -> Image.Image:
    return ImageOps.exif_transpose(Image.open(io.BytesIO(data) if isinstance(data, bytes) else data))


def a_photo_with_a_face(form: str = "JPEG", orientation: int = 1) -> Face:
    """A bright spot on black, whose box somebody has confirmed to be Ada."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.new("RGB", STORED, "black")
    stored.paste("white", (SPOT[0], SPOT[1], SPOT[0] + SPOT[2], SPOT[1] + SPOT[3]))
    data = corpus.saved(stored, form, exif=exif)
    upright = open_upright(data)
    photo = a_photo(format=form, width=upright.width, height=upright.height)
    write_file(photo.file.name, data)
    left, top, width, height = find_bright_box(upright)
    place = {"left": left, "top": top, "width": width, "height": height}
    points = [[left, top], [left + width, top + height], *([[left, top]] * 3)]
    return a_named_face(a_person("Ada"), photo, decision=Decision.CONFIRMED, landmarks=points, **place)


def sides(face: Face) -> list[float]:
    face.refresh_from_db()
    return [face.left, face.top, face.width, face.height]


@pytest.mark.usefixtures("sent")
@pytest.mark.parametrize(("form", "orientation"), KINDS)
@pytest.mark.parametrize("quarters", [RIGHT, 2, LEFT])
def test_pixels_boxes_crops_and_copies_turn_and_the_file_does_not(
    user: User, form: str, orientation: int, quarters: int
) -> None:
    face = a_photo_with_a_face(form, orientation)
    original = Path(face.photo.file.path).read_bytes()
    turned = open_upright(original).convert("RGB").rotate(-90 * quarters, expand=True)
    turn_photos(user, [face.photo], quarters)
    photo = Photo.objects.get()
    box = find_bright_box(turned)
    assert (photo.width, photo.height) == turned.size
    assert sides(face) == box
    assert [sorted(axis) for axis in zip(*face.landmarks[:2], strict=True)] == [
        [box[0], box[0] + box[2]],
        [box[1], box[1] + box[3]],
    ]
    for shown in (
        Image.open(get_photo_rendition(photo, 320)),
        open_upright(export_photo(user, photo, "xmp").data),
        open_upright(b"".join(original_response(user, photo, has_position=False))),
    ):
        assert shown.size == turned.size
        assert find_bright_box(shown) == pytest.approx(box, abs=2)
    assert Image.open(io.BytesIO(export_photo(user, photo, "annotated").data)).size == turned.size
    assert json.loads(export_photo(user, photo, "json").data)["faces"][0]["box"] == box
    crop = find_bright_box(Image.open(get_face_rendition(face, 128)))
    assert crop[2] / crop[3] == pytest.approx(box[2] / box[3], abs=0.1)
    assert Path(photo.file.path).read_bytes() == original


@pytest.mark.usefixtures("sent")
def test_faces_to_hide_stay_hidden_when_the_photo_turns(user: User) -> None:
    face = a_photo_with_a_face()
    before = Photo.objects.get()
    turn_photos(user, [before], RIGHT)
    photo = Photo.objects.get()
    hidden = Image.open(get_hidden_photo_rendition(photo, 320, [Face.objects.get().box]))
    left, top, width, height = (round(side) for side in sides(face))
    spot = np.asarray(hidden)[top : top + height, left : left + width]
    outside = np.asarray(hidden.convert("L")).copy()
    outside[top : top + height, left : left + width] = 0
    assert spot.size
    assert outside.max() < 127
    with pytest.raises(NotThere):  # the boxes were read after somebody had turned it
        get_hidden_photo_rendition(before, 320, [Face.objects.get().box])


def test_one_undo_turns_back_what_is_on_the_photo_by_now(user: User, sent: Sent) -> None:
    face = a_photo_with_a_face()
    before = sides(face)
    event = turn_photos(user, [face.photo], RIGHT)
    assert ("process_photo", face.photo_id) in sent  # faces are found best where they stand
    photo = Photo.objects.get()
    drawn = draw_face(user, photo, (100, 10, 20, 30))
    [undone] = undo_events(user, event)
    assert sides(face) == before
    assert sides(drawn) == [10, 160 - 120, 30, 20]
    photo.refresh_from_db()
    assert (photo.turn, photo.width, photo.height) == (0, *STORED)
    undo_events(user, undone)
    photo.refresh_from_db()
    assert (photo.turn, sides(drawn)) == (1, [100, 10, 20, 30])


@pytest.mark.usefixtures("sent")
def test_nobody_turns_back_a_photo_that_they_do_not_see_any_more() -> None:
    bao, mai = a_user("Bao"), a_user("Mai")
    face = a_photo_with_a_face()
    event = turn_photos(bao, [face.photo], LEFT)
    album = Album.objects.create(name="Board", search="board", is_limited=True, created_by=mai)
    Photo.objects.update(limited_by=album)
    with pytest.raises(CannotUndo):
        undo_events(bao, event)
    assert Photo.objects.get().turn == 3


def test_chosen_photos_turn_together_and_their_tiles_come_new(client: Client, bao: User, sent: Sent) -> None:
    photos = [a_photo(width=800, height=600), a_photo(width=300, height=400)]
    hidden = a_photo(album=Album.objects.create(name="Board", search="board", is_limited=True))
    data = {"photo": [photo.pk for photo in (*photos, hidden)], "do": "turn_left"}
    answer = client.post(reverse("photos_act"), data, headers={"HX-Request": "true"})
    assert list(Photo.objects.order_by("pk").values_list("turn", "width", "height")) == [
        (3, 600, 800),
        (3, 400, 300),
        (0, hidden.width, hidden.height),
    ]
    toast = json.loads(answer.headers["HX-Trigger"])["toast"]
    assert toast["text"] == "You turned 2 photos to the left."
    text = answer.content.decode()
    assert f'id="tile-{photos[0].pk}"' in text
    assert f'id="tile-{hidden.pk}"' not in text
    assert Event.objects.get(verb="photos.turn").subjects.count() == 2
    client.post(toast["undo"])
    assert not Photo.objects.exclude(turn=0).exists()


@pytest.mark.usefixtures("sent")
def test_a_reference_cut_from_the_photo_is_cut_again_as_it_stands_now(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    face = a_photo_with_a_face()
    reference = a_reference(face.person, source_face=face, box=[1, 1, 1, 1], landmarks=[[0, 0]] * 5)
    write_file(reference.image.name, corpus.jpeg())
    fake = FakeEngine([Seen(face.box, a_vector(1))])
    monkeypatch.setattr(engine, "get_serving_embedder", lambda: fake)
    turn_photos(user, [face.photo], RIGHT)
    assert Reference.objects.get().work == Status.QUEUED
    assert process_reference(reference.pk)
    cut = Reference.objects.get()
    assert (cut.work, cut.turn) == (Status.DONE, 1)
    assert not Path(reference.image.path).exists()
    spot = find_bright_box(Image.open(cut.image.path))
    assert spot[2:] == pytest.approx([SPOT[3], SPOT[2]], abs=2)
    assert cut.box == pytest.approx(spot, abs=2)


@pytest.mark.usefixtures("sent")
def test_a_worker_and_a_new_reading_keep_the_turn_and_the_decisions(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    face = a_photo_with_a_face()
    fake = FakeEngine([], width=STORED[0], height=STORED[1])
    for name in ("get_detector", "get_serving_embedder"):
        monkeypatch.setattr(engine, name, lambda: fake)
    monkeypatch.setattr(engine, "get_decision_bounds", lambda embedder: fake.bounds)

    def turn_while_it_is_read(source: Any) -> FakeEngine:
        turn_photos(user, [face.photo], RIGHT)
        return fake

    Photo.objects.update(work=Status.QUEUED, queued_at=None)
    with monkeypatch.context() as patched:
        patched.setattr(engine, "read_photo", turn_while_it_is_read)
        assert process_photo(face.photo_id)
    photo = Photo.objects.get()
    assert (photo.work, photo.turn, photo.width) == (
        Status.QUEUED,
        1,
        STORED[1],
    )  # once more, as it stands now
    box = sides(face)
    fake.faces = [Seen(face.box, a_vector(1))]
    assert landmarks_in(face.box).shape == (5, 2)
    Photo.objects.update(queued_at=None)
    assert process_photo(photo.pk)
    Photo.objects.update(reading=1)
    reread_files()
    photo.refresh_from_db()
    assert (photo.work, photo.turn, photo.width, photo.height) == (Status.DONE, 1, STORED[1], STORED[0])
    assert (sides(face), Face.objects.count(), face.decision) == (box, 1, Decision.CONFIRMED)


@pytest.mark.usefixtures("sent")
def test_a_box_drawn_before_somebody_turned_the_photo_is_refused(client: Client, bao: User) -> None:
    photo = a_photo()
    turn_photos(bao, [photo], RIGHT)
    values = {"left": 10, "top": 10, "width": 50, "height": 50}
    address = reverse("face_draw", args=(photo.pk,))
    assert client.post(address, {**values, "turn": 0}).status_code == 422
    assert not Face.objects.exists()
    client.post(address, {**values, "turn": 1})
    assert Face.objects.exists()

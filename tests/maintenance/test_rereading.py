"""Photos that an earlier version read wrongly are put right, and keep what people said of their faces."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gallery.faces.processing import process_photo
from gallery.maintenance import rereading
from gallery.maintenance.rereading import reread_files
from gallery.models import Decision, Face, Photo, Reference, Status
from gallery.models.photos import READING
from gallery.models.storage import write_file
from recognition.images import read_photo
from recognition.images.orientation import turn_upright
from tests import corpus
from tests.making import a_named_face, a_person, a_photo, a_reference

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_data")]
STORED = (120, 80)  # pixels
SPOT = (30, 10, 20, 16)  # of the picture as it is stored: where the face is


def a_tiff(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.new("RGB", STORED, "black")
    picture.paste("white", (SPOT[0], SPOT[1], SPOT[0] + SPOT[2], SPOT[1] + SPOT[3]))
    return corpus.saved(picture, "TIFF", exif=exif)


def find_bright_box(pixels: np.ndarray[Any, Any]) -> list[float]:
    rows, columns = np.nonzero(pixels[..., 0] > 127)
    return [float(columns.min()), float(rows.min()), float(np.ptp(columns) + 1), float(np.ptp(rows) + 1)]


def a_photo_as_it_was(data: bytes, box: list[float], size: tuple[int, int], **columns: Any) -> Face:
    """A photo of the earlier version, with a face that somebody confirmed and a reference cut from it."""
    photo = a_photo(format="TIFF", reading=0, width=size[0], height=size[1], **columns)
    write_file(photo.file.name, data)
    left, top, width, height = box
    face = a_named_face(a_person("Ada"), photo, decision=Decision.CONFIRMED)
    Face.objects.filter(pk=face.pk).update(
        left=left, top=top, width=width, height=height, landmarks=[[left, top]] * 5
    )
    reference = a_reference(face.person, source_face=face)
    Reference.objects.filter(pk=reference.pk).update(sha256=write_file(reference.image.name, b"turned"))
    face.refresh_from_db()
    return face


@pytest.mark.parametrize("orientation", [3, 5, 6])
def test_a_tiff_that_was_turned_twice_stands_and_its_decisions_lie_on_the_face(
    orientation: int, sent: list[Any]
) -> None:
    data = a_tiff(orientation)
    right = read_photo(data).pixels
    twice = np.asarray(turn_upright(Image.fromarray(right), orientation))
    face = a_photo_as_it_was(data, find_bright_box(twice), (twice.shape[1], twice.shape[0]))
    reference = Reference.objects.get()
    reread_files()
    face.refresh_from_db()
    box = find_bright_box(right)
    assert [face.left, face.top, face.width, face.height] == box
    assert face.decision == Decision.CONFIRMED
    photo = Photo.objects.get()
    assert (photo.width, photo.height) == right.shape[1::-1]
    assert (photo.work, photo.reading) == (Status.QUEUED, READING)
    assert ("process_photo", photo.pk) in sent
    cut = Reference.objects.get()
    assert cut.image.name != reference.image.name
    assert not Path(reference.image.path).exists()
    assert find_bright_box(np.asarray(Image.open(cut.image.path)))[2:] == pytest.approx(box[2:], abs=1)
    assert ("embed_reference", cut.pk) in sent
    sent.clear()
    reread_files()
    assert not sent


def test_of_a_raw_file_that_was_taken_for_its_thumbnail_boxes_grow_with_the_picture(sent: list[Any]) -> None:
    data = corpus.dng(Image.new("RGB", (1800, 1200), "grey"), corpus.picture(1700, 1133))
    face = a_photo_as_it_was(data, [17.0, 11.33, 34.0, 22.66], (170, 113))
    reread_files()
    face.refresh_from_db()
    assert [face.left, face.top, face.width] == pytest.approx([170, 113.6, 340], abs=1)
    photo = Photo.objects.get()
    assert (photo.format, photo.width, photo.height, photo.work) == ("RAW", 1700, 1133, Status.QUEUED)


def test_a_file_that_cannot_be_read_again_stays_and_is_not_tried_for_ever(sent: list[Any]) -> None:
    photo = a_photo(format="TIFF", reading=0)
    write_file(photo.file.name, b"gone bad")
    reread_files()
    photo.refresh_from_db()
    assert (photo.reading, photo.work) == (READING, Status.DONE)
    assert not sent


def test_a_photo_whose_disk_is_away_is_read_again_when_it_is_back(sent: list[Any]) -> None:
    lost, kept = a_photo(format="TIFF", reading=0), a_photo(format="TIFF", reading=0)
    for photo in (lost, kept):
        write_file(photo.file.name, a_tiff(1))
    away = Path(kept.file.path).rename(Path(kept.file.path).with_suffix(".away"))
    reread_files()
    assert dict(Photo.objects.values_list("pk", "reading")) == {lost.pk: READING, kept.pk: 0}
    away.rename(kept.file.path)
    reread_files()
    assert set(Photo.objects.values_list("reading", flat=True)) == {READING}


def test_one_photo_that_breaks_the_reading_keeps_no_other_from_it(
    sent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = a_photo(format="TIFF", reading=0), a_photo(format="TIFF", reading=0)
    for photo in (older, newer):
        write_file(photo.file.name, a_tiff(1))
    read = rereading.stack_photo

    def break_once(photo: Photo, *rest: Any) -> None:
        if photo.pk == newer.pk:
            raise RuntimeError("a fault of ours")
        read(photo, *rest)

    monkeypatch.setattr(rereading, "stack_photo", break_once)
    reread_files()
    assert dict(Photo.objects.values_list("pk", "reading")) == {older.pk: READING, newer.pk: 0}


def test_a_photo_is_processed_only_when_its_boxes_are_where_they_belong(sent: list[Any]) -> None:
    face = a_photo_as_it_was(a_tiff(3), [1, 2, 20, 16], STORED, work=Status.QUEUED)
    assert process_photo(face.photo_id)
    photo = Photo.objects.get()
    assert photo.work == Status.QUEUED
    assert photo.queued_at is not None
    face.refresh_from_db()
    assert face.left == 1


def test_an_upright_tiff_is_left_as_it_is(sent: list[Any]) -> None:
    face = a_photo_as_it_was(
        corpus.saved(Image.open(io.BytesIO(a_tiff(1))), "TIFF"), [30, 10, 20, 16], STORED
    )
    reread_files()
    face.refresh_from_db()
    assert [face.left, face.top, face.width, face.height] == [30, 10, 20, 16]
    assert Photo.objects.get().work == Status.DONE
    assert not sent


def test_photos_of_before_are_stacked_and_get_the_rating_in_their_file() -> None:
    scene = Image.fromarray(np.random.default_rng(1).integers(0, 255, (6, 8, 3), np.uint8)).resize((240, 180))
    xmp = b'<rdf:Description xmp:Rating="4"/>'
    for number, quality in enumerate((95, 60)):
        write_file(f"photos/{number}.jpg", corpus.saved(scene, "JPEG", quality=quality, xmp=xmp))
        a_photo(file=f"photos/{number}.jpg", reading=2)
    reread_files()
    first, second = Photo.objects.order_by("pk")
    assert first.stack == second.stack == first.pk
    assert (first.rating, second.rating) == (4, 4)

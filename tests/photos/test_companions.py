"""Camera raw files and videos are kept beside the photo that they belong to, in whatever order they come."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from PIL import Image

from gallery.history.undo import undo_events
from gallery.maintenance.sanity_check import find_file_problems
from gallery.models import Album, Companion, Event, Photo, User
from gallery.photos.services import add_photo
from gallery.privacy.erasure import erase_photos
from gallery.privacy.erasure_cleanup import remove_erased_files
from recognition.errors import ImageError
from tests import corpus
from tests.making import a_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "own_data")]

IDENTIFIER = b"0A1B2C3D-0000-4000-8000-0123456789AB"


def raw_file() -> bytes:
    return corpus.dng(corpus.picture(200, 120), preview=corpus.picture(200, 120))


def jpeg_of(moment: str = "2021:07:04 12:30:01", identifier: bytes = b"") -> bytes:
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0x9003: moment, 0x927C: b"Apple iOS\x00" + identifier})
    return corpus.jpeg(200, 120, exif=exif)


def box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, name) + body


def video(identifier: bytes = b"") -> bytes:
    key = b"com.apple.quicktime.content.identifier" + identifier if identifier else b""
    return (
        box(b"ftyp", b"mp42\x00\x00\x00\x00mp42")
        + box(b"moov", key + bytes(20))
        + box(b"mdat", b"frames" * 9)
    )


@pytest.mark.parametrize("is_raw_first", [True, False])
def test_a_camera_raw_file_and_its_jpeg_are_one_photo(user: User, is_raw_first: bool) -> None:
    files = [("DCIM/IMG_1.DNG", raw_file()), ("DCIM/img_1.jpg", jpeg_of())]
    added = [add_photo(user, [data], path) for path, data in (files if is_raw_first else files[::-1])]
    photo, beside = Photo.objects.get(), Companion.objects.get()
    assert [each.photo.pk for each in added] == [photo.pk, photo.pk]
    assert (photo.name, photo.format, beside.name) == ("img_1.jpg", "JPEG", "IMG_1.DNG")
    assert Path(photo.file.path).read_bytes() == files[1][1]
    assert Path(beside.file.path).read_bytes() == files[0][1]
    again = add_photo(user, [files[0][1]], "again.dng")
    assert (again.photo.pk, again.is_duplicate) == (photo.pk, True)


@pytest.mark.parametrize(
    ("path", "moment"),
    [("DCIM/IMG_2.JPG", "2021:07:04 12:30:00"), ("B/IMG_1.JPG", "2021:07:04 12:30:00"),
     ("DCIM/IMG_1.JPG", "2021:07:04 12:30:03")],
)  # fmt: skip
def test_files_of_another_name_folder_or_moment_stay_apart(user: User, path: str, moment: str) -> None:
    add_photo(user, [raw_file()], "DCIM/IMG_1.DNG")
    add_photo(user, [jpeg_of(moment)], path)
    assert (Photo.objects.count(), Companion.objects.count()) == (2, 0)


def test_nobody_s_file_goes_beside_a_photo_of_somebody_else_or_for_other_readers(user: User) -> None:
    add_photo(user, [raw_file()], "IMG_1.DNG")
    add_photo(user, [jpeg_of()], "IMG_1.JPG", Album.objects.create(name="Others", is_limited=True))
    add_photo(a_user("other"), [jpeg_of("2021:07:04 12:30:00")], "IMG_1.JPG")
    assert (Photo.objects.count(), Companion.objects.count()) == (3, 0)


def test_a_pair_is_taken_apart_by_an_undo_for_the_same_readers(user: User) -> None:
    album = Album.objects.create(name="Trip")
    add_photo(user, [jpeg_of()], "IMG_1.JPG", album)
    add_photo(user, [raw_file()], "IMG_1.DNG", album)
    undo_events(user, Event.objects.get(verb="photo.pair"))
    assert not Companion.objects.exists()
    assert sorted(album.photos.values_list("name", "format")) == [("IMG_1.DNG", "RAW"), ("IMG_1.JPG", "JPEG")]
    assert all(Path(photo.file.path).is_file() for photo in Photo.objects.all())


def test_the_video_of_a_live_photo_is_known_by_its_name_and_identifier(user: User) -> None:
    with pytest.raises(ImageError, match="send that photo first"):
        add_photo(user, [video(IDENTIFIER)], "IMG_7.MOV")
    other = add_photo(user, [jpeg_of(identifier=b"another")], "IMG_7.JPG").photo
    live = add_photo(user, [jpeg_of("2022:01:01 10:00:00", IDENTIFIER)], "IMG_7.JPG").photo
    add_photo(user, [jpeg_of("2023:01:01 10:00:00")], "IMG_7.JPG")
    added = add_photo(user, [video(IDENTIFIER)], "img_7.mov")
    assert (added.photo.pk, added.companion) == (live.pk, live.companions.get())
    assert Path(live.companions.get().file.path).read_bytes() == video(IDENTIFIER)
    assert not other.companions.exists()


def test_the_video_inside_of_a_motion_photo_is_a_file_of_its_own(user: User) -> None:
    inside = add_photo(user, [corpus.jpeg() + video()], "PXL_1.MP.jpg").photo.companions.get()
    assert (inside.name, Path(inside.file.path).read_bytes()) == ("PXL_1.MP.mp4", video())
    odd = b"\x00\x00\x00\x18ftypmp42" + bytes(90)  # of boxes that nobody knows
    kept = add_photo(user, [corpus.jpeg(80, 60) + odd], "PXL_2.MP.jpg").photo.companions.get()
    assert Path(kept.file.path).read_bytes() == odd
    in_box = add_photo(user, [corpus.heic() + box(b"mpvd", video())], "two.heic").photo.companions.get()
    assert Path(in_box.file.path).read_bytes() == video()


@pytest.mark.parametrize("way", ["zip", "folder"])
def test_an_archive_and_a_folder_are_taken_in_with_companions_whatever_their_order(
    curator: Client, tmp_path: Path, way: str
) -> None:
    files = {
        "A/IMG_1.DNG": raw_file(),
        "A/IMG_1.JPG": jpeg_of(),
        "A/IMG_1.mov": video(),
        "A/alone.mp4": video() + b"0",
    }
    if way == "zip":
        pack = io.BytesIO(corpus.zip_of(files))
        pack.name = "all.zip"
        page = curator.post(reverse("upload_plain"), {"photos": pack}).content.decode()
        assert "Kept with “IMG_1.JPG”" in page
        assert "alone.mp4" in page
        assert "send that photo first" in page
    else:
        for name, data in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(data)
        call_command("import_photos", tmp_path / "A")
    names = set(Photo.objects.get().companions.values_list("name", flat=True))
    assert names == {"IMG_1.DNG", "IMG_1.mov"}


@pytest.fixture
def photo(user: User) -> Photo:
    photo = add_photo(user, [jpeg_of()], "IMG_1.JPG").photo
    add_photo(user, [raw_file()], "IMG_1.DNG")
    add_photo(user, [video()], "IMG_1.MOV")
    return photo


def test_companions_are_downloaded_alone_and_in_a_zip_of_originals(curator: Client, photo: Photo) -> None:
    movie = photo.companions.get(kind="video")
    address = reverse("photo_companion", args=(photo.pk, movie.pk))
    assert address in curator.get(reverse("photo", args=(photo.pk,))).content.decode()
    assert b"".join(curator.get(address).streaming_content) == video()
    answer = curator.post(reverse("photos_download"), {"photo": photo.pk, "kind": "original"})
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "IMG_1.JPG": jpeg_of(), "IMG_1.DNG": raw_file(), "IMG_1.MOV": video(),
        }  # fmt: skip


def test_viewers_get_no_originals_in_a_zip(client: Client, photo: Photo) -> None:
    client.force_login(a_user("viewer", "viewer"))
    assert client.post(reverse("photos_download"), {"photo": photo.pk, "kind": "original"}).status_code == 403


def test_companions_are_checked_with_their_photo(photo: Photo) -> None:
    assert find_file_problems().is_sound
    movie = photo.companions.get(kind="video")
    Path(movie.file.path).unlink()
    assert [row.file for row in find_file_problems().lost] == [str(movie.file)]


def test_an_erased_photo_takes_its_companions_with_it(user: User, photo: Photo) -> None:
    paths = [Path(row.file.path) for row in (photo, *photo.companions.all())]
    erasure = erase_photos(user, [photo])
    remove_erased_files(erasure)
    assert not any(path.exists() for path in paths)
    assert not Companion.objects.exists()
    assert "IMG_1.MOV" not in str(list(Event.objects.values_list("summary", flat=True)))

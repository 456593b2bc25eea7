"""Pictures: made once, right, and only for those who may see the photo."""

from __future__ import annotations

import hashlib
import shutil
import threading
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.http import Http404
from django.template import Context, Template
from django.test import Client, RequestFactory
from filelock import FileLock
from PIL import Image

from gallery.models import Album, Event, Photo, Reference, Role, User
from gallery.photos.renditions import (
    _face_rendition_path,
    delete_orphan_renditions,
    delete_photo_renditions,
    get_face_rendition,
    get_photo_rendition,
    make_file_once,
    photo_digest,
)
from gallery.web.media import picture_response
from recognition.images.sandbox import make_rendition
from tests.making import a_face, a_person, a_photo, a_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_data")]


def browser(who: User) -> Client:
    client = Client()
    client.force_login(who)
    return client


def jpeg(path: Path, *, orientation: int = 1, position: bool = True) -> bytes:
    """400 x 200 as stored: left half red, right half blue; with a place in its EXIF."""
    image = Image.new("RGB", (400, 200), "red")
    image.paste("blue", (200, 0, 400, 200))
    exif = Image.Exif()
    exif[0x0112] = orientation
    if position:
        exif.get_ifd(0x8825).update({1: "N", 2: (21.0, 1.0, 42.0), 3: "E", 4: (105.0, 51.0, 12.0)})
    out = BytesIO()
    image.save(out, "JPEG", exif=exif, quality=95)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(out.getvalue())
    return out.getvalue()


def add_photo(data: Path, name: str = "a.jpg", album: Album | None = None, **look: Any) -> Photo:
    content = jpeg(data / "media" / name, **look)
    digest = hashlib.sha256(content + name.encode()).hexdigest()
    return a_photo(name, album, file=name, sha256=digest, width=400, height=200)


def src(tag: str, **context: object) -> str:
    return Template("{% load media %}{% " + tag + " %}").render(Context(context))


def opened(response: Any) -> Image.Image:
    return Image.open(BytesIO(b"".join(response.streaming_content)))


def test_a_photo_is_shown_at_the_width_asked_for_and_kept_by_the_browser(own_data: Path) -> None:
    photo = add_photo(own_data)
    response = browser(a_user("vy", Role.VIEWER)).get(src("photo_src photo 300", photo=photo))
    assert response.status_code == 200
    assert opened(response).size == (320, 160)
    assert response["Cache-Control"] == "private, max-age=31536000, immutable"
    assert response["Content-Type"] == "image/webp"
    assert response["X-Content-Type-Options"] == "nosniff"
    again = browser(a_user("an", Role.VIEWER)).get(
        src("photo_src photo 300", photo=photo), headers={"If-None-Match": response["ETag"]}
    )
    assert again.status_code == 304


def test_what_is_shown_stands_upright_and_says_nothing_of_the_place(own_data: Path) -> None:
    photo = add_photo(own_data, orientation=6)
    image = opened(browser(a_user("vy", Role.VIEWER)).get(src("photo_src photo 2048", photo=photo)))
    assert image.size == (200, 400)
    assert image.getpixel((100, 20))[0] > 200  # type: ignore[index] -- RGB
    assert not image.getexif()
    assert "exif" not in image.info


def test_a_face_crop_is_cut_where_the_face_is(own_data: Path) -> None:
    photo = add_photo(own_data)
    face = a_face(photo, left=300, top=60, width=40, height=60)
    other = a_face(photo, left=30, top=60, width=40, height=60)
    client = browser(a_user("vy", Role.VIEWER))
    image = opened(client.get(src("face_src face", face=face))).convert("RGB")
    assert image.size == (68, 102)
    assert image.getpixel((30, 50))[2] > 200  # type: ignore[index] -- RGB: blue
    assert _face_rendition_path(other, 384).exists()  # cut from the same decoding


def test_the_original_is_for_contributors_byte_for_byte_or_without_its_place(own_data: Path) -> None:
    photo = add_photo(own_data)
    stored = (own_data / "media" / photo.file.name).read_bytes()
    client = browser(a_user("co", Role.CONTRIBUTOR))
    whole = client.get(f"/photos/{photo.pk}/original")
    assert b"".join(whole.streaming_content) == stored
    plain = client.get(f"/photos/{photo.pk}/original?position=no")
    assert plain["Content-Disposition"] == 'attachment; filename="a.jpg"'
    assert plain["Cache-Control"] == "private, no-store"
    copy = Image.open(BytesIO(plain.content))
    assert copy.size == (400, 200)
    assert not copy.getexif().get_ifd(0x8825)
    assert browser(a_user("vy", Role.VIEWER)).get(f"/photos/{photo.pk}/original").status_code == 403
    taken = Event.objects.filter(verb="downloaded", object_id=photo.pk)
    assert [event.summary["position"] for event in taken.order_by("pk")] == [True, False]


def test_widths_and_digests_that_were_never_offered_do_not_exist(own_data: Path) -> None:
    photo = add_photo(own_data)
    client = browser(a_user("vy", Role.VIEWER))
    good = src("photo_src photo 640", photo=photo)
    assert client.get(good).status_code == 200
    assert client.get(good.replace("/640", "/641")).status_code == 404
    assert client.get(good.replace(photo_digest(photo), "0" * 20)).status_code == 404


def test_strangers_to_a_limited_album_get_none_of_its_pictures(own_data: Path) -> None:
    album = Album.objects.create(name="Wedding", is_limited=True)
    guest, stranger = a_user("guest", Role.VIEWER), a_user("stranger", Role.CURATOR)
    album.members.add(guest)
    photo = add_photo(own_data, album=album)
    face = a_face(photo, left=30, top=60, width=40, height=60)
    person = a_person("An")
    jpeg(own_data / "media" / "r.jpg")
    reference = Reference.objects.create(person=person, image="r.jpg", sha256="ab" * 32, source_face=face)
    addresses = [
        src("photo_src photo", photo=photo),
        src("face_src face", face=face),
        src("reference_src reference", reference=reference),
    ]
    assert [browser(guest).get(each).status_code for each in addresses] == [200, 200, 200]
    assert [browser(stranger).get(each).status_code for each in addresses] == [404, 404, 404]
    assert [Client().get(each).status_code for each in addresses] == [302, 302, 302]


def test_a_photo_in_the_trash_is_seen_only_by_who_may_restore_it(own_data: Path) -> None:
    from django.utils import timezone

    photo = add_photo(own_data)
    Photo.objects.filter(pk=photo.pk).update(trashed_at=timezone.now())
    address = src("photo_src photo", photo=photo)
    assert browser(a_user("vy", Role.VIEWER)).get(address).status_code == 404
    assert browser(a_user("co", Role.CONTRIBUTOR)).get(address).status_code == 200


def test_a_proxy_is_told_which_file_to_send(own_data: Path, settings: Any) -> None:
    settings.ACCEL_PREFIX = "/_data"
    photo = add_photo(own_data)
    response = browser(a_user("vy", Role.VIEWER)).get(src("photo_src photo 320", photo=photo))
    sent = response["X-Accel-Redirect"]
    assert sent.startswith("/_data/cache/photos/")
    assert (own_data / sent.removeprefix("/_data/")).is_file()
    assert response.content == b""


def test_a_picture_asked_for_by_many_at_once_is_made_once(own_data: Path, monkeypatch: Any) -> None:
    photo = add_photo(own_data)
    made: list[Path] = []
    real = make_rendition

    def counted(path: Path, *options: Any) -> bytes:
        made.append(path)
        return real(path, *options)

    monkeypatch.setattr("gallery.photos.renditions.make_rendition", counted)
    threads = [threading.Thread(target=get_photo_rendition, args=(photo, 320)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_a_broken_original_is_a_missing_picture_and_leaves_nothing_behind(own_data: Path) -> None:
    photo = add_photo(own_data)
    (own_data / "media" / photo.file.name).write_bytes(b"\xff\xd8\xff nothing of the kind")
    assert browser(a_user("vy", Role.VIEWER)).get(src("photo_src photo", photo=photo)).status_code == 404
    assert not list((own_data / "cache").rglob("*.webp"))


def test_srcset_offers_each_width_once_and_none_larger_than_the_photo(own_data: Path) -> None:
    photo = add_photo(own_data)
    offered = src("photo_srcset photo", photo=photo).split(", ")
    assert [each.split()[1] for each in offered] == ["320w", "400w"]
    photo.width = 6000
    offered = src("photo_srcset photo", photo=photo).split(", ")
    assert [each.split()[1] for each in offered] == ["320w", "640w", "1280w", "2048w"]


def test_pictures_of_photos_that_are_no_more_are_swept_away_and_others_stay(own_data: Path) -> None:
    gone, kept = add_photo(own_data, "a.jpg"), add_photo(own_data, "b.jpg")
    get_photo_rendition(gone, 320)
    stays = get_photo_rendition(kept, 320)
    gone.delete()
    assert delete_orphan_renditions() == 1
    assert list((own_data / "cache").rglob("*.webp")) == [stays]


def test_forgetting_a_photo_removes_all_that_was_made_from_it(own_data: Path) -> None:
    photo = add_photo(own_data)
    face = a_face(photo, left=30, top=60, width=40, height=60)
    get_photo_rendition(photo, 320)
    get_face_rendition(face, 128)
    delete_photo_renditions(photo.sha256)
    assert not list((own_data / "cache").rglob("*.webp"))


def test_a_picture_that_is_erased_while_somebody_waits_for_it_is_not_found(own_data: Path) -> None:
    path, is_held = own_data / "cache" / "photos" / "ab" / "picture.webp", threading.Event()

    def erase_while_it_is_made() -> None:
        with FileLock(path.parent / ".lock"):
            is_held.set()
            time.sleep(0.3)
            shutil.rmtree(path.parent)

    eraser = threading.Thread(target=erase_while_it_is_made)
    eraser.start()
    is_held.wait()
    with pytest.raises(Http404):
        picture_response(RequestFactory().get("/"), "tag", lambda: make_file_once(path, path.touch))
    eraser.join()
    assert not path.parent.exists()

"""XMP sidecars say what other programs wrote as they wrote it, and follow when a name is withdrawn or erased."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from gallery.curation.name_acts import NameAnswer, start_taking_names
from gallery.faces.decisions import confirm_face
from gallery.history.undo import undo_events
from gallery.models import Album, Erasure, Event, Face, Photo, Role, User
from gallery.people.names_in_files import plan_names
from gallery.people.services import create_person, set_person_recognised
from gallery.photos.exports import export_photo
from gallery.photos.services import add_photo
from gallery.photos.sidecars import MANIFEST, keep_sidecars
from gallery.privacy.erasure import erase_person, erase_photos
from gallery.privacy.erasure_cleanup import clear_sidecars
from recognition.images.names import read_xmp_names
from tests import corpus
from tests.exif import needs_exiftool, read_with_exiftool
from tests.making import a_face, a_user
from tests.tagged_files import microsoft_body, mwg_packet, tagged_jpeg

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "own_data")]


def a_named_photo(user: User, name: str = "a.jpg", label: str = "Anna", album: Album | None = None) -> Photo:
    photo = add_photo(user, [corpus.jpeg(400 + Photo.objects.count(), 300)], name, album).photo
    people = {person.name: person for person in (face.person for face in Face.objects.all()) if person}
    confirm_face(user, a_face(photo, left=40, top=60), people.get(label) or create_person(user, label))
    return photo


def read_names(path: Path) -> list[str]:
    return sorted(tag.name for tag in read_xmp_names(path.read_bytes()))


@needs_exiftool
@pytest.mark.parametrize("orientation", [1, 6, 7])
def test_what_digikam_and_lightroom_tagged_comes_back_out_unchanged(
    user: User, orientation: int, tmp_path: Path
) -> None:
    regions = ("Anna Đỗ", "Face", 0.2123, 0.25, 0.2, 0.101), ("Bao", "Face", 0.7, 0.61237, 0.1, 0.2)
    pet = "Rex", "Pet", 0.5, 0.9, 0.1, 0.1
    packet = mwg_packet(*regions, pet, size=(400, 300), body=microsoft_body("Bao", "0.65, 0.51237, 0.1, 0.2"))
    data = tagged_jpeg(packet, orientation)
    photo = add_photo(user, [data], "a.jpg").photo
    Photo.objects.update(work="done", taken_at=datetime(2024, 2, 3, tzinfo=UTC), taken_precision="day")
    photo.refresh_from_db()
    a_face(
        photo, left=photo.width * 0.1, top=photo.height * 0.2, width=80, height=30
    )  # near enough for one of them
    start_taking_names(user, [NameAnswer(entry, None) for entry in plan_names(user).names])
    before = read_with_exiftool(data, tmp_path / "before.jpg")["XMP-mwg-rs:RegionInfo"]
    sidecar = read_with_exiftool(export_photo(user, photo, "sidecar").data, tmp_path / "after.xmp")
    inside = read_with_exiftool(export_photo(user, photo, "xmp").data, tmp_path / "after.jpg")
    for after in (sidecar, inside):
        found = after["XMP-mwg-rs:RegionInfo"]
        assert found["AppliedToDimensions"] == before["AppliedToDimensions"]
        by_name = {region["Name"]: region for region in found["RegionList"]}
        for region in before["RegionList"]:
            if after is sidecar and region["Type"] == "Pet":
                continue  # which the site keeps in the file alone
            same = by_name.pop(region["Name"])
            sides = [region["Area"][side] for side in "XYWH"]
            assert same["Type"] == region["Type"]
            assert [same["Area"][side] for side in "XYWH"] == pytest.approx(sides, abs=2e-6)
        assert not by_name
    assert set(sidecar["XMP-dc:Subject"]) == {"Anna Đỗ", "Bao"}
    assert set(sidecar["XMP-digiKam:TagsList"]) == {"People/Anna Đỗ", "People/Bao"}
    assert sidecar["XMP-exif:DateTimeOriginal"] == "2024:02:03"


def test_a_folder_has_what_changed_and_loses_a_withdrawn_name_also_where_another_program_added_to_it(
    user: User, tmp_path: Path, capsys: Any
) -> None:
    first, second = a_named_photo(user), a_named_photo(user, label="Bao")
    folder = tmp_path / "sidecars"
    call_command("write_sidecars", str(folder), "--json")
    assert json.loads(capsys.readouterr().out)["written"] == 2
    own, other = folder / "a.jpg.xmp", folder / f"{second.pk}" / "a.jpg.xmp"
    assert (read_names(own), read_names(other)) == (["Anna"], ["Bao"])
    call_command("write_sidecars", str(folder))
    assert "0 sidecars written." in capsys.readouterr().out
    added = '<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4" xmp:Label="Anna"/></rdf:RDF>'
    own.write_text(own.read_text().replace("</rdf:RDF>", added))
    anna = Face.objects.get(photo=first).person
    assert anna is not None
    event = set_person_recognised(user, anna, False)
    keep_sidecars()
    assert "Anna" not in own.read_text()
    assert 'Rating="4"' in own.read_text()
    assert read_names(other) == ["Bao"]
    assert event is not None
    undo_events(user, event)
    keep_sidecars()
    assert read_names(own) == ["Anna"]


def test_erasure_takes_a_name_out_of_every_sidecar_and_a_photos_away(user: User, tmp_path: Path) -> None:
    first, second = a_named_photo(user), a_named_photo(user, "b.jpg", "Bao")
    for folder in ("one", "two"):
        call_command("write_sidecars", str(tmp_path / folder))
    anna = Face.objects.get(photo=first).person
    assert anna is not None
    erasure = erase_person(user, anna)
    assert clear_sidecars(erasure)
    for folder in ("one", "two"):
        assert "Anna" not in (tmp_path / folder / "a.jpg.xmp").read_text()
        assert read_names(tmp_path / folder / "b.jpg.xmp") == ["Bao"]
    assert Erasure.objects.get().counts["sidecars"] == 2
    clear_sidecars(erase_photos(user, [second]))
    assert not (tmp_path / "one" / "b.jpg.xmp").exists()
    assert "b.jpg" not in (tmp_path / "one" / MANIFEST).read_text()


def test_a_folder_that_the_setting_names_is_kept_and_nothing_is_read_while_nothing_changes(
    user: User, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SIDECAR_DIR = tmp_path / "kept"
    a_named_photo(user)
    keep_sidecars()
    assert read_names(tmp_path / "kept" / "a.jpg.xmp") == ["Anna"]
    a_named_photo(user, "b.jpg", "Bao")
    keep_sidecars()
    assert read_names(tmp_path / "kept" / "b.jpg.xmp") == ["Bao"]
    monkeypatch.setattr(
        "gallery.photos.sidecars.refresh_sidecars", lambda: pytest.fail("nothing has changed")
    )
    keep_sidecars()


def test_sidecars_of_an_album_or_of_all_photos_are_one_zip_without_what_others_keep(
    user: User, client: Client
) -> None:
    album = Album.objects.create(name="Trip", created_by=user)
    hidden = Album.objects.create(name="Hidden", is_limited=True, created_by=user)
    a_named_photo(user, album=album)
    a_named_photo(user, "b.jpg", "Bao")
    a_named_photo(user, "c.jpg", "Chi", hidden)
    client.force_login(a_user("Minh", Role.CONTRIBUTOR))

    def get_files(**query: object) -> list[str]:
        answer: Any = client.get(reverse("sidecars"), query)
        with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:
            return sorted(archive.namelist())

    assert get_files() == ["a.jpg.xmp", "b.jpg.xmp"]
    assert get_files(album=album.pk) == ["a.jpg.xmp"]
    assert client.get(reverse("sidecars"), {"album": hidden.pk}).status_code == 404
    assert Event.objects.filter(summary__sidecars=2).exists()

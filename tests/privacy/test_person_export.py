"""All that is known about a person, in one file for them: complete, theirs alone, kept for a short time."""

from __future__ import annotations

import json
import os
import stat
import zipfile
from datetime import timedelta
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from PIL import Image

from gallery.faces.decisions import confirm_face
from gallery.models import (
    Candidate,
    Decision,
    Event,
    Face,
    FaceRejection,
    Person,
    PersonExport,
    Photo,
    Reference,
    ReferenceVector,
    Role,
    ShareLink,
    Status,
)
from gallery.people.services import (
    create_person,
    merge_people,
    rename_person,
    set_person_consent,
    split_person,
)
from gallery.photos.albums import create_album
from gallery.photos.sharing import share_album
from gallery.privacy import person_export
from gallery.privacy.erasure import erase_person
from gallery.privacy.erasure_cleanup import finish_erasure
from gallery.privacy.person_export import delete_expired_exports, run_person_export
from tests.making import EMBEDDER, a_face, a_photo, a_reference, a_user, a_vector

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(own_data: Path) -> Path:
    return own_data


def picture(path: Path, *patches: tuple[tuple[int, int, int, int], str]) -> None:
    """Green, with coloured boxes."""
    image = Image.new("RGB", (800, 600), "green")
    for box, colour in patches:
        image.paste(colour, box)
        if colour == "blue":  # with stripes of white, which a hidden face must have lost
            for column in range(box[0], box[2], 4):
                image.paste("white", (column, box[1], column + 2, box[3]))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, quality=95)


@pytest.fixture
def anna(folder: Path) -> Person:
    """Somebody about whom there is one of everything, and somebody else beside them."""
    mai = a_user("mai")
    anna, eva = create_person(mai, "Anna"), create_person(mai, "Eva Secret")
    rename_person(mai, anna, "Anna Trần")
    anna.refresh_from_db()
    set_person_consent(mai, anna, "Signed on 3 May", timezone.localdate() + timedelta(days=9))
    album = create_album(mai, "Trip")
    photo = a_photo("beach.jpg", album=album, taken_at=timezone.now())
    picture(folder / "media" / photo.file.name, ((300, 200, 400, 320), "red"), ((390, 200, 470, 320), "blue"))
    place = {"top": 200.0, "height": 120.0, "embedder_id": EMBEDDER}
    own = a_face(photo, left=300.0, width=100.0, embedding=a_vector(7), **place)
    other = a_face(photo, left=390.0, width=80.0, embedding=a_vector(8), **place)
    confirm_face(mai, own, anna)
    confirm_face(mai, other, eva)
    reference = a_reference(
        anna, box=[300, 200, 100, 120], source_path="/home/mai/faces/anna 1.jpg", source_face=own
    )
    picture(folder / "media" / reference.image.name, ((300, 200, 400, 320), "red"))
    maybe = a_face(a_photo("maybe.jpg"), state="unsure")
    Candidate.objects.create(face=maybe, person=anna, similarity=0.9, rank=0)
    FaceRejection.objects.create(face=a_face(), person=anna, by=mai)
    share_album(mai, album, days=7, has_names=True)
    merge_people(mai, create_person(mai, "Anna's second"), anna)
    split_person(mai, [a_face(photo, person=eva, state="known")], "Anna Trần")
    anna.refresh_from_db()
    return anna


def read(person: Person, folder: Path, language: str = "en") -> tuple[zipfile.ZipFile, dict[str, Any]]:
    path = folder / "out.zip"
    person_export.write_person_file(person, path, language)
    archive = zipfile.ZipFile(BytesIO(path.read_bytes()))
    return archive, json.loads(archive.read("data.json"))


def test_the_file_holds_everything_that_is_kept_of_them(anna: Person, folder: Path) -> None:
    archive, data = read(anna, folder)
    assert data["person"]["name"] == "Anna Trần"
    assert data["person"]["consent"] == "Signed on 3 May"
    assert [photo["name"] for photo in data["photos"]] == ["beach.jpg"]
    assert data["photos"][0]["albums"] == ["Trip"]
    assert {face["decision"] for face in data["faces"]} == {Decision.CONFIRMED.value}
    assert len(data["faces"]) == Face.objects.filter(person=anna).count() == 2
    assert [one["file_it_came_from"] for one in data["references"]] == ["anna 1.jpg"]
    assert [link["shows_names"] for link in data["share_links"]] == [True]
    assert [len(data[key]) for key in ("proposals", "said_not_to_be")] == [1, 1]
    said = " ".join(act["said"] for act in data["history"])
    for words in (
        "added the person “Anna”",
        "renamed “Anna” to",
        "consent of",
        "named a face",
        "Anna's second",
    ):
        assert words in said
    vectors = json.loads(archive.read("embeddings.json"))[EMBEDDER]
    own = Face.objects.get(person=anna, embedding__isnull=False)
    assert np.allclose(vectors["faces"][str(own.pk)], np.frombuffer(own.embedding, "<f4"), atol=1e-6)
    kept = ReferenceVector.objects.get()
    assert np.allclose(
        vectors["references"][str(kept.reference_id)], np.frombuffer(kept.vector, "<f4"), atol=1e-6
    )


def test_every_relation_to_a_person_stands_in_the_file_or_is_left_out_on_purpose() -> None:
    told = {"references", "drafts", "faces", "findings", "exports"}
    told |= {"candidate.person", "facerejection.person", "namechange.old_person", "namechange.new_person"}
    told |= {"finding.other_person", "other_names", "memberships", "groups"}
    related = {
        relation.get_accessor_name() or f"{relation.related_model._meta.model_name}.{relation.field.name}"
        for relation in Person._meta.related_objects
    }
    hidden = {
        f"{relation.related_model._meta.model_name}.{relation.field.name}"
        for relation in Person._meta.get_fields(include_hidden=True)
        if relation.auto_created and not relation.concrete and not relation.get_accessor_name()
    }
    assert {name for name in related | hidden if not name.endswith("+")} <= told


def test_nobody_elses_name_is_in_it(anna: Person, folder: Path) -> None:
    archive, data = read(anna, folder)
    everything = json.dumps(data, ensure_ascii=False) + archive.read("read-me.html").decode()
    assert "Eva" not in everything
    assert "mai" not in everything.replace("maybe", "").replace("remain", ""), "not even of who did what"
    assert "maybe.jpg" not in everything, "a photo that may be somebody else's"
    assert "/home" not in everything


def test_cut_outs_show_their_face_and_make_others_unrecognisable(anna: Person, folder: Path) -> None:
    archive, data = read(anna, folder)
    face = next(face for face in data["faces"] if face["box"][0] == 300)
    cut = np.asarray(Image.open(BytesIO(archive.read(face["picture"]))).convert("RGB")).astype(int)
    left, top, right, bottom = 300 - 35, 200 - 42, 400 + 35, 320 + 42
    assert cut.shape[:2] == (bottom - top, right - left)
    middle = cut[320 // 2 - top // 2 + 10, 350 - left]
    assert middle[0] > 150
    assert middle[2] < 100
    beside = cut[230 - top : 290 - top, 412 - left :, 0]  # where the other face reaches into the cut
    photo = Image.open(folder / "media" / Photo.objects.get(name="beach.jpg").file.name)
    assert np.asarray(photo)[230:290, 412:435, 0].std(axis=1).mean() > 50
    assert beside.std(axis=1).mean() < 25
    assert all(
        not Image.open(BytesIO(archive.read(name))).getexif() for name in archive.namelist() if "jpg" in name
    )


def test_pictures_of_other_people_and_of_faces_that_may_be_somebody_elses_are_left_out(
    anna: Person, folder: Path
) -> None:
    archive, data = read(anna, folder)
    named = {name for name in archive.namelist() if name.startswith("faces/")}
    assert named == {face["picture"] for face in data["faces"]}


def test_the_page_reads_well_in_the_language_asked_for(anna: Person, folder: Path) -> None:
    english = read(anna, folder)[0].read("read-me.html").decode()
    (folder / "out.zip").unlink()
    vietnamese = read(anna, folder, "vi")[0].read("read-me.html").decode()
    assert "Photos with you" in english
    assert 'lang="vi"' in vietnamese
    assert "Photos with you" not in vietnamese


def test_an_original_that_is_gone_is_said_and_stops_nothing(anna: Person, folder: Path) -> None:
    (folder / "media" / Photo.objects.get(name="beach.jpg").file.name).unlink()
    (folder / "media" / Reference.objects.get().image.name).unlink()
    written = person_export.write_person_file(anna, folder / "out.zip")
    assert written.without_picture == 3
    data = json.loads(zipfile.ZipFile(folder / "out.zip").read("data.json"))
    assert {face["picture"] for face in data["faces"]} == {None}


def test_nothing_half_written_is_left(anna: Person, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        person_export.write_person_file(anna, folder / "out.zip")
    assert not list(folder.glob("*.zip"))


# From the page


def ask(client: Client, person: Person) -> PersonExport:
    client.post(f"/people/{person.pk}/export")
    return PersonExport.objects.latest("pk")


@pytest.fixture
def administrator(client: Client) -> Client:
    client.force_login(a_user("ad", Role.ADMINISTRATOR))
    return client


def test_an_administrator_asks_waits_fetches_and_removes(
    administrator: Client, anna: Person, folder: Path
) -> None:
    page = f"/people/{anna.pk}/export"
    assert page in administrator.get(f"/people/{anna.pk}/").content.decode()
    export = ask(administrator, anna)
    assert ask(administrator, anna) == export, "one is enough"
    assert "being made" in administrator.get(page).content.decode()
    assert administrator.get(f"{page}/{export.pk}").status_code == 404
    assert run_person_export(export.pk)
    assert not run_person_export(export.pk)
    answer = administrator.get(f"{page}/{export.pk}")
    assert zipfile.ZipFile(BytesIO(b"".join(answer.streaming_content))).testzip() is None  # type: ignore[attr-defined]
    assert "Anna" in answer["Content-Disposition"]
    assert answer["Cache-Control"] == "private, no-store"
    assert Event.objects.filter(verb="downloaded", object_id=anna.pk, object_type="person").count() == 1
    [file] = (folder / "exports").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    administrator.post(f"{page}/{export.pk}/remove")
    assert not list((folder / "exports").iterdir())
    assert administrator.get(f"{page}/{export.pk}").status_code == 404


def test_curators_neither_see_nor_fetch_it(client: Client, anna: Person) -> None:
    client.force_login(a_user("curator"))
    assert "/export" not in client.get(f"/people/{anna.pk}/").content.decode()
    assert client.post(f"/people/{anna.pk}/export").status_code == 403


def test_a_file_is_gone_when_its_time_is_over_and_one_nobody_knows_is_swept(
    administrator: Client, anna: Person, folder: Path, settings: Any
) -> None:
    settings.EXPORT_DAYS = 3
    export = ask(administrator, anna)
    run_person_export(export.pk)
    stray = folder / "exports" / "stray.zip"
    stray.write_bytes(b"x")
    os.utime(stray, (0, 0))
    assert delete_expired_exports() == 1
    assert not stray.exists()
    assert PersonExport.objects.count() == 1
    PersonExport.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert administrator.get(f"/people/{anna.pk}/export/{export.pk}").status_code == 404
    assert delete_expired_exports() == 1
    assert not list((folder / "exports").iterdir())


def test_erasing_leaves_no_file(administrator: Client, anna: Person, folder: Path) -> None:
    run_person_export(ask(administrator, anna).pk)
    assert finish_erasure(erase_person(None, anna).pk)
    assert not PersonExport.objects.exists()
    assert not list((folder / "exports").iterdir())


def test_a_full_disk_is_said_and_it_can_be_asked_again(
    administrator: Client, anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    export = ask(administrator, anna)
    with monkeypatch.context() as patch:
        patch.setattr(person_export, "write_person_file", full)
        run_person_export(export.pk)
    assert "disk may be full" in administrator.get(f"/people/{anna.pk}/export").content.decode()
    assert ask(administrator, anna) != export


def test_the_command_takes_a_name_or_a_number(anna: Person, folder: Path) -> None:
    out = StringIO()
    call_command("export_person", "anna TRẦN", "--out", str(folder / "a.zip"), "--json", stdout=out)
    said = json.loads(out.getvalue())
    assert (said["person"], said["faces"], said["references"]) == (anna.pk, 2, 1)
    call_command("export_person", str(anna.pk), "--out", str(folder / "b.zip"), stdout=out)
    for name, message in (("Nobody", "nobody called"), ("Anna Trần", "there already")):
        with pytest.raises(CommandError, match=message) as raised:
            call_command("export_person", name, "--out", str(folder / "a.zip"))
        assert raised.value.returncode == 2


def test_making_it_costs_the_same_number_of_queries_for_any_number_of_photos_but_their_faces(
    anna: Person, folder: Path, django_assert_max_num_queries: Any
) -> None:
    for _ in range(20):
        a_face(a_photo(), person=anna, state="known")
    assert Status.DONE
    assert ShareLink.objects.exists()
    with django_assert_max_num_queries(60):  # one for each photo's other faces
        person_export.write_person_file(anna, folder / "out.zip")

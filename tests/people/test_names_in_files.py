"""Names that other programs wrote into photos are shown with what taking them would do, taken as one act, and undone
as one; nobody is named, and nobody comes back, by a file alone."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from gallery.curation.name_acts import NameAnswer, start_taking_names
from gallery.faces.decisions import decide_face
from gallery.history.undo import undo_events
from gallery.models import (
    Album,
    Candidate,
    Decision,
    Event,
    Face,
    NameInFile,
    Person,
    Photo,
    Reference,
    Role,
    User,
)
from gallery.people.names_in_files import Fit, PlannedName, forget_names, plan_names
from gallery.people.references import add_references_from_faces
from gallery.people.services import create_person
from gallery.photos.file_names import NamesBeside, keep_names
from gallery.photos.services import add_photo
from gallery.photos.sidecars import list_sidecar_facts
from gallery.photos.turning import turn_photos
from gallery.privacy.erasure import erase_person
from gallery.privacy.erasure_cleanup import redact_erased_history
from recognition.images.names import NameTag, read_xmp_names
from recognition.types import Box
from tests import corpus
from tests.making import a_face, a_named_face, a_person, a_photo, a_user, an_unsure_face
from tests.people.test_faces_as_references import a_clear_face
from tests.tagged_files import mwg_packet, tagged_jpeg

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "own_data")]
PLACE = {"left": 80, "top": 120, "width": 160, "height": 60}  # of the tag below, in a photo of 800 x 600
ANNA = NameTag("Anna", Box(0.1, 0.2, 0.2, 0.1))


def a_tagged_photo(*tags: NameTag, **columns: Any) -> Photo:
    photo = a_photo(**columns)
    keep_names(photo, tags or [ANNA])
    return photo


def plan_one(user: User) -> PlannedName:
    (entry,) = plan_names(user).names
    return entry


def take(user: User, person: Person | None = None, *, is_all: bool = False) -> Event:
    event = start_taking_names(user, [NameAnswer(plan_one(user), person, is_all)]).event
    assert event is not None
    return event


def test_names_in_an_uploaded_photo_wait_and_name_nobody(user: User) -> None:
    data = tagged_jpeg(mwg_packet(("Anna", "Face", 0.2, 0.25, 0.2, 0.1), size=(400, 300)))
    photo = add_photo(user, [data], "a.jpg").photo
    row = photo.names_in_file.get()
    assert (row.name, row.left, row.top, row.width, row.height) == pytest.approx(("Anna", 40, 60, 80, 30))
    assert not Face.objects.exists()
    assert not Person.objects.exists()
    assert plan_names(user).waiting == 1  # the worker is still to look


def test_a_box_names_the_face_it_fits_and_another_is_drawn_anew(user: User, sent: list[Any]) -> None:
    face = a_face(a_tagged_photo(ANNA, NameTag("Anna", Box(0.6, 0.6, 0.1, 0.1))), **{**PLACE, "left": 90})
    entry = plan_one(user)
    assert (entry.is_clear, dict(entry.counts)) == (True, {Fit.FITS: 1, Fit.DRAWN: 1})
    event = take(user)
    face.refresh_from_db()
    drawn = Face.objects.exclude(pk=face.pk).get()
    for each in (face, drawn):
        assert (each.person.name, each.decision, each.decided_by) == ("Anna", Decision.CONFIRMED, user)
    assert (face.left, face.is_drawn, drawn.left, drawn.top) == (pytest.approx(80), True, 480, 360)
    assert ("embed_face", drawn.pk) in sent
    assert not NameInFile.objects.exists()
    undo_events(user, event)
    face.refresh_from_db()
    assert (face.person, face.decision, face.left, face.is_drawn) == (None, "", 90, False)
    assert list(Face.objects.all()) == [face]
    assert not Person.objects.exists()
    assert NameInFile.objects.count() == 2


def test_undoing_also_takes_a_drawn_face_away_that_became_a_reference(user: User) -> None:
    a_tagged_photo()
    event = take(user)
    reference = Reference.objects.create(
        person=Person.objects.get(), image="r.jpg", source_face=Face.objects.get()
    )
    undo_events(user, event)
    reference.refresh_from_db()
    assert (Face.objects.count(), reference.status) == (0, Reference.Judgement.REJECTED)


def test_the_machines_sure_name_and_what_people_said_stand_unless_the_file_is_said_to_be_right(
    user: User,
) -> None:
    bao = a_person("Bao")
    face = a_named_face(bao, a_tagged_photo(), **PLACE)
    assert plan_one(user).counts == {Fit.CONTRADICTED: 1}
    assert not plan_one(user).is_clear
    anna = a_person("Anna")
    take(user, anna)
    face.refresh_from_db()
    assert (face.person, NameInFile.objects.count()) == (bao, 1)
    take(user, anna, is_all=True)
    face.refresh_from_db()
    assert face.person == anna
    other = a_face(a_tagged_photo(), **PLACE)
    decide_face(user, other, Decision.NOT_A_FACE)
    assert plan_one(user).counts == {Fit.DECIDED: 1}
    take(user, anna)
    other.refresh_from_db()
    assert (other.decision, NameInFile.objects.count()) == (Decision.NOT_A_FACE, 0)


def test_a_name_without_a_box_goes_to_the_only_face_or_to_the_one_that_is_thought_to_be_theirs(
    user: User,
) -> None:
    anna, photo = a_person(), a_tagged_photo(NameTag("Anna"))
    unsure, _other = an_unsure_face(anna, photo=photo), a_face(photo)
    a_face(a_tagged_photo(NameTag("Anna")))
    for _each in range(2):
        a_face(lost := a_tagged_photo(NameTag("Anna"))), a_face(lost)
    assert plan_one(user).counts == {Fit.FITS: 2, Fit.UNPLACED: 2}
    take(user, anna)
    unsure.refresh_from_db()
    assert unsure.person == anna
    assert plan_one(user).counts == {Fit.UNPLACED: 2}


def test_whose_name_several_have_or_almost_is_asked_on_the_page(curator: Client, user: User) -> None:
    first, second = a_person(), create_person(user, "Anna", is_another=True)
    face = a_face(a_tagged_photo(), **PLACE)
    number, act = plan_one(user).number, reverse("file_names_act")
    page = curator.get(reverse("file_names")).content.decode()
    assert first.label != second.label
    assert f'name="who-{number}"' in page
    curator.post(act, {"name": number})
    assert not Face.objects.filter(person__isnull=False).exists()
    curator.post(act, {"name": number, f"who-{number}": second.pk})
    face.refresh_from_db()
    assert face.person == second
    a_person("Nguyễn An")
    a_tagged_photo(NameTag("Nguyen An", ANNA.box))
    assert plan_one(user).is_ambiguous
    number = plan_one(user).number
    curator.post(act, {"name": number, f"who-{number}": "new"})
    assert Person.objects.filter(search="nguyen an").count() == 2


def test_somebody_who_was_erased_or_may_not_be_recognised_does_not_come_back_unasked(
    curator: Client, user: User
) -> None:
    erase_person(user, create_person(user, "Anna"))
    face = a_face(a_tagged_photo(), **PLACE)
    act, number = reverse("file_names_act"), plan_one(user).number
    assert plan_one(user).was_erased
    assert not plan_one(user).is_clear
    question = curator.post(act, {"name": number})
    assert question.status_code == 409
    assert "was erased here" in question.content.decode()
    assert not Person.objects.exists()
    digest = question.context["digest"].pk
    curator.post(act, {"name": number, "erased": digest})
    face.refresh_from_db()
    assert face.person is not None
    assert face.person.name == "Anna"
    Person.objects.update(consent_until=date(2020, 1, 1))
    closed = a_face(a_tagged_photo(), **PLACE)
    number = plan_one(user).number
    assert plan_one(user).is_closed
    assert "May not be recognised here: Anna" in curator.post(act, {"name": number}).content.decode()
    curator.post(act, {"name": number, "confirmed": "names in files"})
    closed.refresh_from_db()
    assert (closed.person, closed.embedding) == (face.person, None)


def test_erasing_somebody_takes_their_waiting_names_and_what_would_bring_them_back(user: User) -> None:
    a_tagged_photo()
    forget_names(user, plan_one(user).tags)
    event = Event.objects.get(verb="names.forget")
    a_tagged_photo()
    erasure = erase_person(user, create_person(user, "Anna"))
    redact_erased_history(erasure)
    event.refresh_from_db()
    assert not NameInFile.objects.exists()
    assert event.undo is None


def test_names_in_photos_that_somebody_may_not_see_are_not_told_nor_taken(user: User, client: Client) -> None:
    hidden = Album.objects.create(name="Hidden", is_limited=True, created_by=user)
    face = a_face(a_tagged_photo(album=hidden), **PLACE)
    bao = a_user("Bao", Role.CONTRIBUTOR)
    client.force_login(bao)
    assert "Anna" not in client.get(reverse("file_names")).content.decode()
    assert "in a photo's file" not in client.get(reverse("home")).content.decode()
    client.post(reverse("file_names_act"), {"name": plan_one(user).number})
    face.refresh_from_db()
    assert face.person is None


def test_left_out_names_are_not_asked_about_again_and_can_be_brought_back(
    curator: Client, user: User
) -> None:
    a_face(a_tagged_photo(), **PLACE)
    curator.post(reverse("file_names_act"), {"name": plan_one(user).number, "forget": 1})
    assert plan_names(user).names == []
    undo_events(user, Event.objects.get(verb="names.forget"))
    assert plan_one(user).name == "Anna"


def test_a_face_named_by_a_file_is_compared_before_it_counts_as_a_reference(user: User) -> None:
    face = a_clear_face()
    keep_names(face.photo, [NameTag("Anna", Box(0.375, 1 / 3, 0.125, 0.2))])
    take(user)
    assert add_references_from_faces([face.pk]) == 1
    reference = Reference.objects.get()
    assert (reference.status, reference.doubt) == (Reference.Judgement.PENDING, Reference.Doubt.UNSEEN)


def test_a_name_that_was_taken_does_not_wait_again_when_its_sidecar_comes_later(user: User) -> None:
    photo = a_tagged_photo()
    take(user)
    assert keep_names(photo, [ANNA, NameTag("Bao")]) == 1
    assert keep_names(photo, [NameTag("Bao", Box(0.5, 0.5, 0.1, 0.1)), NameTag("Bao")]) == 1
    row = photo.names_in_file.get()
    assert (row.name, row.left) == ("Bao", 400)


def test_boxes_that_wait_turn_with_their_photo_and_sidecars_say_where_they_are_in_the_file(
    user: User, tmp_path: Path
) -> None:
    photo = add_photo(user, [corpus.jpeg(400, 300)], "a.jpg").photo
    keep_names(photo, [ANNA])
    turn_photos(user, [photo], 1)
    row, photo = photo.names_in_file.get(), Photo.objects.get()
    assert (row.left, row.top, row.width, row.height) == pytest.approx((210, 40, 30, 80))
    sidecar = mwg_packet(("Bao", "Face", 0.2, 0.25, 0.2, 0.1), size=(400, 300))
    NamesBeside(["a.xmp"], lambda path: sidecar).keep(photo, "a.jpg")
    assert photo.names_in_file.get(name="Bao").left == pytest.approx(210)
    Photo.objects.update(work="done")
    start_taking_names(user, [NameAnswer(entry, None) for entry in plan_names(user).names])
    (facts,) = list_sidecar_facts([photo])
    boxes = [tag.box for tag in read_xmp_names(facts.build())]
    assert [box and (box.left, box.top) for box in boxes] == [pytest.approx((0.1, 0.2), abs=1e-5)] * 2


def test_import_photos_reads_what_lies_beside_and_photo_names_takes_what_is_clear(
    user: User, tmp_path: Path, capsys: Any
) -> None:
    folder = tmp_path / "Trip"
    folder.mkdir()
    for number, name in enumerate(("a.jpg", "b.JPG", "IMG_3.jpg", "d.jpg", "p(1).jpg", "none.jpg")):
        (folder / name).write_bytes(corpus.jpeg(400 + number, 300))
    packet = mwg_packet(("Anna", "Face", 0.2, 0.25, 0.2, 0.1), size=(400, 300))
    (folder / "a.xmp").write_bytes(packet)
    (folder / "b.JPG.xmp").write_bytes(packet)
    (folder / ".picasa.ini").write_text(
        "[IMG_3.jpg]\nfaces=rect64(1999333366664ccc),a1\n[Contacts2]\na1=Bao;;\n"
    )
    (folder / "d.jpg.supplemental-metadata.json").write_text(
        '{"title": "d.jpg", "people": [{"name": "Anna"}]}'
    )
    (folder / "p.jpg.supplemental-metadata(1).json").write_text(
        '{"title": "p.jpg", "people": [{"name": "Bao"}]}'
    )
    (folder / "metadata.json").write_text('{"title": "Trip"}')
    (folder / "none.xmp").write_bytes(b"<x>")
    call_command("import_photos", str(folder), "--json")
    report = json.loads(capsys.readouterr().out)
    assert (len(report["added"]), report["names"], report["refused"]) == (6, 5, [])
    assert {Path(each["path"]).name for each in report["left_out"]} == {"metadata.json", "none.xmp"}
    rows = NameInFile.objects.values_list("photo__name", "name", "left")
    assert set(rows.filter(left=None)) == {("d.jpg", "Anna", None), ("p(1).jpg", "Bao", None)}
    assert rows.filter(name="Anna", left__isnull=False).count() == 2
    Photo.objects.update(work="done")
    call_command("photo_names", "--user", user.username)
    assert "Anna (new): 2 drawn, 1 unplaced" in capsys.readouterr().out
    assert not Face.objects.exists()
    call_command("photo_names", "--user", user.username, "--take")
    assert set(Face.objects.values_list("person__name", "decided_by")) == {
        ("Anna", user.pk),
        ("Bao", user.pk),
    }


def test_sidecars_are_taken_after_their_photos_by_themselves_and_from_a_zip(
    curator: Client, user: User
) -> None:
    packet = mwg_packet(("Anna", "Face", 0.2, 0.25, 0.2, 0.1), size=(400, 300))

    def send(name: str, content: bytes) -> list[dict[str, Any]]:
        answer: Any = curator.post(reverse("upload_file"), {"photos": SimpleUploadedFile(name, content)})
        return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]

    assert send("a.jpg.xmp", packet)[0]["kind"] == "refused"
    send("a.jpg", corpus.jpeg(400, 300))
    (said,) = send("a.jpg.xmp", packet)
    assert (said["kind"], said["sentence"]) == ("names", "1 new name read for your photos.")
    other = {"Trip/b.xmp": packet, "Trip/b.jpg": corpus.jpeg(404, 303), "Trip/c.json": b"{}"}
    kinds = {each["name"]: each["kind"] for each in send("all.zip", corpus.zip_of(other))}
    assert kinds == {"b.jpg": "added", "c.json": "refused"}
    assert set(NameInFile.objects.values_list("photo__name", "name")) == {
        ("a.jpg", "Anna"),
        ("b.jpg", "Anna"),
    }
    assert not Candidate.objects.exists()

"""What was erased is asked about, whichever way it comes back: never taken in unsaid, never refused unsaid."""

from __future__ import annotations

import json
from datetime import timedelta
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from gallery.backup.ledger import are_erasures_unnoted, note_erasures
from gallery.backup.schedule import get_backup_warning
from gallery.core.erased import find_erased, let_erased_return
from gallery.core.exceptions import FileWasErased, NameWasErased
from gallery.curation.bulk import start_bulk_act
from gallery.history.changeset import find_events_about
from gallery.history.descriptions import describe_event
from gallery.history.undo import undo_events
from gallery.maintenance.tasks import look_after_data
from gallery.models import (
    BulkAct,
    Decision,
    ErasedDigest,
    Erasure,
    Event,
    Person,
    Photo,
    Reference,
    Role,
    User,
)
from gallery.people.drafts import add_draft
from gallery.people.gallery_export import export_gallery
from gallery.people.gallery_import import import_gallery
from gallery.people.member_lists import draft_people_import, resolve_unclear_rows
from gallery.people.references import add_reference
from gallery.people.services import create_person, merge_people, rename_person, split_person
from gallery.photos.services import add_photo
from gallery.privacy.erasure import erase_person, erase_photos
from gallery.privacy.retention import delete_expired_records
from tests.engines import FakeEngine
from tests.gallery_world import world
from tests.making import a_named_face, a_person, a_photo, a_user
from tests.making_pictures import jpeg

__all__ = ["world"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("world")]
NAME = "Trần Ấn"


@pytest.fixture(autouse=True)
def places(settings: Any, tmp_path: Path, world: FakeEngine) -> None:
    """Data, pictures and backups of the test's own."""
    settings.DATA_DIR = tmp_path / "data"
    settings.DATA_DIR.mkdir()
    settings.MEDIA_ROOT, settings.BACKUP_DIR = tmp_path / "media", tmp_path / "backups"


@pytest.fixture
def erased(user: User) -> Erasure:
    """The receipt of somebody whose one reference came from `jpeg(1)`."""
    person = create_person(user, NAME)
    add_reference(user, person, jpeg(1), "her.jpg")
    return erase_person(user, person)


def write_folder(root: Path, name: str, *shades: int) -> Path:
    for shade in shades:
        path = root / name / f"{shade}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(shade))
    return root


def run(*arguments: str, **options: Any) -> Any:
    out = StringIO()
    call_command(*arguments, json=True, stdout=out, **options)
    return json.loads(out.getvalue())


@pytest.mark.usefixtures("erased")
def test_the_table_holds_neither_the_name_nor_a_hash_that_others_could_compute() -> None:
    digests = list(ErasedDigest.objects.values_list("kind", "digest"))
    kinds = {kind for kind, _digest in digests}
    assert kinds == {"name", "file", "row"}
    plain = {sha256(text).hexdigest() for text in (jpeg(1), b"tran an", NAME.encode())}
    assert not plain & {digest for _kind, digest in digests}


def test_the_folder_of_an_erased_person_brought_again_is_said_once_and_left_out(
    erased: Erasure, tmp_path: Path
) -> None:
    root = write_folder(tmp_path / "people", "tran an", 2, 3)  # other pictures, and without accents
    done = run("import_people", str(root))
    assert (done["people"], done["added"], done["skipped"]) == (0, 0, [])
    (said,) = done["waiting"]
    assert said["path"] == str(root / "tran an")
    assert str(erased.receipt) in said["reason"]
    assert "--with-erased" in said["reason"]
    assert not Person.objects.exists()


@pytest.mark.usefixtures("erased")
def test_the_folder_of_an_erased_person_is_nobody_elses_who_got_a_picture_from_it(
    user: User, tmp_path: Path
) -> None:
    reference = add_reference(user, create_person(user, "Binh"), jpeg(7), "7.jpg")
    Reference.objects.filter(pk=reference.pk).update(source_path="people/tran an/7.jpg")
    root = write_folder(tmp_path / "people", "tran an", 2)
    done = run("import_people", str(root))
    assert (done["added"], done["renamed"], len(done["waiting"])) == (0, {}, 1)


@pytest.mark.usefixtures("erased")
def test_a_folder_whose_return_is_meant_is_taken_in_as_an_event_that_can_be_undone(
    tmp_path: Path, user: User
) -> None:
    root = write_folder(tmp_path / "people", NAME, 1)
    assert run("import_people", str(root), with_erased=True)["waiting"] == []
    events = Event.objects.filter(verb__startswith="erased.").order_by("pk")
    assert [describe_event(event) for event in events] == [
        f"took in “{NAME}”, a name that had been erased",
        "took in “1.jpg”, a file that had been erased",
    ]
    create_person(user, "Trân An")  # it is not asked about twice
    undo_events(user, events[0])
    with pytest.raises(NameWasErased):
        create_person(user, "Tran Án")


@pytest.mark.usefixtures("erased")
def test_a_picture_of_somebody_erased_in_a_folder_of_another_name_waits(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "people", "Somebody else", 1)
    done = run("import_people", str(root))
    assert [said["path"] for said in done["waiting"]] == [str(root / "Somebody else" / "1.jpg")]
    assert not Person.objects.exists()


def test_a_gallery_exported_before_the_erasure_comes_in_without_the_person(
    user: User, tmp_path: Path
) -> None:
    person = create_person(user, NAME)
    for somebody, shade in ((person, 1), (create_person(user, "Bảo"), 2)):
        add_reference(user, somebody, jpeg(shade))
    export_gallery(tmp_path / "export")
    export_gallery(tmp_path / "again")
    erase_person(user, person)
    done = import_gallery(tmp_path / "export")
    assert [said["path"] for said in done.waiting] == [NAME]
    assert (done.people, done.added, done.already) == (0, 0, 1 + 1)
    assert [each.name for each in Person.objects.all()] == ["Bảo"]
    with let_erased_return():
        assert import_gallery(tmp_path / "again").waiting == []
    assert Reference.objects.filter(person__name=NAME).count() == 1


def test_an_erased_photo_is_left_out_of_an_import_and_said(user: User, tmp_path: Path) -> None:
    root = write_folder(tmp_path / "card", "photos", 5, 6)
    run("import_photos", str(root))
    erasure = erase_photos(user, [Photo.objects.get(name="5.jpg")])
    done = run("import_photos", str(root))
    assert (done["added"], len(done["already"]), done["refused"]) == ([], 1, [])
    assert str(erasure.receipt) in done["waiting"][0]["reason"]
    assert len(run("import_photos", str(root), with_erased=True)["added"]) == 1


@pytest.mark.parametrize("address", ["/upload/", "/upload/file"])
def test_an_erased_photo_that_is_uploaded_is_asked_about_on_the_page(
    address: str, client: Client, settings: Any
) -> None:
    admin = a_user(role=Role.ADMINISTRATOR)
    client.force_login(admin)
    assert 'value="files"' not in client.get("/upload/").content.decode()
    photo = add_photo(admin, [jpeg(5)], "five.jpg").photo
    erase_photos(admin, [photo])
    assert 'value="files"' in client.get("/upload/").content.decode()
    target = "/upload/plain" if address == "/upload/" else address

    def send(**more: str) -> str:
        answer = client.post(target, {"photos": SimpleUploadedFile("five.jpg", jpeg(5)), **more})
        return answer.getvalue().decode()

    assert "was erased here" in send()
    assert not Photo.objects.exists()
    send(erased="files")
    assert Photo.objects.get().name == "five.jpg"
    assert Event.objects.filter(verb="erased.file_returned", actor=admin).exists()


def test_of_photos_only_those_that_show_nobody_else_are_remembered(user: User) -> None:
    person = create_person(user, NAME)
    alone, group = a_photo(sha256="a" * 64), a_photo(sha256="b" * 64)
    a_named_face(person, alone)
    a_named_face(person, group)
    a_named_face(a_person("Bảo"), group)
    erase_person(user, person)
    assert find_erased(ErasedDigest.Kind.FILE, ["a" * 64, "b" * 64]).keys() == {"a" * 64}


@pytest.mark.usefixtures("erased")
def test_a_picture_of_somebody_erased_becomes_nobodys_reference_unasked(user: User) -> None:
    other = create_person(user, "Bảo")
    with pytest.raises(FileWasErased, match="was erased here"):
        add_reference(user, other, jpeg(1), "her.jpg")
    with pytest.raises(FileWasErased):
        add_draft(user, other, jpeg(1), "her.jpg")
    with let_erased_return():
        assert add_reference(user, other, jpeg(1), "her.jpg")


@pytest.mark.usefixtures("erased")
def test_a_page_asks_before_a_name_comes_back_and_then_does_what_was_asked(
    curator: Client, user: User
) -> None:
    asked = curator.post("/people/new", {"name": "Tran An", "note": "her <note>"})
    page = asked.content.decode()
    assert asked.status_code == 409
    assert "Somebody called “Tran An” was erased here" in page
    assert 'name="note" value="her &lt;note&gt;"' in page
    assert not Person.objects.exists()
    number = ErasedDigest.objects.get(kind="name").pk
    done = curator.post("/people/new", {"name": "Tran An", "note": "x", "erased": str(number)})
    assert done.status_code == 302
    assert Person.objects.get().name == "Tran An"
    assert Event.objects.filter(verb="erased.name_returned", actor=user).exists()


@pytest.mark.usefixtures("erased")
def test_a_tick_for_another_question_does_not_answer_this_one(curator: Client) -> None:
    for answer in ("0", "files", "yes"):
        assert curator.post("/people/new", {"name": NAME, "erased": answer}).status_code == 409
    assert not Person.objects.exists()


@pytest.mark.usefixtures("erased")
def test_a_script_gets_the_question_in_the_place_of_the_page(curator: Client) -> None:
    face = a_named_face(a_person("Bảo"))
    answer = curator.post(
        f"/faces/{face.pk}/say", {"answer": "other", "name": NAME}, headers={"HX-Request": "true"}
    )
    assert (answer.status_code, answer["HX-Retarget"], answer["HX-Reselect"]) == (200, "#main", "#main")
    assert "Is that meant?" in answer.content.decode()
    face.refresh_from_db()
    assert (face.person and face.person.name, face.decision) == ("Bảo", Decision.NONE)


@pytest.mark.usefixtures("erased")
def test_the_admin_asks_too(curator: Client) -> None:
    person = a_person("Bảo")
    values = {"name": NAME, "note": "", "is_recognised": "on", "consent_note": "", "consent_until": ""}
    answer = curator.post(f"/admin/gallery/person/{person.pk}/change/", {**values, "revision": 0})
    assert answer.status_code == 409
    person.refresh_from_db()
    assert person.name == "Bảo"


@pytest.mark.usefixtures("erased")
def test_renaming_and_splitting_ask_but_a_new_spelling_of_ones_own_name_does_not(user: User) -> None:
    person = create_person(user, "Bảo")
    face = a_named_face(person)
    for act in (lambda: rename_person(user, person, NAME), lambda: split_person(user, [face], NAME)):
        with pytest.raises(NameWasErased):
            act()
    namesake = a_person("Tran An")  # was here all the time
    assert rename_person(user, namesake, "Tràn An")


def test_undoing_a_rename_or_a_merge_asks_where_the_old_name_was_erased_since(user: User) -> None:
    renamed, merged = create_person(user, "Mai"), create_person(user, "Lan")
    rename = rename_person(user, renamed, "Mai Anh")
    merge = merge_people(user, merged, renamed)
    assert rename
    undo_of_merge = undo_events(user, merge)[0]
    again = undo_events(user, undo_of_merge)[0]  # it can be undone, as nobody called Lan was erased
    for name in ("Mai", "Lan"):
        erase_person(user, create_person(user, name))
    for event in (rename, again):
        event.refresh_from_db()
        with pytest.raises(NameWasErased):
            undo_events(user, event)
    assert not Person.objects.filter(name__in=("Mai", "Lan")).exists()
    assert find_events_about("person", renamed.pk).exists()


@pytest.mark.usefixtures("erased")
def test_a_member_list_asks_of_the_line_with_the_erased_name(user: User, curator: Client) -> None:
    table = f"name,note\n{NAME},hers\nBảo,his\n".encode()
    act = draft_people_import(user, table)
    assert [row["kind"] for row in act.rows] == ["unclear", "new"]
    page = curator.get(f"/admin/gallery/bulkact/{act.pk}/change/").content.decode()
    assert "Somebody else than was erased, or they have agreed to come back" in page
    resolve_unclear_rows(act, {})
    start_bulk_act(user, act)
    assert [person.name for person in Person.objects.all()] == ["Bảo"]
    again = draft_people_import(user, table)
    resolve_unclear_rows(again, {"line-2": "new"})
    start_bulk_act(user, BulkAct.objects.get(pk=again.pk))
    assert Person.objects.filter(name=NAME, note="hers").exists()


@pytest.mark.usefixtures("erased")
def test_a_member_list_renames_nobody_to_an_erased_name(user: User) -> None:
    person = create_person(user, "Bảo")
    act = draft_people_import(user, f"id,name\n{person.pk},{NAME}\n".encode())
    assert act.rows[0]["kind"] == "error"
    assert "erased here" in act.rows[0]["says"]


def test_each_erasure_is_noted_beside_the_backups_at_once(
    user: User, settings: Any, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        erasure = erase_person(user, create_person(user, NAME))
    (note,) = settings.BACKUP_DIR.glob(f"erased/*/{erasure.receipt}.json")
    assert (note.parent / "key").read_text() == (settings.DATA_DIR / "erased_key").read_text()
    assert json.loads(note.read_text())["digests"].keys() == {"name", "row"}
    assert NAME not in note.read_text()
    assert not are_erasures_unnoted()


def test_an_erasure_while_the_backup_folder_is_away_is_said_and_noted_once_it_is_back(
    user: User, settings: Any, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    settings.BACKUP_DIR.write_text("a file where the folder should be")
    with django_capture_on_commit_callbacks(execute=True):
        erasure = erase_person(user, create_person(user, NAME))
    assert "erasures are not noted there yet" in get_backup_warning()
    assert not note_erasures()
    settings.BACKUP_DIR.unlink()
    settings.BACKUP_HOURS = 0
    look_after_data()
    assert list(settings.BACKUP_DIR.glob(f"erased/*/{erasure.receipt}.json"))
    assert get_backup_warning() == ""


def test_a_note_that_is_gone_from_the_backup_folder_is_written_again(erased: Erasure, settings: Any) -> None:
    assert note_erasures()
    (note,) = settings.BACKUP_DIR.glob(f"erased/*/{erased.receipt}.json")
    note.unlink()
    assert note_erasures()
    assert note.exists()


def test_digests_are_forgotten_after_their_term_here_and_beside_the_backups(
    erased: Erasure, user: User, settings: Any
) -> None:
    Erasure.objects.update(at=timezone.now() - timedelta(days=11))
    assert note_erasures()
    (note,) = settings.BACKUP_DIR.glob("erased/*/*.json")
    others = [note.with_name("._of a Mac.json"), note.with_name("damaged.json")]
    for path in others:
        path.write_bytes(b"\0\5\x16\7")
    assert delete_expired_records()["erased_digests"] == 0  # kept for ever unless said otherwise
    settings.ERASED_DAYS = 10
    assert delete_expired_records()["erased_digests"] > 2
    assert sorted(settings.BACKUP_DIR.glob("erased/*/*.json")) == others
    assert create_person(user, NAME)
    assert Erasure.objects.get() == erased  # the receipt stays

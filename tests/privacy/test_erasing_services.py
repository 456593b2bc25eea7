"""What an erasure does to rows, history and searches, and what it refuses."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db.models import ManyToOneRel
from django.test import Client
from django.utils import timezone

from gallery.accounts.services import accept_invitation, invite_user
from gallery.backup.errors import BackupDamaged
from gallery.backup.layout import KeptBackup
from gallery.core.exceptions import ActionRefused, CannotUndo, EditConflict
from gallery.faces.decisions import confirm_face, decide_face, name_face_group
from gallery.faces.processing import pair_faces, process_photo
from gallery.history.undo import undo_events
from gallery.index.builds import request_build, run_build
from gallery.index.feed import get_latest_change_id, record_face_changes
from gallery.index.live import open_index
from gallery.jobs.leases import LeaseLost
from gallery.jobs.registry import JOB_KINDS
from gallery.models import (
    Album,
    Build,
    BulkAct,
    Candidate,
    Decision,
    Erasure,
    Event,
    EventSubject,
    Face,
    GalleryChange,
    Invitation,
    Person,
    PersonExport,
    Photo,
    Reference,
    ReferenceDraft,
    Role,
    Status,
    User,
)
from gallery.models.accounts import FORMER_USER_NAME
from gallery.models.index import IndexContents
from gallery.people.processing import _finish_reference
from gallery.people.references import reject_references
from gallery.people.services import (
    create_person,
    merge_people,
    rename_person,
    set_person_note,
    set_person_recognised,
    split_person,
)
from gallery.photos.sharing import find_faces_to_hide
from gallery.privacy import erasure as erasure_module
from gallery.privacy import erasure_cleanup
from gallery.privacy.erasure import erase_person, erase_photos, erase_user
from gallery.privacy.erasure_cleanup import _has_any_needle, finish_erasure
from gallery.privacy.selectors import preview_person_erasure, preview_photos_erasure
from recognition.types import Box
from tests.engines import FakeEngine, Seen
from tests.gallery_world import find, find_in_another_process, know, world
from tests.making import (
    EMBEDDER,
    a_face,
    a_named_face,
    a_person,
    a_photo,
    a_reference,
    a_user,
    a_vector,
    an_unsure_face,
)

__all__ = ["world"]
pytestmark = pytest.mark.django_db


def build_now(contents: str = IndexContents.REFERENCES) -> Build:
    made = run_build(request_build("test", delay=0, contents=contents).pk)
    assert made is not None
    assert made.is_active, made.failure_text
    return made


@pytest.fixture
def admin() -> User:
    return a_user("Mai", Role.ADMINISTRATOR)


def test_from_the_commit_on_no_search_returns_the_person(world: FakeEngine, admin: User) -> None:
    anna, bao = a_person("Anna"), a_person("Bao")
    for seed in range(3):
        know(anna, a_vector(seed))
    know(bao, a_vector(9))
    build_now()
    assert {hit.person for hit in find(a_vector(1))} == {anna.pk, bao.pk}
    erase_person(admin, anna)
    for found in (find(a_vector(1)), find_in_another_process(a_vector(1))):
        assert [hit.person for hit in found] == [bao.pk]
    assert set(GalleryChange.objects.filter(person=anna.pk).values_list("kind", flat=True)) >= {"erased"}


def test_faces_lose_name_and_vector_and_stay_ignored(admin: User) -> None:
    anna = a_person("Anna")
    named = a_named_face(anna, embedding=a_vector(1), embedder_id=EMBEDDER, landmarks=[[1, 2]] * 5)
    confirmed = a_face(embedding=a_vector(2), embedder_id=EMBEDDER)
    confirm_face(admin, confirmed, anna)
    receipt = erase_person(admin, anna)
    for face in (named, confirmed):
        face.refresh_from_db()
        assert (face.person, face.embedding, face.embedder_id, face.landmarks) == (None, None, "", None)
        assert (face.decision, face.is_erased, face.cluster) == (Decision.IGNORED, True, None)
    assert receipt.counts["faces"] == receipt.counts["embeddings"] == 2
    assert not Candidate.objects.exists()


def test_a_photo_looked_at_again_neither_names_nor_embeds_an_erased_face(
    world: FakeEngine, admin: User
) -> None:
    anna, photo = a_person("Anna"), a_photo(work=Status.QUEUED)
    world.faces = [Seen(Box(100, 100, 80, 100), a_vector(1))]
    face = a_named_face(anna, photo, left=100, top=100, width=80, height=100)
    erase_person(admin, anna)
    know(a_person("Bao"), a_vector(1))
    assert process_photo(photo.pk)
    face.refresh_from_db()
    assert (face.person, face.embedding, face.decision) == (None, None, Decision.IGNORED)
    world.faces = [Seen(Box(125, 130, 45, 50), a_vector(1))]  # another detector's box
    assert pair_faces([face], [world.faces[0].box]) == {}
    Photo.objects.update(work=Status.QUEUED)
    assert process_photo(photo.pk)
    assert list(photo.faces.all()) == [face]


def test_faces_that_were_only_likely_go_when_asked_for(admin: User) -> None:
    anna, bao = a_person("Anna"), a_person("Bao")
    likely = an_unsure_face(anna, bao, embedding=a_vector(1), embedder_id=EMBEDDER)
    other = an_unsure_face(bao, anna, embedding=a_vector(2), embedder_id=EMBEDDER)
    assert preview_person_erasure(anna)["likely"] == 1
    erase_person(admin, anna, with_likely=True)
    likely.refresh_from_db()
    other.refresh_from_db()
    assert (likely.is_erased, likely.embedding) == (True, None)
    assert (other.is_erased, other.embedding is not None) == (False, True)
    assert list(other.candidates.values_list("person", flat=True)) == [bao.pk]


def test_unsure_faces_ask_about_the_person_no_more(admin: User) -> None:
    anna = a_person("Anna")
    face = an_unsure_face(anna, embedding=a_vector(1), embedder_id=EMBEDDER)
    erase_person(admin, anna)
    face.refresh_from_db()
    assert (face.state, face.decision, face.embedding is not None) == ("unknown", "", True)
    assert not face.candidates.exists()


def test_no_undo_brings_anything_back(admin: User) -> None:
    anna, bao = a_person("Anna"), a_person("Bao")
    face = a_face(embedding=a_vector(1), embedder_id=EMBEDDER)
    other = a_face()
    confirm_face(admin, face, anna)
    name_face_group(admin, [other.pk], bao)
    rename_person(admin, anna, "Anne")
    merge_people(admin, a_person("Annie"), anna)
    reject_references(admin, [a_reference(anna)])
    erase_person(admin, anna)
    for event in Event.objects.order_by("-pk"):
        if event.verb == "face.name_group":
            continue
        with pytest.raises(CannotUndo):
            undo_events(admin, event)
    assert list(Person.objects.all()) == [bao]
    undo_events(admin, Event.objects.get(verb="face.name_group"))  # others' acts can be taken back still
    other.refresh_from_db()
    assert other.person is None


def test_no_name_of_the_person_is_left_in_the_history(admin: User) -> None:
    anna, bao = a_person("Anna"), a_person("Bao")
    merge_people(admin, create_person(admin, "Annie"), anna)
    rename_person(admin, anna, "Anne")
    set_person_note(admin, anna, "Anne's note")
    rename_person(admin, bao, "Bảo")
    split_person(admin, [a_named_face(anna)], "Chi")
    kind = ContentType.objects.get_for_model(Reference)
    LogEntry.objects.create(
        user=admin, content_type=kind, object_id="77", object_repr="Anne #77", action_flag=CHANGE
    )
    erasure = erase_person(admin, anna)
    assert finish_erasure(erasure.pk)
    kept = json.dumps([list(Event.objects.values_list("summary", "undo")), str(LogEntry.objects.all())])
    assert "Ann" not in kept
    assert "Bao" in kept
    assert not EventSubject.objects.filter(object_type="person", object_id=anna.pk).exists()


def test_a_name_that_is_somebody_elses_by_now_stays_theirs(admin: User) -> None:
    anna = a_person("Anna")
    rename_person(admin, anna, "Bich")
    create_person(admin, "Anna")
    assert finish_erasure(erase_person(admin, anna).pk)
    assert Event.objects.get(verb="person.create").summary["person"] == "Anna"


def test_erased_faces_are_hidden_in_what_is_shared(admin: User) -> None:
    anna = a_person("Anna")
    face = a_named_face(anna)
    assert find_faces_to_hide([face.photo]) == {face.photo.pk: []}
    erase_person(admin, anna)
    assert find_faces_to_hide([face.photo]) == {face.photo.pk: [face]}


def test_a_page_that_is_out_of_date_erases_nothing(admin: User) -> None:
    anna = a_person("Anna")
    rename_person(admin, anna, "Anne")
    with pytest.raises(EditConflict):
        erase_person(admin, anna, revision=0)
    assert Person.objects.filter(pk=anna.pk).exists()
    assert not Erasure.objects.exists()


def test_a_photo_goes_with_its_faces_and_keeps_references_unless_asked(admin: User) -> None:
    anna = a_person("Anna")
    for with_references in (False, True):
        face = a_named_face(anna, a_photo("IMG_77.jpg"), embedding=a_vector(1), embedder_id=EMBEDDER)
        reference = a_reference(anna, source_face=face, source_path="IMG_77.jpg")
        erase_photos(admin, [face.photo], with_references=with_references)
        assert not Photo.objects.exists()
        kept = Reference.objects.filter(pk=reference.pk).first()
        assert (kept is None) is with_references
        assert kept is None or (kept.source_face, kept.source_path) == (None, "")


def test_references_cut_from_a_limited_albums_photo_always_go_with_it(admin: User) -> None:
    album = Album.objects.create(name="Trip", is_limited=True)
    face = a_named_face(a_person(), a_photo(album=album))
    a_reference(face.person, source_face=face)
    preview = preview_photos_erasure([face.photo])
    assert (preview["lost_references"], preview["references"]) == (1, 0)
    erase_photos(admin, [face.photo])
    assert not Reference.objects.exists()


def test_the_command_says_what_goes_with_a_photo_before_it_erases_it(admin: User) -> None:
    photo = a_photo(album=Album.objects.create(name="Trip", is_limited=True))
    a_reference(a_person(), source_face=a_face(photo))
    out = StringIO()
    call_command("erase_photo", str(photo.pk), "--json", stdout=out)
    said = json.loads(out.getvalue())
    assert (said["erased"], said["faces"], said["lost_references"], said["references"]) == (False, 1, 1, 0)
    call_command("erase_photo", str(photo.pk), "--yes", stdout=out)
    assert not Photo.objects.exists()
    assert not Reference.objects.exists()


def test_a_photos_name_leaves_the_history_but_other_photos_acts_can_be_undone(admin: User) -> None:
    gone, kept = a_face(a_photo("IMG_77.jpg")), a_face(a_photo("IMG_78.jpg"))
    confirm_face(admin, gone, a_person("Anna"))
    name_face_group(admin, [gone.pk, kept.pk], a_person("Bao"))
    name_face_group(admin, [kept.pk], a_person("Chi"))
    assert finish_erasure(erase_photos(admin, [gone.photo]).pk)
    assert "IMG_77" not in json.dumps(list(Event.objects.values_list("summary", flat=True)))
    undo_events(admin, Event.objects.get(verb="face.name_group"))
    kept.refresh_from_db()
    assert kept.person is None


def test_proposals_that_rested_on_an_erased_photos_face_go(admin: User) -> None:
    anna = a_person("Anna")
    ground, face = a_named_face(anna), a_face(state=Face.State.UNSURE)
    Candidate.objects.create(face=face, person=anna, look_alike=ground, similarity=0.9, rank=0)
    erase_photos(admin, [ground.photo])
    face.refresh_from_db()
    assert (face.state, face.candidates.count()) == ("unknown", 0)


def test_a_users_acts_stay_as_a_former_users(admin: User) -> None:
    tam = User.objects.create_user("tam", "tam@example.org", "x", role=Role.CURATOR)
    invitation, token = invite_user(admin, "lan@example.org", Role.VIEWER)
    lan = accept_invitation(token, "lan", "a long password")
    invite_user(lan, "x@example.org", Role.VIEWER)
    photo = a_photo(uploaded_by=lan)
    face = a_face()
    decide_face(lan, face, Decision.IGNORED)
    browser = Client()
    browser.force_login(lan)
    receipt = erase_user(admin, lan)
    event = Event.objects.get(verb="face.ignore")
    photo.refresh_from_db()
    assert str(event.actor) == str(photo.uploaded_by) == "a former user"
    face.refresh_from_db()
    assert event.actor == face.decided_by is not None
    assert not event.actor.is_active
    assert not Invitation.objects.filter(pk=invitation.pk).exists()
    assert not Session.objects.exists()
    assert not Event.objects.filter(verb="sign_in").exists()
    assert browser.get("/").status_code == 302
    assert receipt.counts["acts"] >= 2
    erase_user(admin, tam)
    assert User.objects.filter(is_active=False).count() == 1  # one for all


def test_the_last_administrator_and_the_former_user_cannot_be_erased(admin: User) -> None:
    with pytest.raises(ActionRefused, match="last administrator"):
        erase_user(admin, admin)
    erase_user(admin, a_user("lan"))
    with pytest.raises(ActionRefused, match="former users"):
        erase_user(admin, User.objects.get(username=FORMER_USER_NAME))


def test_a_receipt_names_nobody(admin: User, world: FakeEngine, settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    anna = a_person("Anna")
    know(anna, a_vector(1))
    erasure = erase_person(admin, anna)
    assert erasure.todo["gone"]["names"] == ["Anna"]
    assert finish_erasure(erasure.pk)
    erasure.refresh_from_db()
    assert (erasure.todo, erasure.work, erasure.failure_text) == ({}, Status.DONE, "")
    assert set(erasure.counts) <= {"references", "embeddings", "events", "builds", "files"}


def test_an_erasure_waits_for_a_running_build_and_is_never_set_aside(
    world: FakeEngine, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = a_person("Anna")
    know(anna, a_vector(1))
    build_now()
    erasure = erase_person(admin, anna)
    monkeypatch.setattr("gallery.privacy.erasure_cleanup._is_building", lambda: True)
    for _ in range(4):
        Erasure.objects.update(queued_at=None)
        assert not finish_erasure(erasure.pk)
    assert JOB_KINDS["erasure"].list_due() == []  # not before some seconds have passed
    monkeypatch.undo()


def test_where_no_build_can_be_made_none_serves(
    world: FakeEngine, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, bao = a_person("Anna"), a_person("Bao")
    know(anna, a_vector(1))
    know(bao, a_vector(2))
    serving = build_now()
    erasure = erase_person(admin, anna)
    monkeypatch.setattr("gallery.privacy.erasure_cleanup._rebuild_index", lambda *_: False)
    assert finish_erasure(erasure.pk)
    serving.refresh_from_db()
    assert (serving.is_active, serving.directory) == (False, "")
    assert [hit.person for hit in find_in_another_process(a_vector(1))] == [bao.pk]


def test_where_the_index_of_faces_cannot_be_built_the_one_of_references_serves_on(
    world: FakeEngine, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    know(a_person("Bao"), a_vector(2))
    face = a_face(embedding=a_vector(1), embedder_id=EMBEDDER)
    references, faces = build_now(), build_now(IndexContents.FACES)
    erasure = erase_photos(admin, [face.photo])
    monkeypatch.setattr("gallery.privacy.erasure_cleanup._rebuild_index", lambda *_: False)
    assert finish_erasure(erasure.pk)
    assert Build.objects.get(is_active=True) == references
    assert get_directories() == {references.directory}
    assert faces.directory


def test_the_vector_of_a_face_that_was_dropped_before_its_photo_was_erased_goes(
    world: FakeEngine, admin: User
) -> None:
    dropped, other = (a_face(embedding=a_vector(seed), embedder_id=EMBEDDER) for seed in (1, 2))
    before = build_now(IndexContents.FACES)
    record_face_changes(GalleryChange.Kind.REMOVED, [dropped])
    dropped.delete()
    assert finish_erasure(erase_photos(admin, [dropped.photo]).pk)
    serving = Build.objects.get(is_active=True, contents=IndexContents.FACES)
    assert open_index(serving).ids.tolist() == [other.pk]
    assert before.directory not in get_directories()


def get_directories() -> set[str]:
    return {str(path.relative_to(settings.INDEX_ROOT)) for path in settings.INDEX_ROOT.glob("*/*")}


def test_a_file_that_cannot_be_removed_is_tried_again(admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bool:
        raise PermissionError(13, "Permission denied")

    erasure = erase_person(admin, a_person())
    monkeypatch.setattr(erasure_cleanup, "CLEANUP_STEPS", (fail,))
    assert not finish_erasure(erasure.pk)
    erasure.refresh_from_db()
    assert (erasure.work, "Permission denied" in erasure.failure_text) == (Status.QUEUED, True)
    monkeypatch.undo()
    Erasure.objects.update(queued_at=None)
    assert finish_erasure(erasure.pk)


def test_remains_in_sqlites_file_are_recognised(tmp_path: Path) -> None:
    file = tmp_path / "db"
    file.write_bytes(b"x" * 5000 + a_vector(1) + b"y" * 5000)
    assert _has_any_needle(file, [a_vector(1)[:24]])
    assert not _has_any_needle(file, [a_vector(2)[:24]])


def test_a_reference_being_embedded_leaves_no_crop_behind(world: FakeEngine, admin: User) -> None:
    anna = a_person("Anna")
    reference = a_reference(anna)
    erase_person(admin, anna)
    with pytest.raises(LeaseLost):
        _finish_reference(reference, world, np.frombuffer(a_vector(1), "<f4"))
    assert not Reference.objects.exists()
    assert get_latest_change_id(EMBEDDER) > 0


def test_faces_whose_name_was_withdrawn_when_recognition_stopped_are_erased_too(admin: User) -> None:
    anna = a_person("Anna")
    face = a_named_face(anna, embedding=a_vector(1), embedder_id=EMBEDDER)
    set_person_recognised(admin, anna, False)
    face.refresh_from_db()
    assert (face.person, face.is_veiled) == (None, True)
    erase_person(admin, Person.objects.get(pk=anna.pk))
    face.refresh_from_db()
    assert (face.is_erased, face.decision) == (True, Decision.IGNORED)


def test_files_of_all_that_is_known_about_the_person_go(admin: User, settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    (tmp_path / "exports").mkdir()
    file = tmp_path / "exports" / "about.zip"
    file.write_bytes(b"Anna")
    anna, soon = a_person("Anna"), timezone.now() + timedelta(days=1)
    PersonExport.objects.create(person=anna, file=file.name, work=Status.DONE, expires_at=soon)
    assert finish_erasure(erase_person(admin, anna).pk)
    assert not file.exists()
    assert not PersonExport.objects.exists()


def test_acts_on_many_forget_the_name_and_a_running_one_is_waited_for(admin: User) -> None:
    anna = a_person("Ánna")
    rows = {"rows": [{"line": 1, "name": "ánna"}], "ids": [0], "total": 1}  # in other letters than the name
    draft = BulkAct.objects.create(kind=BulkAct.Kind.IMPORT, **rows, back="/admin/?q=%C3%81nna")
    running = BulkAct.objects.create(
        kind=BulkAct.Kind.IMPORT, **rows, confirmed_at=timezone.now(), work=Status.PROCESSING
    )
    other = BulkAct.objects.create(kind=BulkAct.Kind.HIDE, ids=[3], back="/admin/?q=bao")
    unread = BulkAct.objects.create(
        kind=BulkAct.Kind.IMPORT, file="name\nÁnna".encode("cp1252"), encoding="cp1252"
    )
    erasure = erase_person(admin, anna)
    assert not finish_erasure(erasure.pk)
    BulkAct.objects.filter(pk=running.pk).update(work=Status.DONE)
    Erasure.objects.update(queued_at=None)
    assert finish_erasure(erasure.pk)
    for act in (draft, running, other, unread):
        act.refresh_from_db()
    assert (bytes(unread.file), unread.encoding) == (b"", "")
    assert (draft.rows, draft.back, draft.ids, running.rows) == ([], "", [], [])
    assert (other.ids, other.back) == ([3], "/admin/?q=bao")


def test_a_receipt_says_which_backups_hold_it_and_waits_for_one_being_made(
    admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    old = KeptBackup(Path("a"), now - timedelta(days=1), now + timedelta(days=6))
    later = KeptBackup(Path("b"), now + timedelta(days=1), None)
    monkeypatch.setattr(erasure_module, "list_kept_backups", lambda: [old])
    erasure = erase_person(admin, a_person())
    assert erasure.backups == [{"made_at": old.made_at.isoformat(), "until": old.expires_at.isoformat()}]
    monkeypatch.setattr(erasure_cleanup, "is_folder_locked", lambda _: True)
    assert not finish_erasure(erasure.pk)
    monkeypatch.setattr(erasure_cleanup, "is_folder_locked", lambda _: False)
    monkeypatch.setattr(erasure_module, "list_kept_backups", lambda: [later, old])
    Erasure.objects.update(queued_at=None)
    assert finish_erasure(erasure.pk)
    erasure.refresh_from_db()
    assert [each["until"] for each in erasure.backups] == [old.expires_at.isoformat()]


def test_backups_that_cannot_be_read_are_owned_up_to(admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> list[KeptBackup]:
        raise BackupDamaged("no")

    monkeypatch.setattr(erasure_module, "list_kept_backups", fail)
    assert erase_person(admin, a_person()).backups == [{"made_at": None, "until": None}]


def test_every_model_that_points_to_a_person_is_thought_of() -> None:
    """A new one must lose its rows with the person, by its database key or in services/erasing."""
    pointing = {
        relation.related_model.__name__: relation.on_delete.__name__
        for relation in Person._meta.get_fields(include_hidden=True)
        if isinstance(relation, ManyToOneRel) and relation.on_delete is not None
    }
    assert pointing == {
        "Candidate": "CASCADE",
        "Face": "SET_NULL",
        "FaceRejection": "CASCADE",
        "Finding": "CASCADE",
        "Membership": "CASCADE",
        "NameChange": "SET_NULL",
        "OtherName": "CASCADE",
        "PersonExport": "CASCADE",
        "Person_favourite_of": "CASCADE",
        "Reference": "CASCADE",
        "ReferenceDraft": "CASCADE",
    }


def test_pictures_that_were_only_drafts_go_with_person_and_user(
    admin: User, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    (tmp_path / "drafts").mkdir()
    lan, anna = a_user("lan"), a_person("Anna")
    for number, by in enumerate((admin, lan)):
        file = tmp_path / "drafts" / f"{number}.jpg"
        file.write_bytes(b"picture")
        place = {"image": f"drafts/{number}.jpg", "sha256": str(number), "width": 9, "height": 9}
        ReferenceDraft.objects.create(person=anna, name="x.jpg", added_by=by, **place)
    assert finish_erasure(erase_user(admin, lan).pk)
    assert [path.name for path in (tmp_path / "drafts").iterdir()] == ["0.jpg"]
    assert finish_erasure(erase_person(admin, anna).pk)
    assert not list((tmp_path / "drafts").iterdir())

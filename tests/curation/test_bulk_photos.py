"""Acts on many photos, and references embedded again: seen before they are done, undone as one."""

from __future__ import annotations

import html
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from gallery.core.exceptions import CannotUndo
from gallery.curation import bulk
from gallery.curation.bulk import BulkKind, create_bulk_draft, run_bulk_act, start_bulk_act
from gallery.history.descriptions import describe_event
from gallery.history.undo import undo_events
from gallery.jobs.leases import claim_row, finish_row
from gallery.models import Album, BulkAct, Event, Face, Person, Photo, Reference, Status, User
from gallery.people.services import merge_people
from gallery.photos.albums import create_album
from gallery.photos.membership import put_photos_in_album
from gallery.photos.services import retry_photo, set_taken_at, trash_photo
from recognition.errors import ImageError
from tests.bulk import REFERENCES, chosen, do, undo
from tests.making import a_face, a_named_face, a_person, a_photo, a_reference, a_user, a_vector
from tests.pages import as_shown

pytestmark = pytest.mark.django_db
PHOTOS = reverse("admin:gallery_photo_changelist")


def seen(client: Client, action: str, *rows: Any, address: str = PHOTOS) -> str:
    """What the page says that the act would do."""
    page: str = chosen(client, action, *rows, address=address).content.decode()
    assert "Nothing has been changed yet" in page
    return page


@pytest.mark.parametrize("action", ["stop_recognising", "recognise"])
def test_recognition_is_switched_for_many_photos_and_back(
    curator: Client, sent: list[tuple[Any, ...]], action: str
) -> None:
    was = action == "stop_recognising"
    rows = [a_photo(is_recognised=was) for _ in range(2)]
    if was:
        a_named_face(a_person(), rows[0], embedding=a_vector(1))
    said = seen(curator, action, *rows)
    assert "2 photos" in said
    assert ("1 name that the machine gave goes." in said) == was
    page = do(curator, "start")
    assert set(Photo.objects.values_list("is_recognised", flat=True)) == {not was}
    assert Face.objects.filter(person__isnull=False).count() == 0
    undo(curator, page)
    assert set(Photo.objects.values_list("is_recognised", flat=True)) == {was}
    assert Photo.objects.filter(work=Status.QUEUED).count() == 2  # the names come back by looking anew


def test_photos_are_thrown_away_and_come_back_together(curator: Client) -> None:
    rows = [a_photo() for _ in range(3)]
    a_named_face(a_person("Anna"), rows[0])
    said = seen(curator, "trash", *rows)
    assert "They leave every list, count, album and shared link." in said
    assert "Anna" in said
    page = do(curator, "start")
    assert "You put 3 photos into the trash." in page.content.decode()
    assert Photo.objects.filter(trashed_at__isnull=False).count() == 3
    undo(curator, page)
    assert Photo.objects.outside_trash().count() == 3
    trash_photo(a_user(), rows[0])
    assert "2 of them are so already" in seen(curator, "restore", *rows)
    do(curator, "start")
    assert Photo.objects.filter(trashed_at__isnull=False).count() == 0


def where(rows: list[Photo]) -> list[list[str]]:
    return [list(row.albums.order_by("name").values_list("name", flat=True)) for row in rows]


def test_photos_are_put_into_an_album_and_each_leaves_it_again(curator: Client) -> None:
    old, new = Album.objects.create(name="Old"), Album.objects.create(name="New")
    rows = [a_photo(album=old), a_photo(), a_photo(album=new)]
    assert "They stay in 2 albums:" in seen(curator, "put", *rows)
    page = do(curator, "start", target=new.pk)
    assert "You put 2 photos into the album “New”." in page.content.decode()
    assert where(rows) == [["New", "Old"], ["New"], ["New"]]
    undo(curator, page)
    assert where(rows) == [["Old"], [], ["New"]]


def test_photos_are_taken_out_of_their_albums_and_come_back_with_the_cover(curator: Client) -> None:
    old, new = Album.objects.create(name="Old"), Album.objects.create(name="New")
    rows = [a_photo(album=old), a_photo(), a_photo(album=new)]
    Album.objects.filter(pk=old.pk).update(cover=rows[0])
    assert "They leave 2 albums:" in seen(curator, "take_out", *rows)
    page = do(curator, "start")
    assert "You took 2 photos out of their albums." in page.content.decode()
    assert where(rows) == [[], [], []]
    undo(curator, page)
    assert where(rows) == [["Old"], [], ["New"]]
    assert Album.objects.get(pk=old.pk).cover == rows[0]


def test_a_new_album_is_made_for_them_and_goes_again_when_it_is_undone(curator: Client) -> None:
    rows = [a_photo() for _ in range(2)]
    seen(curator, "put", *rows)
    assert "Choose an album" in do(curator, "start").content.decode()
    page = do(curator, "start", name="Trip")
    assert Photo.objects.filter(albums__name="Trip").count() == 2
    undo(curator, page)
    assert not Album.objects.exists()


def test_photos_only_for_some_stay_so_when_they_leave_their_albums(curator: Client, user: User) -> None:
    album = create_album(user, "Board", is_limited=True)
    rows = [a_photo(album=album), a_photo()]
    said = seen(curator, "take_out", *rows)
    assert "1 of them is only for chosen users." in said
    assert "That stays so" in said
    do(curator, "start")
    assert Photo.objects.filter(albums__isnull=True).count() == 2
    assert list(Photo.objects.visible_to(a_user("Hoa"))) == [rows[1]]


def test_an_album_that_may_not_be_seen_is_no_place_to_put_photos(curator: Client) -> None:
    hidden = Album.objects.create(name="Board", is_limited=True)
    photo = a_photo()
    assert "Board" not in seen(curator, "put", photo)
    assert "Choose an album" in do(curator, "start", target=hidden.pk).content.decode()
    assert not Photo.objects.get().albums.exists()


def test_the_album_was_taken_away_after_the_preview(curator: Client) -> None:
    album, photo = Album.objects.create(name="Gone"), a_photo()
    seen(curator, "put", photo)
    gone = album.pk
    album.delete()
    assert "Choose an album" in do(curator, "start", target=gone).content.decode()
    assert not Photo.objects.get().albums.exists()


def test_processing_again_is_undone_for_what_has_not_been_begun(
    curator: Client, user: User, sent: list[tuple[Any, ...]]
) -> None:
    done, failed = a_photo(), a_photo(work=Status.FAILED, failure="The file is empty.", attempts=2)
    waiting, thrown = a_photo(work=Status.QUEUED), a_photo(trashed_at=timezone.now())
    rows = [done, failed, waiting, thrown]
    assert "2 of them wait or are in the trash, and are left" in seen(curator, "try_again", *rows)
    page = do(curator, "start")
    assert "You had 2 photos looked at again." in page.content.decode()
    told = [args for args in sent if args[0] == "process_photo"]
    assert told == [("process_photo", done.pk), ("process_photo", failed.pk)]
    assert [Photo.objects.get(pk=row.pk).work for row in rows] == ["queued", "queued", "queued", "done"]
    claim_row(Photo.objects.all(), done.pk)
    undo(curator, page)
    left = Photo.objects.get(pk=failed.pk)
    assert (left.work, left.failure, left.attempts) == ("failed", "The file is empty.", 2)
    assert [Photo.objects.get(pk=row.pk).work for row in rows] == ["processing", "failed", "queued", "done"]


def test_what_the_worker_has_done_meanwhile_is_said_instead_of_undone(user: User) -> None:
    photo = a_photo(work=Status.FAILED, failure="The file is empty.")
    event = retry_photo(user, photo)
    assert event is not None
    held = claim_row(Photo.objects.all(), photo.pk)
    assert held is not None
    finish_row(held, Status.DONE)
    with pytest.raises(CannotUndo, match="has begun or done all of this"):
        undo_events(user, event)
    assert Photo.objects.get().work == Status.DONE


def test_a_later_retry_is_not_taken_back_by_undoing_an_earlier_one(user: User) -> None:
    photo = a_photo(work=Status.FAILED, failure="First.")
    first = retry_photo(user, photo)
    held = claim_row(Photo.objects.all(), photo.pk)
    assert first is not None
    assert held is not None
    finish_row(held, Status.FAILED, ImageError("cut_off"))
    second = retry_photo(user, photo)
    assert second is not None
    with pytest.raises(CannotUndo):
        undo_events(user, first)
    undo_events(user, second)
    photo = Photo.objects.get()
    assert (photo.failure, photo.failure_code, photo.failure_params) == ("", "cut_off", {})


def test_references_are_embedded_again_after_a_look_and_taken_out_of_the_queue_by_undo(
    curator: Client, sent: list[tuple[Any, ...]]
) -> None:
    anna = a_person("Anna")
    rows = [a_reference(anna), a_reference(anna, work=Status.FAILED, failure="No face was found.")]
    vectors = [bytes(row.vector) for row in rows[0].vectors.all()]
    said = seen(curator, "embed_again", *rows, address=REFERENCES)
    assert "The worker makes their vectors anew" in said
    assert "What it has embedded again stays" in said
    page = do(curator, "start")
    assert "You had 2 references embedded again." in page.content.decode()
    assert [args for args in sent if args[0] == "embed_reference"] == [
        ("embed_reference", row.pk) for row in rows
    ]
    undo(curator, page)
    assert [row.work for row in Reference.objects.order_by("pk")] == ["done", "failed"]
    assert Reference.objects.order_by("pk")[1].failure == "No face was found."
    assert [bytes(row.vector) for row in rows[0].vectors.all()] == vectors


ACTS: dict[str, dict[str, Any]] = {
    "stop_recognising": {},
    "try_again": {},
    "put": {"name": "Trip"},
    "take_out": {},
    "trash": {},
}


@pytest.mark.parametrize("action", ACTS)
def test_what_another_did_to_a_photo_after_the_preview_is_said_first(curator: Client, action: str) -> None:
    theirs, rows = Album.objects.create(name="Theirs"), [a_photo(), a_photo()]
    seen(curator, action, *rows)
    put_photos_in_album(a_user("Hoa"), [rows[0]], theirs)
    page = do(curator, "start", **ACTS[action]).content.decode()
    assert "Somebody has changed some of these" in page
    assert list(Photo.objects.get(pk=rows[0].pk).albums.all()) == [theirs]
    assert not Event.objects.filter(batch__isnull=False).exists()


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rows in one part, and only one done at once: what thousands are else."""
    sizes = dict.fromkeys(BulkKind, (2, 1)) | {BulkKind.UNDO: (1, 1)}
    monkeypatch.setattr(bulk, "PART_SIZES", sizes)


def test_what_another_does_while_a_long_act_runs_stands_and_is_said(
    small_parts: None, curator: Client, user: User
) -> None:
    theirs, rows = Album.objects.create(name="Theirs"), [a_photo() for _ in range(5)]
    act = start_bulk_act(user, create_bulk_draft(user, "album", [row.pk for row in rows]), name="Mine")
    put_photos_in_album(a_user("Hoa"), [rows[3]], theirs)
    trash_photo(a_user("Binh"), rows[4])
    run_bulk_act(act.pk)
    act.refresh_from_db()
    assert (act.done, act.changed, act.left) == (5, 3, 2)
    assert list(Photo.objects.get(pk=rows[3].pk).albums.all()) == [theirs]
    state = curator.get(reverse("admin:gallery_bulkact_state", args=(act.pk,))).content.decode()
    assert "2 were changed by somebody since you looked" in state
    event = Event.objects.get(verb="bulk.album")
    assert describe_event(event) == "put 3 photos into the album “Mine”"
    undo_events(user, event)
    run_bulk_act(BulkAct.objects.get(kind="undo").pk)
    assert set(Photo.objects.values_list("albums", flat=True)) == {None, theirs.pk}


@pytest.mark.parametrize("gone", ["moved", "merged", "erased"])
def test_references_whose_person_is_another_by_now_are_looked_at_again(curator: Client, gone: str) -> None:
    anna, bea, hoa = a_person("Anna"), a_person("Bea"), a_user("Hoa")
    rows = [a_reference(anna), a_reference(bea)]
    seen(curator, "embed_again", *rows, address=REFERENCES)
    if gone == "moved":
        from gallery.people.references import move_references

        move_references(hoa, [rows[0]], bea)
    elif gone == "merged":
        merge_people(hoa, anna, bea)
    else:
        Person.objects.filter(pk=anna.pk).delete()
    assert "Somebody has changed some of these" in do(curator, "start").content.decode()
    assert not Reference.objects.filter(work=Status.QUEUED).exists()
    assert "You had" in do(curator, "start").content.decode()


def test_ten_thousand_photos_are_looked_at_in_as_many_questions_as_ten(curator: Client, user: User) -> None:
    first = a_photo()

    def asked(count: int) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT MAX(id) FROM gallery_photo")
        act = create_bulk_draft(user, "trash", range(first.pk, first.pk + count))
        with CaptureQueriesContext(connection) as counted:
            assert curator.get(reverse("admin:gallery_bulkact_change", args=(act.pk,))).status_code == 200
        return len(counted)

    few = [
        Photo(file=f"photos/m{n}.jpg", sha256=f"m{n}", name=f"m{n}.jpg", work="done") for n in range(10_000)
    ]
    Photo.objects.bulk_create(few[:10])
    of_ten = asked(10)
    Photo.objects.bulk_create(few[10:], batch_size=1_000)
    assert asked(10_000) == of_ten
    act = start_bulk_act(user, create_bulk_draft(user, "trash", range(first.pk, first.pk + 10_000)))
    assert not Photo.objects.filter(trashed_at__isnull=False).exists()  # it is the worker's
    act.work = Status.PROCESSING
    act.save()
    with CaptureQueriesContext(connection) as counted:
        bulk._run_next_part(act)
    assert len(counted) < 40
    assert Photo.objects.filter(trashed_at__isnull=False).count() == 500


def form_of(client: Client, photo: Photo) -> tuple[str, dict[str, Any]]:
    """The photo's form as it is shown, ready to be sent back."""
    address = reverse("admin:gallery_photo_change", args=(photo.pk,))
    page = client.get(address)
    given: dict[str, Any] = {**as_shown(page)}
    given["taken_at"] = str(page.context["adminform"].form["taken_at"].value() or "").replace(" ", "T")[:19]
    return address, given | ({"is_recognised": "on"} if photo.is_recognised else {})


def test_each_field_of_a_photos_form_is_an_act_that_is_undone_by_itself(
    curator: Client, user: User, settings: Any
) -> None:
    settings.TIME_ZONE = "Asia/Ho_Chi_Minh"
    photo = a_photo("IMG_1.jpg", taken_at=None)
    address, given = form_of(curator, photo)
    del given["is_recognised"]
    page = curator.post(address, {**given, "taken_at": "2024-05-01T10:00:00"}, follow=True)
    photo.refresh_from_db()
    assert not photo.is_recognised
    assert photo.taken_at == datetime(2024, 5, 1, 3, tzinfo=UTC)
    said = page.content.decode()
    for sentence in (
        "You said when “IMG_1.jpg” was taken.",
        "You stopped recognising faces in “IMG_1.jpg”.",
    ):
        assert sentence in said
    for event in Event.objects.filter(verb__startswith="photo.").order_by("-pk"):
        undo_events(user, event)
    photo.refresh_from_db()
    assert (photo.is_recognised, photo.taken_at) == (True, None)


def test_the_second_at_a_photos_form_is_told_and_overwrites_nothing(curator: Client, settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Ho_Chi_Minh"
    hoa = a_user("Hoa")
    photo = a_photo("IMG_1.jpg", taken_at=datetime(2024, 5, 1, 3, tzinfo=UTC))
    address, given = form_of(curator, photo)
    set_taken_at(hoa, photo, datetime(2020, 1, 1, 3, tzinfo=UTC))
    del given["is_recognised"]
    page = curator.post(address, given)
    said = html.unescape(page.content.decode())
    assert "Hoa was here before you and said when “IMG_1.jpg” was taken" in said
    assert "Taken: it was “05/01/2024 10 a.m.” and is now “01/01/2020 10 a.m.”." in said
    form = page.context["adminform"].form
    again = {"taken_at": form["taken_at"].value()}
    assert curator.post(address, {**again, **as_shown(page)}).status_code == 302
    photo.refresh_from_db()
    assert (photo.is_recognised, photo.taken_at) == (False, datetime(2020, 1, 1, 3, tzinfo=UTC))


def test_a_form_left_alone_changes_no_fraction_of_a_second(curator: Client) -> None:
    moment = datetime(2024, 5, 1, 3, 0, 0, 250_000, tzinfo=UTC)
    photo = a_photo(taken_at=moment)
    address, given = form_of(curator, photo)
    assert curator.post(address, given).status_code == 302
    photo.refresh_from_db()
    assert photo.taken_at == moment
    assert not Event.objects.filter(verb__startswith="photo.").exists()


def test_photo_face_person_and_reference_lead_to_each_other(curator: Client) -> None:
    anna, photo = a_person("Anna"), a_photo()
    face = a_face(photo, person=anna)
    reference = a_reference(anna, source_face=face)
    rows = {"photo": photo, "face": face, "person": anna, "reference": reference}
    address = {name: reverse(f"admin:gallery_{name}_change", args=(row.pk,)) for name, row in rows.items()}
    pages = {name: curator.get(url).content.decode() for name, url in address.items()}
    leads = {
        "photo": ("face", "person", "reference"),
        "face": ("photo", "person", "reference"),
        "reference": ("photo", "face", "person"),
        "person": ("reference",),
    }
    for name, others in leads.items():
        for other in others:
            assert address[other] in pages[name], f"{name} to {other}"
    listed = f"{PHOTOS}?person={anna.pk}"
    assert listed in pages["person"]
    assert photo.name in curator.get(listed).content.decode()
    assert photo.name not in curator.get(f"{PHOTOS}?person={a_person('Bea').pk}").content.decode()


def test_the_list_of_photos_asks_as_often_for_many_as_for_few(curator: Client) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as counted:
            assert curator.get(PHOTOS).status_code == 200
        return len(counted)

    def add_photos(first: int, last: int) -> None:
        for number in range(first, last):
            a_face(a_photo(album=Album.objects.create(name=f"Trip {number}")))

    add_photos(0, 40)  # more than one page, which is asked for by ids first
    few = asked()
    add_photos(40, 80)
    assert asked() == few

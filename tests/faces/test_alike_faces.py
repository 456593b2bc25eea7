"""All photos with a face: who finds what, and that what must not be compared is not found, nor left on the disk."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gallery.api.schemas import AlikeFacesOut
from gallery.core.lookups import FOUND, Found, Lookup, get_lookup
from gallery.faces import alike
from gallery.faces.effects import forget_face_vectors
from gallery.faces.lookup_server import answer_question
from gallery.history.switches import FACE_LOOKUPS
from gallery.history.undo import undo_events
from gallery.index import builds, contents, live
from gallery.index.builds import compare_index_with_database, is_face_build_due, request_build, run_build
from gallery.index.feed import ChangeKind, record_face_changes
from gallery.index.selectors import SERVING_RECIPE_KEY, get_active_build
from gallery.models import Album, Build, Candidate, Event, Face, FaceSplit, Person, Role, SiteSetting, User
from gallery.models.fields import vector_from_bytes, vector_to_bytes
from gallery.models.index import IndexContents
from gallery.people.services import set_person_recognised
from gallery.photos.albums import set_album_recognition
from gallery.photos.services import trash_photo
from gallery.privacy.erasure import erase_person, erase_photos
from gallery.privacy.retention import delete_old_unknown_embeddings
from recognition.index import Index
from tests.api.calling import Caller, problem
from tests.engines import FakeEngine, somebody
from tests.gallery_world import OTHER, an_unnamed_face, world
from tests.making import EMBEDDER, a_face, a_named_face, a_person, a_photo, a_user, a_vector
from tests.making_pictures import jpeg

__all__ = ["world"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("world")]

ANNA = a_vector(1)
VECTOR: dict[str, Any] = {"embedder_id": EMBEDDER, "embedded_at": timezone.now()}


@pytest.fixture(autouse=True)
def _serving() -> None:
    SiteSetting.objects.create(key=SERVING_RECIPE_KEY, value={"id": EMBEDDER, "name": "test", "options": {}})


def search(user: User, face: Face, cursor: str = "") -> Any:
    return AlikeFacesOut.model_validate(alike.search_with_face(user, face.pk, cursor))


def find(user: User, face: Face) -> list[int]:
    """All that are found, part after part."""
    found, cursor = list[int](), ""
    while True:
        page = search(user, face, cursor)
        found += [one.face for one in page.faces]
        if page.next is None:
            return found
        cursor = page.next


def some_faces(count: int, spread: float = 0.1, **columns: Any) -> list[Face]:
    """Like Anna, each less than the one before."""
    return [
        an_unnamed_face(a_vector(5, near=ANNA, spread=spread * (1 + number)), **columns)
        for number in range(count)
    ]


def build_faces() -> Index:
    asked = request_build("test", delay=0, contents=IndexContents.FACES)
    made = run_build(asked.pk)
    assert made is not None
    assert made.is_active
    return live.open_index(made)


def ids_on_disk() -> set[int]:
    active = get_active_build(EMBEDDER, IndexContents.FACES)
    assert active
    return set(live.open_index(active).ids.tolist())


@pytest.mark.parametrize("built", [0, 3, 9], ids=["from the database", "with a delta", "from a build"])
def test_faces_are_found_nearest_first_in_groups_of_certainty_and_parts(
    built: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, asked = a_user(), an_unnamed_face(ANNA)
    an_unnamed_face(vector_to_bytes(-vector_from_bytes(ANNA)))
    first = some_faces(built)
    if built:
        assert len(build_faces().ids) == built + 2
    rest = [an_unnamed_face(a_vector(5, near=ANNA, spread=0.1 * (1 + n))) for n in range(built, 9)]
    record_face_changes(ChangeKind.ADDED, rest)
    whole = search(user, asked)
    assert [one.face for one in whole.faces] == [face.pk for face in (*first, *rest)]
    assert whole.next is None
    certainties = [one.certainty for one in whole.faces]
    assert certainties == sorted(certainties, key=["known", "unsure", "alike"].index)
    assert {"known", "unsure", "alike"} == set(certainties)
    monkeypatch.setattr(alike, "FACES_PER_PAGE", 2)
    assert find(user, asked) == [one.face for one in whole.faces]


def test_faces_of_hidden_photos_change_neither_what_is_found_nor_its_order_nor_its_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owner, other = a_user("Owner"), a_user("Other")
    asked, shown = an_unnamed_face(ANNA), some_faces(5, 0.12)
    monkeypatch.setattr(alike, "FACES_PER_PAGE", 2)
    before = [search(other, asked), search(other, asked, search(other, asked).next or "")]
    album = Album.objects.create(name="x", is_limited=True, created_by=owner)
    hidden = some_faces(40, 0.01, photo=a_photo(album=album))
    build_faces()
    assert [search(other, asked), search(other, asked, search(other, asked).next or "")] == before
    assert find(other, asked) == [face.pk for face in shown]
    assert set(find(owner, asked)) == {face.pk for face in (*hidden, *shown)}
    with pytest.raises(alike.FaceNotComparable):
        search(other, hidden[0])


def test_a_viewer_finds_only_faces_that_bear_a_name() -> None:
    asked, unnamed = an_unnamed_face(ANNA), an_unnamed_face(ANNA)
    named = a_named_face(a_person(), embedding=ANNA, **VECTOR)
    assert find(a_user("Vy", Role.VIEWER), asked) == [named.pk]
    assert find(a_user("Co", Role.CONTRIBUTOR), asked) == [unnamed.pk, named.pk]


def ways_to_go(user: User) -> dict[str, Any]:
    """Acts after which a face can no longer be found, by the columns that it has before."""
    return {
        "erased with its person": lambda face: erase_person(user, face.person),
        "erased with its photo": lambda face: erase_photos(user, [face.photo]),
        "too old": lambda face: (
            Face.objects.filter(pk=face.pk).update(
                person=None, embedded_at=timezone.now() - timedelta(days=999)
            )
            and delete_old_unknown_embeddings()
        ),
        "of somebody not to be recognised": lambda face: set_person_recognised(user, face.person, False),
        "in an album where nobody is": lambda face: set_album_recognition(
            user, face.photo.albums.get(), False
        ),
        "forgotten": lambda face: forget_face_vectors([face.pk]),
    }


@pytest.mark.parametrize("way", ways_to_go(None))  # type: ignore[arg-type]
def test_what_may_not_be_compared_is_not_found_in_any_process_and_goes_from_the_disk(way: str) -> None:
    user, asked = a_user("Ad", Role.ADMINISTRATOR), an_unnamed_face(ANNA)
    photo = a_photo(album=Album.objects.create(name="x", created_by=user))
    gone = a_named_face(a_person(), photo, embedding=ANNA, **VECTOR)
    stays = an_unnamed_face(ANNA)
    build_faces()
    assert find(user, asked) == [gone.pk, stays.pk]
    assert not is_face_build_due()
    ways_to_go(user)[way](gone)
    assert find(user, asked) == [stays.pk]
    assert gone.pk not in served_in_another_process()
    assert compare_index_with_database().faces.is_sound  # type: ignore[union-attr]
    assert is_face_build_due()
    build_faces()
    assert gone.pk not in ids_on_disk()
    assert Build.objects.filter(contents=IndexContents.FACES).exclude(directory="").count() == 1


def served_in_another_process() -> set[int]:
    follower = live.IndexFollower(EMBEDDER, 16, contents.FACES)
    follower.refresh()
    return {near.reference for near in follower.live.search(np.frombuffer(ANNA, "<f4")[None], 99)[0]}


def test_whose_consent_has_ended_is_not_found_from_that_day_on() -> None:
    user, asked, anna = a_user(), an_unnamed_face(ANNA), a_person()
    face = a_named_face(anna, embedding=ANNA, **VECTOR)
    build_faces()
    assert find(user, asked) == [face.pk]
    Person.objects.filter(pk=anna.pk).update(consent_until=timezone.localdate() - timedelta(days=1))
    assert find(user, asked) == []
    assert face.pk not in served_in_another_process()


def test_faces_in_the_trash_are_not_found_until_they_are_back() -> None:
    user, asked, face = a_user(), an_unnamed_face(ANNA), an_unnamed_face(ANNA)
    event = trash_photo(user, face.photo)
    assert find(user, asked) == []
    undo_events(user, event)
    assert find(user, asked) == [face.pk]


def test_a_build_is_due_at_a_thousand_faces_and_when_a_share_has_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(builds, "MIN_FACES_TO_BUILD", 3)
    an_unnamed_face(a_vector(1))
    an_unnamed_face(a_vector(2))
    assert not is_face_build_due()
    an_unnamed_face(a_vector(3))
    assert is_face_build_due()
    request_build("test", contents=IndexContents.FACES)
    assert not is_face_build_due()
    build_faces()
    assert not is_face_build_due()
    Face.objects.filter(embedder_id=EMBEDDER).update(embedding=a_vector(7))  # nobody is told
    report = compare_index_with_database()
    assert not report.is_sound
    assert not report.is_different  # the index of references
    assert report.faces
    assert len(report.faces.altered) == 3
    mended = compare_index_with_database(mend=True)
    assert mended.is_mended
    assert ids_on_disk() == set(Face.objects.values_list("pk", flat=True))


def test_too_many_faces_wait_for_the_first_build() -> None:

    few = replace(contents.FACES, max_unbuilt=1)
    an_unnamed_face(a_vector(1))
    follower = live.IndexFollower(EMBEDDER, 16, few)
    follower.refresh()
    an_unnamed_face(a_vector(2))
    with pytest.raises(live.IndexNotReady):
        live.IndexFollower(EMBEDDER, 16, few).refresh()


def test_builds_of_the_embedder_before_go_when_faces_are_built_by_the_next(world: FakeEngine) -> None:
    an_unnamed_face(ANNA)
    build_faces()
    Face.objects.update(embedder_id=OTHER)
    world.id = OTHER
    SiteSetting.objects.update(value={"id": OTHER, "name": "other", "options": {}})
    assert is_face_build_due()
    build_faces()
    assert set(Build.objects.exclude(directory="").values_list("embedder_id", flat=True)) == {OTHER}


def test_a_processed_photo_is_found_at_once_and_its_old_faces_are_not(world: FakeEngine) -> None:
    from gallery.faces.processing import process_photo
    from gallery.jobs.leases import enqueue_rows
    from gallery.models import Photo

    user, asked, photo = a_user(), an_unnamed_face(ANNA), a_photo()
    build_faces()
    for seed, count in ((1, 1), (9, 0)):
        world.faces = [somebody(300, seed)]
        enqueue_rows(Photo.objects.filter(pk=photo.pk))
        assert process_photo(photo.pk)
        assert len(find(user, asked)) == count


def ask(lookup: Lookup) -> Found:
    question = {
        "act": lookup.act,
        "user": lookup.user,
        "language": lookup.language,
        "options": lookup.options,
    }
    for picture in lookup.pictures:
        picture.seek(0)
    said = answer_question(question, [picture.read() for picture in lookup.pictures])
    return Found(said.status_code, said["Content-Type"].encode(), said.content)


@pytest.mark.usefixtures("own_data")
def test_the_api_searches_with_a_face_or_a_picture(world: FakeEngine, settings: Any) -> None:
    settings.FILE_UPLOAD_TEMP_DIR = settings.DATA_DIR
    who, owner = Caller(a_user("Co", Role.CONTRIBUTOR)), a_user("Owner")
    asked, other = an_unnamed_face(ANNA), an_unnamed_face(ANNA)
    album = Album.objects.create(name="x", is_limited=True, created_by=owner)
    hidden = an_unnamed_face(ANNA, photo=a_photo(album=album))

    def call(**body: Any) -> Any:
        answer = who.post("/faces/search", body)
        lookup = get_lookup(answer)
        return json.loads(ask(lookup).content) if lookup else problem(answer)

    assert problem(who.post("/faces/search", {"face": asked.pk})) == (503, "no_worker")
    found = AlikeFacesOut.model_validate(call(face=asked.pk))
    assert [(one.face, one.photo, one.similarity) for one in found.faces] == [(other.pk, other.photo_id, 1.0)]
    assert call(face=hidden.pk) == (404, "not_found")
    assert call(face=0) == (422, "invalid")
    assert call() == (422, "invalid")
    assert call(face=a_face().pk)["code"] == "face_not_comparable"
    world.faces = [somebody(100, 1)]
    lookup = get_lookup(who.send("/faces/search", jpeg()))
    assert lookup
    assert [one["face"] for one in json.loads(ask(lookup).content)["faces"]] == [asked.pk, other.pk]
    world.faces = []
    assert json.loads(ask(lookup).content)["code"] == "no_face"
    assert [event.summary for event in Event.objects.filter(verb="searched_with_face")] == [{}] * 4
    SiteSetting.objects.create(key=FACE_LOOKUPS.key, value=False)
    assert call(face=asked.pk) == (403, "switched_off")


def show(client: Client, address: str) -> str:
    """The page with what the worker finds: what the gate does, without it."""
    lookup = get_lookup(client.get(address))
    assert lookup
    return client.get(address, **{FOUND: ask(lookup)}).content.decode()  # type: ignore[arg-type]


def test_faces_of_the_page_are_named_or_said_to_be_somebody_else_and_put_into_an_album(
    client: Client,
) -> None:
    user, anna = a_user("Co", Role.CONTRIBUTOR), a_person()
    asked = a_named_face(anna, embedding=ANNA, **VECTOR)
    one, two = some_faces(2)
    Candidate.objects.create(face=two, person=anna, similarity=0.8, rank=0)
    client.force_login(user)
    address = reverse("alike_faces", args=(asked.pk,))
    page = show(client, address)
    assert page.index(f'value="{one.pk}:0"') < page.index(f'value="{two.pk}:0"')
    assert "Alike enough to be the same person" in page
    say, back = reverse("alike_faces_answer"), {"next": address}
    client.post(say, {**back, "face": f"{one.pk}:0", "person": anna.pk})
    client.post(say, {**back, "face": f"{two.pk}:0", "answer": "not", "not_person": anna.pk})
    one.refresh_from_db()
    assert (one.person, one.decision) == (anna, "confirmed")
    assert two.rejections.get().person == anna
    assert not two.candidates.exists()
    client.post(
        reverse("photos_act"), {**back, "face": [f"{one.pk}:1", f"{two.pk}:1"], "do": "album", "album": "Us"}
    )
    assert set(Album.objects.get(name="Us").photos.values_list("pk", flat=True)) == {
        one.photo_id,
        two.photo_id,
    }
    undo_events(user, Event.objects.get(verb="face.reject_group"))
    assert not two.rejections.exists()
    assert two.candidates.exists()


def test_faces_found_are_told_apart_from_the_unknown_one_that_was_searched_for(client: Client) -> None:
    asked, one, two = some_faces(3)
    album = Album.objects.create(name="x", is_limited=True, created_by=a_user("Owner"))
    hidden = an_unnamed_face(ANNA, photo=a_photo(album=album))
    Face.objects.update(cluster=asked.pk)
    client.force_login(a_user("Co", Role.CONTRIBUTOR))
    address, say = reverse("alike_faces", args=(asked.pk,)), reverse("alike_faces_answer")
    assert "Not the same person" in show(client, address)
    sent = {"next": address, "answer": "split", "face": f"{one.pk}:0"}
    assert client.post(say, {**sent, "like": hidden.pk}).status_code == 404
    client.post(say, {**sent, "like": asked.pk})
    clusters = dict(Face.objects.values_list("pk", "cluster"))
    assert clusters.pop(one.pk) == one.pk
    assert clusters == {asked.pk: asked.pk, two.pk: asked.pk, hidden.pk: asked.pk}
    assert FaceSplit.objects.count() == 1


@pytest.mark.usefixtures("own_data")
def test_a_face_of_a_picture_that_is_not_kept_leads_to_all_photos_with_it(
    client: Client, world: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alike, "FACES_PER_PAGE", 2)
    faces = some_faces(3)
    client.force_login(a_user("Co", Role.CONTRIBUTOR))
    vector = b64encode(ANNA).decode()
    form = {"vector": vector, "embedder": EMBEDDER}
    shown: list[Face] = []
    for some in (faces[:2], faces[2:]):
        lookup = get_lookup(client.post(reverse("alike_to_picture"), form))
        assert lookup
        found = ask(lookup)
        page = client.get(reverse("alike_to_picture"), **{FOUND: found}).content.decode()  # type: ignore[arg-type]
        assert all(f'value="{face.pk}:0"' in page for face in some)
        shown += some
        form["cursor"] = str(json.loads(found.content)["next"])
    assert shown == faces
    lookup = get_lookup(client.post(reverse("alike_to_picture"), {**form, "vector": "no vector"}))
    assert lookup
    assert json.loads(ask(lookup).content)["code"] == "face_not_comparable"
    [event] = Event.objects.filter(verb="searched_with_face")
    assert (event.object_id, event.summary) == (None, {})
    assert client.get(reverse("alike_to_picture")).status_code == 302

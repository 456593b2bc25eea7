"""What people decided stands: through re-processing, rebuilds, re-imports and another embedder."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from gallery.faces.decisions import (
    confirm_face,
    decide_face,
    draw_face,
    reject_person_of_face,
)
from gallery.faces.naming import follow_gallery, search_faces_again, spread_decisions
from gallery.faces.processing import embed_drawn_face, list_unembedded_drawn_faces, process_photo
from gallery.faces.splits import split_face_group
from gallery.index import engine
from gallery.index.builds import request_build, run_build
from gallery.index.engine import forget_loaded_models
from gallery.index.feed import ChangeKind, record_reference_changes
from gallery.models import Candidate, Decision, Face, FaceRejection, Photo, ReferenceVector, Status
from gallery.photos.services import add_photo, retry_photo
from recognition.types import Box
from tests.engines import FakeEngine, Seen, somebody
from tests.making import a_person, a_photo, a_reference, a_user, a_vector

pytestmark = pytest.mark.django_db
OTHER_EMBEDDER = "other-0123456789ab"


@pytest.fixture
def seen(monkeypatch, settings, tmp_path, sent):
    """The engine, which sees two people in every photo."""
    settings.INDEX_ROOT, settings.MEDIA_ROOT = tmp_path / "index", tmp_path / "media"
    fake = FakeEngine([somebody(100, seed=1), somebody(400, seed=2)])
    for name in ("get_detector", "get_serving_embedder", "get_configured_embedder"):
        monkeypatch.setattr(engine, name, lambda: fake)
    monkeypatch.setattr(engine, "read_photo", fake.read)
    monkeypatch.setattr(engine, "get_decision_bounds", lambda embedder: fake.bounds)
    forget_loaded_models()
    yield fake
    forget_loaded_models()


def know(person, vector, embedder_id=None):
    """An approved reference of the person with this vector, announced as the worker would."""
    reference = a_reference(person)
    columns = {"vector": vector}
    if embedder_id:
        columns["embedder_id"] = embedder_id
    ReferenceVector.objects.filter(reference=reference).update(**columns)
    record_reference_changes(ChangeKind.ADDED, [reference])
    return reference


def process_again(photo):
    Photo.objects.filter(pk=photo.pk).update(work=Status.QUEUED, attempts=0, queued_at=None)
    assert process_photo(photo.pk)
    photo.refresh_from_db()
    assert photo.work == Status.DONE, photo.failure_text


def reprocess(seen, photo, anna, bao):
    process_again(photo)


def reprocess_with_shifted_boxes(seen, photo, anna, bao):
    for face in seen.faces:
        face.box = face.box.shifted(6, -5)
    process_again(photo)


def reprocess_and_miss_the_faces(seen, photo, anna, bao):
    seen.faces.clear()
    process_again(photo)


def change_the_gallery(seen, photo, anna, bao):
    """More references for everybody, and the search that follows a build."""
    know(anna, seen.faces[0].vector)
    know(bao, seen.faces[0].vector)
    search_faces_again(list(Face.objects.values_list("pk", flat=True)))


def start_the_index_afresh(seen, photo, anna, bao):
    forget_loaded_models()
    search_faces_again(list(Face.objects.values_list("pk", flat=True)))


def rebuild_the_index(seen, photo, anna, bao):
    """A whole new index, and the pass that takes undecided faces to it."""
    know(bao, seen.faces[0].vector)
    build = run_build(request_build("test", delay=0).pk)
    assert build.is_active
    follow_gallery(is_all=True)


def upload_the_photo_again(seen, photo, anna, bao):
    """The same file: it stays one photo, and is looked at once more."""
    content = b"the bytes of a photo"
    Photo.objects.filter(pk=photo.pk).update(sha256=hashlib.sha256(content).hexdigest())
    added = add_photo(a_user("Eva"), [content], "again.jpg")
    assert (added.photo, added.is_duplicate) == (photo, True)
    retry_photo(a_user("Kim"), photo)
    process_again(photo)


def change_the_embedder(seen, photo, anna, bao):
    seen.id, seen.dimension = OTHER_EMBEDDER, 8
    for number, face in enumerate(seen.faces):
        face.vector = a_vector(50 + number, dimension=8)
    know(anna, seen.faces[0].vector, OTHER_EMBEDDER)
    process_again(photo)


def import_the_people_again(seen, photo, anna, bao):
    for reference in list(anna.references.all()):
        record_reference_changes(ChangeKind.REMOVED, [reference])
        reference.delete()
    know(anna, seen.faces[0].vector)
    process_again(photo)


HAPPENINGS = [
    reprocess,
    reprocess_with_shifted_boxes,
    reprocess_and_miss_the_faces,
    change_the_gallery,
    start_the_index_afresh,
    rebuild_the_index,
    upload_the_photo_again,
    change_the_embedder,
    import_the_people_again,
]


@pytest.fixture
def scene(seen):
    """A processed photo whose first face the machine takes for Anna."""
    anna, bao, photo = a_person("Anna"), a_person("Bảo"), a_photo()
    know(anna, seen.faces[0].vector)
    process_again(photo)
    face = Face.objects.get(photo=photo, left=100)
    assert (face.person, face.state) == (anna, Face.State.KNOWN)
    return photo, face, anna, bao


@pytest.mark.parametrize("happens", HAPPENINGS)
@pytest.mark.parametrize("decision", ["right", "confirmed", "rejected", "not_a_face", "ignored"])
def test_a_decision_stands(seen, scene, happens, decision):
    photo, face, anna, bao = scene
    user = a_user()
    {
        "right": lambda: confirm_face(user, face, anna),
        "confirmed": lambda: confirm_face(user, face, bao),
        "rejected": lambda: decide_face(user, face, Decision.REJECTED),
        "not_a_face": lambda: decide_face(user, face, Decision.NOT_A_FACE),
        "ignored": lambda: decide_face(user, face, Decision.IGNORED),
    }[decision]()
    face.refresh_from_db()
    decided_at = face.decided_at
    happens(seen, photo, anna, bao)
    face.refresh_from_db()
    assert face.decision == ("confirmed" if decision == "right" else decision)
    assert face.person == {"right": anna, "confirmed": bao}.get(decision)
    assert (face.decided_by, face.decided_at) == (user, decided_at)
    if seen.faces:
        assert photo.faces.count() == 2


@pytest.mark.parametrize("happens", HAPPENINGS)
def test_this_face_is_not_anna_stands(seen, scene, happens):
    photo, face, anna, bao = scene
    reject_person_of_face(a_user(), face, anna)
    happens(seen, photo, anna, bao)
    face.refresh_from_db()
    assert face.person != anna
    assert not face.candidates.filter(person=anna).exists()
    assert FaceRejection.objects.filter(face=face, person=anna).exists()


@pytest.mark.parametrize("happens", HAPPENINGS)
def test_a_drawn_box_stands(seen, scene, happens):
    photo, _face, anna, bao = scene
    drawn = draw_face(a_user(), photo, (600, 300, 90, 90))
    happens(seen, photo, anna, bao)
    drawn.refresh_from_db()
    assert drawn.is_drawn
    assert (drawn.left, drawn.top, drawn.width, drawn.height) == (600, 300, 90, 90)


@pytest.mark.parametrize("happens", HAPPENINGS)
def test_the_name_of_a_drawn_box_stands(seen, scene, happens):
    photo, _face, anna, bao = scene
    user = a_user()
    drawn = draw_face(user, photo, (600, 300, 90, 90))
    confirm_face(user, drawn, bao)
    happens(seen, photo, anna, bao)
    drawn.refresh_from_db()
    assert (drawn.is_drawn, drawn.decision, drawn.person) == (True, Decision.CONFIRMED, bao)


@pytest.mark.parametrize("happens", [rebuild_the_index, reprocess, change_the_embedder])
def test_what_happens_here_does_reach_faces_that_nobody_decided_on(seen, scene, happens):
    """The other side of the above: none of this would be noticed if nothing were searched again."""
    photo, face, anna, bao = scene
    was = Face.objects.values_list("embedder_id", "searched_change", "person").get(pk=face.pk)
    know(bao, seen.faces[0].vector)
    know(bao, seen.faces[0].vector)
    happens(seen, photo, anna, bao)
    assert Face.objects.values_list("embedder_id", "searched_change", "person").get(pk=face.pk) != was


def test_a_drawn_box_over_a_face_found_later_stays_one_face_where_it_was_drawn(seen, scene):
    photo, _face, anna, _bao = scene
    drawn = draw_face(a_user(), photo, (600, 300, 90, 90))
    confirm_face(a_user("Bao"), drawn, anna)
    seen.faces.append(Seen(Box(605, 305, 85, 95), a_vector(9)))
    process_again(photo)
    drawn.refresh_from_db()
    assert photo.faces.count() == 3
    assert (drawn.left, drawn.person) == (600, anna)
    assert drawn.embedding is not None


def test_a_head_that_was_drawn_and_the_face_found_in_it_later_are_one(seen, scene):
    photo, _face, anna, _bao = scene
    drawn = draw_face(a_user(), photo, (590, 260, 120, 170))
    confirm_face(a_user("Bao"), drawn, anna)
    seen.faces.append(Seen(Box(615, 310, 70, 90), a_vector(9)))
    process_again(photo)
    drawn.refresh_from_db()
    assert photo.faces.count() == 3
    assert (drawn.width, drawn.person) == (120, anna)
    assert drawn.embedding is not None


def test_a_drawn_box_takes_no_face_beside_it(seen, scene):
    photo, *_ = scene
    drawn = draw_face(a_user(), photo, (590, 260, 120, 170))
    seen.faces.append(Seen(Box(680, 310, 80, 100), a_vector(9)))
    process_again(photo)
    drawn.refresh_from_db()
    assert photo.faces.count() == 4
    assert drawn.embedding is None


def test_an_undecided_face_does_follow_the_gallery(seen, scene):
    """The other side of the above: these tests would notice if nothing ever changed."""
    _photo, face, anna, bao = scene
    for reference in list(anna.references.all()):
        record_reference_changes(ChangeKind.REMOVED, [reference])
        reference.delete()
    know(bao, seen.faces[0].vector)
    search_faces_again([face.pk])
    face.refresh_from_db()
    assert face.person == bao


def test_a_drawn_face_is_found_embedded_and_searched(seen, scene, monkeypatch):
    photo, _face, anna, _bao = scene
    drawn = draw_face(a_user(), photo, (590, 280, 110, 130))
    region_at = Box(524, 202, 242, 286)

    class Region:
        box = region_at
        pixels = np.zeros((286, 242, 3), np.uint8)

    monkeypatch.setattr("gallery.faces.processing.read_region", lambda *args, **kwargs: Region)
    inside = Seen(Box(605 - 524, 305 - 202, 80, 95), seen.faces[0].vector)
    seen.faces = [inside]
    assert embed_drawn_face(drawn.pk)
    drawn.refresh_from_db()
    assert drawn.person == anna
    assert drawn.landmarks[0][0] == pytest.approx(605 + 0.3 * 80)
    assert list_unembedded_drawn_faces() == []


def test_a_drawn_box_without_a_face_can_still_be_named_by_hand(seen, scene, monkeypatch):
    photo, _face, anna, _bao = scene
    drawn = draw_face(a_user(), photo, (590, 280, 110, 130))
    assert list_unembedded_drawn_faces() == [drawn.pk]

    class Region:
        box = Box(524, 202, 242, 286)
        pixels = np.zeros((286, 242, 3), np.uint8)

    monkeypatch.setattr("gallery.faces.processing.read_region", lambda *args, **kwargs: Region)
    seen.faces = []
    embed_drawn_face(drawn.pk)
    drawn.refresh_from_db()
    assert (drawn.is_usable, drawn.embedding) == (False, None)
    assert list_unembedded_drawn_faces() == []
    confirm_face(a_user("Bao"), drawn, anna)
    drawn.refresh_from_db()
    assert drawn.person == anna


def test_naming_one_face_asks_about_its_look_alikes_and_the_answer_stands(seen, scene):
    photo, _face, _anna, bao = scene
    stranger = Face.objects.get(photo=photo, left=400)
    other_photo = a_photo()
    seen.faces = [Seen(Box(50, 50, 80, 80), a_vector(77, near=bytes(stranger.embedding)))]
    process_again(other_photo)
    alike = other_photo.faces.get()
    assert alike.state == Face.State.UNKNOWN
    user = a_user()
    confirm_face(user, stranger, bao)
    spread_decisions([stranger.pk])
    alike.refresh_from_db()
    assert (alike.state, alike.person) == (Face.State.UNSURE, None)
    assert alike.candidates.first().person == bao
    search_faces_again([alike.pk])
    alike.refresh_from_db()
    assert alike.state == Face.State.UNSURE
    assert alike.candidates.first().look_alike == stranger
    decide_face(user, stranger, Decision.NONE)
    spread_decisions([stranger.pk])
    alike.refresh_from_db()
    assert alike.state == Face.State.UNKNOWN
    assert not Candidate.objects.filter(look_alike=stranger).exists()


@pytest.mark.parametrize("way", ["rejected", "told apart"])
def test_a_look_alike_said_not_to_be_the_person_is_not_asked_about(seen, scene, way):
    photo, _face, _anna, bao = scene
    stranger, other_photo, user = Face.objects.get(photo=photo, left=400), a_photo(), a_user()
    seen.faces = [Seen(Box(50, 50, 80, 80), a_vector(77, near=bytes(stranger.embedding)))]
    process_again(other_photo)
    alike = other_photo.faces.get()
    if way == "rejected":
        reject_person_of_face(user, alike, bao)
    else:
        split_face_group(user, [alike.pk], [stranger.pk], {})
    confirm_face(user, stranger, bao)
    spread_decisions([stranger.pk])
    alike.refresh_from_db()
    assert alike.state == Face.State.UNKNOWN
    assert alike.decision == Decision.NONE

"""Faces that become references, by a click or by the setting, and stop being so."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gallery.core.exceptions import ActionRefused
from gallery.faces.decisions import confirm_face, name_face_group
from gallery.history.undo import undo_events
from gallery.models import Decision, Event, Face, GalleryChange, Reference, ReferenceVector, SiteSetting
from gallery.people import references
from gallery.people.references import add_references_from_faces, choose_reference_faces, use_face_as_reference
from recognition.images import sandbox
from recognition.types import Box
from tests.engines import GOOD, landmarks_in
from tests.making import EMBEDDER, a_face, a_person, a_photo, a_user, a_vector

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "own_data")]


def a_clear_face(**columns):
    photo = a_photo()
    path = Path(photo.file.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(5).integers(0, 255, (600, 800, 3), np.uint8)
    Image.fromarray(noise).save(path)
    box = Box(300, 200, 100, 120)
    place = {"left": 300, "top": 200, "width": 100, "height": 120, "quality": asdict(GOOD)}
    return a_face(photo, landmarks=landmarks_in(box).tolist(), **{**place, **columns})


def test_a_confirmed_face_becomes_a_reference_with_its_surroundings(sent):
    user, anna, face = a_user(), a_person(), a_clear_face()
    confirm_face(user, face, anna)
    face.refresh_from_db()
    event = use_face_as_reference(user, face)
    reference = Reference.objects.get()
    assert (reference.person, reference.source_face, reference.status) == (anna, face, "approved")
    with Image.open(Path(reference.image.path)) as crop:
        assert crop.size == (260, 312)
    assert reference.box == [80, 96, 100, 120]
    assert reference.landmarks[0] == [80 + 30, 96 + 48]
    assert ("embed_reference", reference.pk) in sent
    assert event.summary["person"] == "Anna"


def test_the_second_click_adds_nothing():
    user, anna, face = a_user(), a_person(), a_clear_face()
    confirm_face(user, face, anna)
    face.refresh_from_db()
    use_face_as_reference(user, face)
    assert use_face_as_reference(user, face) is None
    assert Reference.objects.count() == 1


def test_using_a_face_the_machine_named_confirms_it():
    user, face = a_user(), a_clear_face(person=a_person(), state="known")
    use_face_as_reference(user, face)
    face.refresh_from_db()
    assert face.decision == Decision.CONFIRMED


def test_a_name_taken_back_while_the_crop_is_cut_is_not_confirmed_again(monkeypatch):
    """The machine has the same person in mind, so the face still carries the name."""
    user, anna, face = a_user(), a_person(), a_clear_face(state="known")
    face.person = anna
    face.save()
    confirmed = confirm_face(user, face, anna)
    read_region = sandbox.read_region

    def slow_read(*args, **kwargs):
        undo_events(user, confirmed)
        return read_region(*args, **kwargs)

    monkeypatch.setattr("gallery.people.crops.read_region", slow_read)
    assert add_references_from_faces([face.pk]) == 0
    face.refresh_from_db()
    assert (face.person, face.decision) == (anna, Decision.NONE)
    assert not Reference.objects.exists()


def test_a_face_without_a_name_or_landmarks_is_refused():
    with pytest.raises(ActionRefused, match="Say first who this is"):
        use_face_as_reference(a_user(), a_clear_face())
    with pytest.raises(ActionRefused, match="No face was found"):
        use_face_as_reference(a_user("Bao"), a_face(person=a_person()))


def test_undo_takes_the_reference_from_the_index_and_nothing_makes_it_again_but_a_person():
    user, face = a_user(), a_clear_face(person=a_person(), state="known")
    event = use_face_as_reference(user, face)
    reference = Reference.objects.get()
    ReferenceVector.objects.create(reference=reference, embedder_id=EMBEDDER, vector=a_vector(1))
    undo_events(user, event)
    assert Reference.objects.get().status == Reference.Judgement.REJECTED
    assert GalleryChange.objects.filter(kind="removed", object_id=reference.pk).exists()
    assert choose_reference_faces([face.pk]) == []
    face.refresh_from_db()
    again = use_face_as_reference(user, face)
    assert Reference.objects.get().status == Reference.Judgement.APPROVED
    undo_events(user, again)
    assert Reference.objects.get().status == Reference.Judgement.REJECTED


def test_a_reference_no_longer_counts_once_its_face_is_said_to_be_somebody_else():
    user, anna, eva, face = a_user(), a_person("Anna"), a_person("Eva"), a_clear_face()
    confirm_face(user, face, anna)
    face.refresh_from_db()
    use_face_as_reference(user, face)
    reference = Reference.objects.get()
    ReferenceVector.objects.create(reference=reference, embedder_id=EMBEDDER, vector=a_vector(1))
    event = confirm_face(user, face, eva)
    reference.refresh_from_db()
    assert reference.status == Reference.Judgement.REJECTED
    assert GalleryChange.objects.filter(kind="removed", object_id=reference.pk).exists()
    undo_events(user, event)
    reference.refresh_from_db()
    assert reference.status == Reference.Judgement.APPROVED


def test_undoing_a_wrong_name_withdraws_the_reference_made_from_it():
    user, anna, face = a_user(), a_person(), a_clear_face()
    event = confirm_face(user, face, anna)
    assert add_references_from_faces([face.pk]) == 1
    undo_events(user, event)
    assert Reference.objects.get().status == Reference.Judgement.REJECTED


def test_a_name_that_only_the_machine_still_says_withdraws_the_reference_made_from_the_face():
    user, anna, face = a_user(), a_person(), a_clear_face()
    Face.objects.filter(pk=face.pk).update(person=anna, state=Face.State.KNOWN)
    face.refresh_from_db()
    event = confirm_face(user, face, anna)
    assert add_references_from_faces([face.pk]) == 1
    undo_events(user, event)
    face.refresh_from_db()
    assert (face.person, face.decision) == (anna, "")
    assert Reference.objects.get().status == Reference.Judgement.REJECTED


def test_good_confirmed_faces_become_references_by_themselves():
    user, anna = a_user(), a_person()
    face = a_clear_face()
    confirm_face(user, face, anna)
    assert add_references_from_faces([face.pk]) == 1
    assert add_references_from_faces([face.pk]) == 0
    assert Event.objects.filter(verb="face.use_as_reference", actor=user).count() == 1


def test_the_setting_turns_that_off():
    SiteSetting.objects.create(key="confirmed_faces_become_references", value=False)
    face = a_clear_face()
    confirm_face(a_user(), face, a_person())
    assert add_references_from_faces([face.pk]) == 0


@pytest.mark.parametrize("poor", [{"size": 12}, {"yaw": -50}, {"sharpness": 0.001}, {"exposure": 0.05}])
def test_poor_faces_do_not_become_references_by_themselves(poor):
    face = a_clear_face(quality=asdict(replace(GOOD, **poor)))
    confirm_face(a_user(), face, a_person())
    assert add_references_from_faces([face.pk]) == 0


def test_a_person_gets_no_more_references_by_themselves_than_are_of_use(monkeypatch):
    monkeypatch.setattr(references, "MAX_AUTOMATIC_REFERENCES", 2)
    user, anna = a_user(), a_person()
    group = [a_clear_face(quality=asdict(replace(GOOD, size=size))) for size in (40, 80, 60)]
    name_face_group(user, [face.pk for face in group], anna)
    assert add_references_from_faces([face.pk for face in group]) == 2
    sources = Reference.objects.values_list("source_face_id", flat=True)
    assert set(sources) == {group[1].pk, group[2].pk}

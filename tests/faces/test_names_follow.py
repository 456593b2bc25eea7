"""After the gallery changes, undecided faces of older photos follow it, and the changed names are listed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from gallery.faces import naming
from gallery.faces.naming import FOLLOW_HEARTBEAT_KEY, follow_gallery, is_following_due
from gallery.index.builds import request_build, run_build
from gallery.index.services import review_name_changes
from gallery.models import Decision, Face, GalleryChange, NameChange, SiteSetting
from tests.gallery_world import an_unnamed_face, know, near, reject, world
from tests.making import a_person, a_user, a_vector

__all__ = ["world"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("world")]


def test_a_face_gets_the_name_of_a_person_who_joined_later_and_the_change_is_listed() -> None:
    face = an_unnamed_face(near(a_vector(1)))
    anna = a_person()
    know(anna, a_vector(1))
    build = run_build(request_build("test", delay=0).pk)
    assert follow_gallery() == 1
    face.refresh_from_db()
    assert (face.person, face.state) == (anna, Face.State.KNOWN)
    listed = NameChange.objects.get()
    assert (listed.build, listed.photo, listed.face) == (build, face.photo, face)
    assert (listed.old_person, listed.new_person, listed.new_state) == (None, anna, "known")
    assert list(face.candidates.values_list("person", "build")) == [(anna.pk, build.pk)]


def test_a_proposal_made_before_the_first_build_names_none() -> None:
    face = an_unnamed_face(near(a_vector(1)))
    know(a_person(), a_vector(1))
    follow_gallery()
    assert list(face.candidates.values_list("build", flat=True)) == [None]


def test_a_name_that_no_longer_holds_is_withdrawn() -> None:
    anna = a_person()
    reference = know(anna, a_vector(1))
    face = an_unnamed_face(near(a_vector(1)))
    follow_gallery()
    reject(reference)
    assert follow_gallery() == 1
    face.refresh_from_db()
    assert (face.person, face.state) == (None, Face.State.UNKNOWN)
    assert list(NameChange.objects.order_by("pk").values_list("old_person", "new_person")) == [
        (None, anna.pk),
        (anna.pk, None),
    ]


@pytest.mark.parametrize("decision", [each for each in Decision.values if each])
def test_what_a_person_decided_is_never_touched(decision: str) -> None:
    bao = a_person("Bao")
    face = an_unnamed_face(near(a_vector(1)), decision=decision, person=bao, state="known", similarity=0.5)
    know(a_person("Anna"), a_vector(1))
    assert follow_gallery(is_all=True) == 0
    after = Face.objects.get(pk=face.pk)
    assert (after.person, after.similarity, after.decision) == (bao, 0.5, decision)


def test_faces_are_searched_again_only_after_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    an_unnamed_face(near(a_vector(1)))
    know(a_person(), a_vector(1))
    follow_gallery()
    monkeypatch.setattr(naming, "name_faces", lambda *_: pytest.fail("searched again"))
    assert follow_gallery() == 0
    with pytest.raises(pytest.fail.Exception):
        follow_gallery(is_all=True)


def test_an_interrupted_pass_goes_on_where_it_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(naming, "FACES_PER_TRANSACTION", 2)
    for seed in range(5):
        an_unnamed_face(near(a_vector(1), seed))
    know(a_person(), a_vector(1))
    real, passes = naming._search_part_again, []

    def stops(ids, *rest):
        if len(passes) == 2:
            raise KeyboardInterrupt
        passes.append(ids)
        return real(ids, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(naming, "_search_part_again", stops)
        with pytest.raises(KeyboardInterrupt):
            follow_gallery()
    assert follow_gallery() == 1
    assert NameChange.objects.count() == 5


def test_changed_names_can_be_reviewed() -> None:
    an_unnamed_face(near(a_vector(1)))
    know(a_person(), a_vector(1))
    build = run_build(request_build("test", delay=0).pk)
    assert build is not None
    follow_gallery()
    listed = NameChange.objects.get()
    user = a_user()
    assert review_name_changes(user, build, [listed.pk]) == 1
    assert review_name_changes(user, build, [listed.pk]) == 0
    listed.refresh_from_db()
    assert listed.reviewed_by == user


def test_a_pass_whose_message_was_lost_is_found_by_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    an_unnamed_face(near(a_vector(1)))
    know(a_person(), a_vector(1))
    run_build(request_build("test", delay=0).pk)
    assert not is_following_due()  # it may be on its way
    monkeypatch.setattr(naming, "MAX_FOLLOW_DELAY", timedelta(seconds=-1))
    assert is_following_due()
    follow_gallery()
    assert not is_following_due()
    know(a_person("Bao"), a_vector(2))
    monkeypatch.setattr(naming, "MAX_FOLLOW_DELAY", timedelta(seconds=30))
    GalleryChange.objects.update(at=timezone.now() - timedelta(seconds=60))
    assert not is_following_due()  # a pass was at work a moment ago
    SiteSetting.objects.filter(pk=FOLLOW_HEARTBEAT_KEY).update(
        changed_at=timezone.now() - timedelta(seconds=60)
    )
    assert is_following_due()

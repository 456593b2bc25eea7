"""Naming, hiding, merging and splitting people, and taking it back."""

from __future__ import annotations

import pytest

from gallery.core.exceptions import ActionRefused, CannotUndo, EditConflict, NameTaken
from gallery.faces.decisions import confirm_face, reject_person_of_face
from gallery.history.undo import undo_events
from gallery.models import Candidate, Decision, Event, Face, FaceRejection, GalleryChange, Person, Reference
from gallery.people.services import (
    create_person,
    get_or_create_person,
    merge_people,
    preview_merge,
    rename_person,
    set_person_cover,
    set_person_hidden,
    set_person_note,
    split_person,
)
from tests.making import EMBEDDER, a_face, a_named_face, a_person, a_reference, a_user, an_unsure_face

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent")]


def everything():
    """All rows that a merge may write, revisions aside."""
    rows = {}
    for model in (Person, Reference, Face, FaceRejection, Candidate):
        rows[model.__name__] = [
            {name: value for name, value in row.items() if name != "revision"}
            for row in model.objects.order_by("pk").values()
        ]
    return rows


@pytest.mark.parametrize("name", ["anna", "  Anna ", "ANNA"])
def test_a_name_that_differs_only_in_case_or_spaces_is_taken(name):
    anna = a_person("Anna")
    with pytest.raises(NameTaken, match="or another of that name") as refused:
        create_person(a_user(), name)
    assert refused.value.people == [anna]


def test_a_name_in_another_unicode_form_is_taken():
    a_person("Nguye\u0302\u0303n")
    with pytest.raises(NameTaken):
        create_person(a_user(), "Nguy\u1ec5n")


@pytest.mark.parametrize("name", ["", "   ", "\u0007", "x" * 201])
def test_a_name_that_is_no_name_is_refused(name):
    with pytest.raises(ActionRefused):
        create_person(a_user(), name)


def test_typing_a_known_name_finds_the_person():
    anna, user = a_person("Anna"), a_user()
    assert get_or_create_person(user, "anna") == anna
    assert get_or_create_person(user, "Eva").name == "Eva"


def test_creating_is_undone_unless_faces_hang_on_the_person():
    user = a_user()
    anna, eva = create_person(user, "Anna"), create_person(user, "Eva")
    confirm_face(user, a_face(), eva)
    undo_events(user, Event.objects.get(object_id=anna.pk, verb="person.create"))
    with pytest.raises(CannotUndo):
        undo_events(user, Event.objects.get(object_id=eva.pk, verb="person.create"))
    assert list(Person.objects.values_list("name", flat=True)) == ["Eva"]


def test_renaming_changes_what_the_person_is_found_by_and_is_undone():
    user, person = a_user(), a_person("Dao")
    event = rename_person(user, person, "Đào Thị Lan")
    person.refresh_from_db()
    assert person.search == "dao thi lan"
    undo_events(user, event)
    person.refresh_from_db()
    assert (person.name, person.search) == ("Dao", "dao")


def test_renaming_to_another_persons_name_offers_the_merge():
    anna, eva = a_person("Anna"), a_person("Eva")
    with pytest.raises(NameTaken) as refused:
        rename_person(a_user(), eva, "ANNA")
    assert refused.value.people == [anna]


def test_a_new_spelling_of_the_own_name_is_allowed():
    person = a_person("anna")
    rename_person(a_user(), person, "Anna")
    person.refresh_from_db()
    assert person.name == "Anna"


def test_the_second_of_two_curators_is_told_of_the_rename():
    mai, bao, person = a_user("Mai"), a_user("Bao"), a_person("Anna")
    rename_person(mai, person, "Anna B.", revision=0)
    with pytest.raises(EditConflict, match="Mai was here first and renamed “Anna” to “Anna B"):
        rename_person(bao, person, "Anna C.", revision=0)


def test_a_rename_is_not_undone_over_a_later_rename():
    user, person = a_user(), a_person("Anna")
    event = rename_person(user, person, "Anne")
    rename_person(user, person, "Annie")
    with pytest.raises(CannotUndo):
        undo_events(user, event)


@pytest.mark.parametrize("act", ["hide", "note", "cover"])
def test_hiding_notes_and_covers_are_undone(act):
    user, person = a_user(), a_person()
    reference = a_reference(person)
    before = everything()
    event = {
        "hide": lambda: set_person_hidden(user, person, True),
        "note": lambda: set_person_note(user, person, "aunt"),
        "cover": lambda: set_person_cover(user, person, reference),
    }[act]()
    assert everything() != before
    undo_events(user, event)
    assert everything() == before


def test_a_cover_must_be_of_the_person():
    with pytest.raises(ActionRefused, match="somebody else"):
        set_person_cover(a_user(), a_person("Anna"), a_reference(a_person("Eva")))


def two_people_with_everything():
    user, source, target = a_user(), a_person("Anna B"), a_person("Anna")
    a_reference(source), a_reference(target)
    source.cover = a_reference(source)
    source.note = "sings"
    source.save()
    confirm_face(user, a_face(), source)
    a_named_face(source)
    both = an_unsure_face(target, source)
    reject_person_of_face(user, an_unsure_face(source, target), source)
    rejected_both = an_unsure_face(source, target)
    reject_person_of_face(user, rejected_both, source)
    reject_person_of_face(user, rejected_both, target)
    confirmed_but_rejected = a_face()
    reject_person_of_face(user, confirmed_but_rejected, source)
    confirm_face(user, confirmed_but_rejected, target)
    return user, source, target, both


def test_merging_moves_everything_and_undo_brings_back_every_row():
    user, source, target, both = two_people_with_everything()
    before = everything()
    event = merge_people(user, source, target)
    assert not Person.objects.filter(pk=source.pk).exists()
    assert Reference.objects.filter(person=target).count() == 3
    assert Face.objects.filter(person=target).count() == 3
    assert both.candidates.count() == 1
    target.refresh_from_db()
    assert target.note == "sings"
    assert target.cover.person == target
    assert target.cover_id != source.cover_id
    [undone] = undo_events(user, event)
    assert undone.summary["left"] == 0
    assert everything() == before


def test_a_merge_can_be_undone_redone_and_undone_again():
    user, source, target, _both = two_people_with_everything()
    before = everything()
    event = merge_people(user, source, target)
    merged = everything()
    [undone] = undo_events(user, event)
    [redone] = undo_events(user, undone)
    assert everything() == merged
    undo_events(user, redone)
    assert everything() == before


def test_no_face_named_by_people_is_rejected_for_the_same_person_after_a_merge():
    user, source, target, _both = two_people_with_everything()
    merge_people(user, source, target)
    for rejection in FaceRejection.objects.select_related("face"):
        assert rejection.face.person_id != rejection.person_id


def test_a_merge_is_announced_to_searching_processes_and_so_is_its_undo():
    user, source, target, _both = two_people_with_everything()
    moved = set(source.references.values_list("pk", flat=True))
    event = merge_people(user, source, target)
    rows = GalleryChange.objects.filter(kind="moved", embedder_id=EMBEDDER)
    assert {(row.object_id, row.person) for row in rows} == {(pk, target.pk) for pk in moved}
    rows.delete()
    undo_events(user, event)
    assert {(row.object_id, row.person) for row in rows.all()} == {(pk, source.pk) for pk in moved}


def test_undoing_a_merge_keeps_what_was_decided_since():
    user, source, target, _both = two_people_with_everything()
    event = merge_people(user, source, target)
    face, eva = Face.objects.filter(person=target).first(), a_person("Eva")
    confirm_face(user, face, eva)
    [undone] = undo_events(user, event)
    face.refresh_from_db()
    assert face.person == eva
    assert undone.summary["left"] == 1


def test_undoing_a_merge_brings_the_person_back_beside_somebody_else_of_the_name():
    user, source, target, _both = two_people_with_everything()
    event = merge_people(user, source, target)
    create_person(user, "anna b")
    undo_events(user, event)
    assert sorted(person.label for person in Person.objects.filter(key="anna b")) == [
        "Anna B (1)",
        "anna b (2)",
    ]


def test_a_merge_says_beforehand_what_it_will_move():
    _user, source, _target, _both = two_people_with_everything()
    preview = preview_merge(source)
    assert (preview.references, preview.faces, preview.decided, preview.photos) == (2, 2, 1, 2)
    assert preview.rejections == 3


def test_nobody_is_merged_with_themselves():
    person = a_person()
    with pytest.raises(ActionRefused):
        merge_people(a_user(), person, person)


def test_merging_a_person_who_may_not_be_recognised_keeps_that_wish():
    user, source, target = a_user(), a_person("A"), a_person("B")
    Person.objects.filter(pk=source.pk).update(is_recognised=False)
    merge_people(user, source, target)
    target.refresh_from_db()
    assert not target.is_recognised


def test_every_relation_to_a_person_is_known_to_the_merge():
    moved = {"reference.person", "face.person", "facerejection.person", "candidate.person"}
    moved |= {"namechange.old_person", "namechange.new_person", "finding.person", "finding.other_person"}
    moved |= {"personexport.person"}  # not moved, but made anew
    moved |= {"referencedraft.person", "othername.person", "person_favourite_of.person", "membership.person"}
    moved |= {"peoplegroup.members"}  # by its memberships
    related = {
        f"{relation.related_model._meta.model_name}.{relation.field.name}"
        for relation in Person._meta.get_fields(include_hidden=True)
        if relation.auto_created and not relation.concrete
    }
    assert related == moved


def test_splitting_moves_the_faces_and_their_references_to_a_new_person():
    user, anna = a_user(), a_person("Anna")
    stays, goes = a_named_face(anna), a_named_face(anna)
    confirm_face(user, goes, anna)  # as every face is that a reference is cut from
    goes.refresh_from_db()
    reference = a_reference(anna, source_face=goes)
    before = everything()
    event = split_person(user, [goes], "Eva")
    goes.refresh_from_db()
    reference.refresh_from_db()
    stays.refresh_from_db()
    assert (goes.person.name, goes.decision) == ("Eva", Decision.CONFIRMED)
    assert reference.person.name == "Eva"
    assert stays.person == anna
    undo_events(user, event)
    assert everything() == before


def test_splitting_faces_of_several_people_is_refused():
    pair = [a_named_face(a_person("Anna")), a_named_face(a_person("Eva"))]
    with pytest.raises(EditConflict, match="no longer all belong to one person"):
        split_person(a_user(), pair, "Bảo")


def test_splitting_off_to_the_same_name_is_refused():
    anna = a_person("Anna")
    with pytest.raises(ActionRefused):
        split_person(a_user(), [a_named_face(anna)], "anna")


def test_merging_costs_the_same_number_of_queries_for_any_size(django_assert_max_num_queries):
    user, source, target = a_user(), a_person("A"), a_person("B")
    for _number in range(60):
        a_named_face(source)
    with django_assert_max_num_queries(75):
        merge_people(user, source, target)


def test_references_of_a_person_whom_a_merge_makes_unrecognised_are_withdrawn():
    anna, eva = a_person("Anna"), a_person("Eva")
    kept = a_reference(eva)
    Person.objects.filter(pk=anna.pk).update(is_recognised=False)
    event = merge_people(a_user(), anna, eva)
    assert GalleryChange.objects.filter(object_id=kept.pk).latest("pk").kind == "removed"
    undo_events(a_user("Bao"), event)
    assert GalleryChange.objects.filter(object_id=kept.pk).latest("pk").kind == "added"

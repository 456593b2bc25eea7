"""Two people of one name: told apart wherever names stand, asked about, never taken for each other."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from gallery.core.exceptions import ActionRefused, NameAmbiguous, NameTaken, NameWasErased
from gallery.faces.namesakes import find_people_called, tell_namesakes_apart
from gallery.history.undo import undo_events
from gallery.models import Album, Event, Face, OtherName, Person, Reference, Role, User
from gallery.models.labels import LabelParts, get_age
from gallery.people.gallery_export import export_gallery
from gallery.people.gallery_import import import_gallery
from gallery.people.services import (
    create_person,
    get_or_create_person,
    merge_people,
    rename_person,
    set_other_names,
    set_person_born,
)
from gallery.photos.selectors import add_tile_summaries
from gallery.privacy.erasure import erase_person
from gallery.privacy.person_facts import collect_person_facts
from tests.engines import FakeEngine, somebody
from tests.gallery_world import world
from tests.making import a_named_face, a_person, a_photo, a_reference, a_user
from tests.pages import folded
from tests.shaded_gallery import forget_everything, gallery

__all__ = ["gallery", "world"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent")]


def two_annas(user: User | None = None, *words: str) -> tuple[Person, Person]:
    """Two people called Anna, told apart by these words, if any."""
    first, second = words or ("", "")
    for word in (first, second):
        create_person(user, LabelParts("Anna", word), is_another=True)
    found = Person.objects.filter(key="anna").order_by("pk")
    return found[0], found[1]


def labels() -> list[str]:
    return [person.label for person in Person.objects.order_by("pk")]


def test_a_word_or_a_birth_date_tells_people_of_one_name_apart_and_else_a_number() -> None:
    user = a_user()
    two_annas(user)
    assert labels() == ["Anna (1)", "Anna (2)"]
    first, second = Person.objects.order_by("pk")
    event = rename_person(user, first, "Anna", distinction="4b")
    set_person_born(user, second, "1980")
    assert labels() == ["Anna (4b)", "Anna (born 1980)"]
    with translation.override("vi"):
        assert labels() == ["Anna (4b)", "Anna (sinh 1980)"]
    assert event is not None
    undo_events(user, event)
    assert labels() == ["Anna (1)", "Anna (born 1980)"]
    merge_people(user, Person.objects.get(pk=first.pk), Person.objects.get(pk=second.pk))
    assert labels() == ["Anna"]


def test_two_who_were_born_in_one_year_are_still_told_apart() -> None:
    for _each in range(2):
        create_person(None, LabelParts("Anna", born="1980"), is_another=True)
    assert labels() == ["Anna (born 1980)", "Anna (born 1980; 2)"]


def test_a_name_that_is_there_is_asked_about_and_a_label_that_is_there_is_refused() -> None:
    user = a_user()
    anna = create_person(user, LabelParts("Anna", "4b"))
    with pytest.raises(NameTaken):
        create_person(user, LabelParts("anna", "4c"))
    with pytest.raises(ActionRefused, match="another word"):
        create_person(user, LabelParts("Anna", "4B"), is_another=True)
    eva = create_person(user, "Eva")
    with pytest.raises(NameTaken):
        rename_person(user, eva, "Anna")
    assert rename_person(user, eva, "Anna", is_another=True)
    assert find_people_called("Anna (4b)") == [anna]
    assert find_people_called("anna (1)") == [eva]


def test_a_typed_name_that_several_bear_is_not_guessed() -> None:
    user = a_user()
    first, _second = two_annas(user, "4a", "4b")
    with pytest.raises(NameAmbiguous, match=r"Anna \(4a\), Anna \(4b\)"):
        get_or_create_person(user, "anna")
    assert get_or_create_person(user, "Anna (4a)") == first
    assert get_or_create_person(user, "Anna (4c)").distinction == "4c"


@pytest.mark.parametrize("born", ["80", "1980-13", "1980-02-30", "2980", "5 May"])
def test_what_is_no_day_that_has_been_is_no_birth_date(born: str) -> None:
    with pytest.raises(ActionRefused, match="1980-05"):
        create_person(a_user(), LabelParts("Anna", born=born))


@pytest.mark.parametrize(
    ("born", "age"),
    [
        ("1980", (10, True)),
        ("1980-04", (10, False)),
        ("1980-05", (10, True)),
        ("1980-06", (9, False)),
        ("1980-05-03", (10, False)),
        ("1980-05-04", (9, False)),
        ("1990", (0, True)),
        ("1990-06", (-1, False)),
    ],
)
def test_an_age_is_as_exact_as_the_birth_date(born: str, age: tuple[int, bool]) -> None:
    assert get_age(born, date(1990, 5, 3)) == age


def test_a_photo_says_how_old_people_were_and_warns_of_a_name_from_before_the_birth(curator: Client) -> None:
    anna, eva = create_person(None, LabelParts("Anna", born="1980")), create_person(None, LabelParts("Eva"))
    photo = a_photo(taken_at=datetime(1987, 5, 3, tzinfo=UTC))
    face = a_named_face(anna, photo)
    a_named_face(eva, photo)
    assert folded(curator.get(reverse("photo", args=(photo.pk,)))).count("7 years old") == 1
    set_person_born(a_user(), anna, "1990")
    page = folded(curator.get(reverse("photo", args=(photo.pk,)), {"face": face.pk}))
    assert "not born yet" in page
    assert "before this person was born" in page
    assert Face.objects.get(pk=face.pk).person == anna


def test_the_album_tells_apart_only_whoever_may_see_it() -> None:
    owner, guest = a_user("Mai"), a_user("Bảo", Role.VIEWER)
    trip = Album.objects.create(name="Class trip", search="class trip")
    secret = Album.objects.create(name="Divorce", search="divorce", is_limited=True, created_by=owner)
    first, second = two_annas()
    for album in (trip, secret, secret):
        a_named_face(first, a_photo(album=album))
    a_named_face(second, a_photo(album=Album.objects.create(name="Choir", search="choir")))

    def as_read(user: User) -> list[str]:
        people = list(Person.objects.order_by("pk"))
        tell_namesakes_apart(user, people)
        return [person.label for person in people]

    assert as_read(owner) == ["Anna (Divorce)", "Anna (Choir)"]
    assert as_read(guest) == ["Anna (Class trip)", "Anna (Choir)"]
    assert find_people_called("Anna (Class trip)", guest) == [first]
    assert find_people_called("Anna (1)", guest) == [first]
    assert find_people_called("Anna (Divorce)", guest) == []
    Album.objects.filter(pk=trip.pk).update(is_limited=True)
    assert as_read(guest) == ["Anna (1)", "Anna (Choir)"]


def test_telling_namesakes_apart_costs_the_same_few_queries_however_many_they_are(
    curator: Client, django_assert_num_queries: Any
) -> None:
    for number in range(20):
        a_named_face(a_person(f"Person {number}"))
    with CaptureQueriesContext(connection) as before:
        assert "Person 1" in folded(curator.get(reverse("people")))
    for _number in range(10):
        create_person(None, "Anna", is_another=True)
    with django_assert_num_queries(len(before) + 3):
        assert "Anna (10)" in folded(curator.get(reverse("people")))


def test_a_namesake_is_made_on_the_page_once_it_was_asked(curator: Client) -> None:
    anna = create_person(None, LabelParts("Anna", "4a"))
    page = folded(
        curator.post(reverse("person_new"), {"name": "Anna", "distinction": "4b", "born": "1980-05"})
    )
    assert "is it the same person, or another of that name?" in page
    assert reverse("person", args=(anna.pk,)) in page
    said = {"name": "Anna", "distinction": "4b", "born": "1980-05", "another": "1"}
    curator.post(reverse("person_new"), said)
    assert labels() == ["Anna (4a)", "Anna (4b)"]
    address = reverse("admin:gallery_person_add")
    assert "is it the same person" in folded(curator.post(address, {"name": "Anna", "is_recognised": "on"}))
    curator.post(address, {"name": "Anna", "is_recognised": "on", "is_another": "on"})
    assert labels() == ["Anna (4a)", "Anna (4b)", "Anna (1)"]


def test_a_face_is_named_as_one_of_two_or_as_another(curator: Client) -> None:
    first, second = two_annas(None, "4a", "4b")
    face = a_named_face(first)
    address = reverse("face_answer", args=(face.pk,))
    options = folded(curator.get(reverse("people_suggest"), {"name": "Anna"}))
    assert options.count("Anna (4") == 2
    assert "Another person called “Anna”" in options
    curator.post(address, {"answer": "other", "name": "Anna"})
    assert Face.objects.get().person == first
    curator.post(address, {"answer": "other", "name": "Anna (4b)"})
    assert Face.objects.get().person == second
    curator.post(address, {"answer": "other", "name": "Anna", "another": "1"})
    assert labels() == ["Anna (4a)", "Anna (4b)", "Anna (1)"]


def test_search_finds_one_of_two_by_the_label(curator: Client) -> None:
    first, second = two_annas(None, "4a", "4b")
    one, other = a_photo("one.jpg"), a_photo("other.jpg")
    a_named_face(first, one)
    a_named_face(second, other)
    page = folded(curator.get(reverse("search"), {"also": "Anna (4a)"}))
    assert "one.jpg" in page
    assert "other.jpg" not in page
    assert "Anna (4b)" in folded(curator.get(reverse("search"), {"q": "anna 4b"}))
    (both,) = add_tile_summaries([a_named_face(second, a_named_face(first).photo).photo])
    assert both.glimpse.names == "Anna (4a), Anna (4b)"  # type: ignore[attr-defined]


@pytest.mark.usefixtures("gallery")
def test_an_export_brings_two_of_one_name_back_as_two(tmp_path: Path) -> None:
    user = a_user()
    set_other_names(user, Person.objects.order_by("pk")[0], ["Na", "Nana"])
    for person, word in zip(Person.objects.order_by("pk"), ("4b", ""), strict=True):
        rename_person(user, person, "Anna", distinction=word, is_another=True)
    assert labels() == ["Anna (4b)", "Anna (1)"]
    before = {person.label: person.references.count() for person in Person.objects.all()}
    export_gallery(tmp_path / "out")
    assert {path.name for path in (tmp_path / "out" / "people").iterdir()} == {"Anna (4b)", "Anna (1)"}
    forget_everything()
    for _again in range(2):
        import_gallery(tmp_path / "out")
        assert list(OtherName.objects.values_list("person__distinction", "name")) == [
            ("4b", "Na"),
            ("4b", "Nana"),
        ]
        assert {person.label: person.references.count() for person in Person.objects.all()} == before


def test_an_export_waits_where_it_cannot_be_told_who_is_meant(tmp_path: Path, gallery: Any) -> None:
    export_gallery(tmp_path / "out")
    name = Person.objects.order_by("pk")[0].name
    forget_everything()
    for _each in range(2):
        create_person(None, name, is_another=True)
    done = import_gallery(tmp_path / "out")
    assert [each["path"] for each in done.waiting] == [name]
    assert Person.objects.filter(name=name).count() == 2
    assert not Reference.objects.filter(person__name=name).exists()


def test_folders_of_labels_come_in_as_two_people_and_a_shared_name_waits(
    world: FakeEngine, settings: Any, tmp_path: Path, capsys: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    world.faces = [somebody(300, seed=1)]

    def put(folder: str) -> None:
        (tmp_path / "people" / folder).mkdir(parents=True)
        (tmp_path / "people" / folder / "1.jpg").write_bytes(f"image {folder}".encode())

    put("Anna (4b)")
    put("Anna (born 1980)")
    call_command("import_people", str(tmp_path / "people"), "--json")
    assert labels() == ["Anna (4b)", "Anna (born 1980)"]
    capsys.readouterr()
    put("Anna")
    call_command("import_people", str(tmp_path / "people"), "--json", stdout=(out := io.StringIO()))
    (waiting,) = json.loads(out.getvalue() or capsys.readouterr().out)["waiting"]
    assert waiting["path"].endswith("Anna")
    assert "Anna (4b), Anna (born 1980)" in waiting["reason"]
    assert labels() == ["Anna (4b)", "Anna (born 1980)"]


def test_other_names_are_found_offered_and_taken_for_the_person(curator: Client) -> None:
    user = a_user()
    anna = create_person(user, "Anna Lê")
    face = a_named_face(anna)
    event = set_other_names(user, anna, ["Anna Nguyễn", "  ", "Bé Na"])
    assert event is not None
    for address, query in ((reverse("people_suggest"), "nguyen"), (reverse("people"), "nguyen")):
        page = folded(curator.get(address, {"name": query}))
        assert "Anna Lê" in page
        assert "also Anna Nguyễn" in page
    assert "also called <bdi>Anna Nguyễn</bdi>, <bdi>Bé Na</bdi>" in folded(
        curator.get(reverse("person", args=(anna.pk,)))
    )
    assert face.photo.name in folded(curator.get(reverse("search"), {"q": "nguyen"}))
    assert get_or_create_person(user, "bé na") == anna
    with pytest.raises(NameTaken):
        create_person(user, "Anna Nguyễn")
    undo_events(user, event)
    assert not OtherName.objects.exists()


def test_a_merge_brings_other_names_along_and_takes_them_back() -> None:
    user = a_user()
    eva, anna = create_person(user, "Eva"), create_person(user, "Anna")
    set_other_names(user, eva, ["anna", "Na", "Evi"])
    set_other_names(user, anna, ["NA"])
    event = merge_people(user, eva, anna)
    assert sorted(anna.other_names.values_list("name", flat=True)) == ["Evi", "NA"]
    undo_events(user, event)
    assert sorted(eva.other_names.values_list("name", flat=True)) == ["Evi", "Na", "anna"]


def test_other_names_go_with_the_erased_and_are_known_again(own_data: Path) -> None:
    user = a_user(role=Role.ADMINISTRATOR)
    anna = create_person(user, "Anna")
    set_other_names(user, anna, ["Maiden"])
    set_other_names(user, anna, ["Stage"])
    assert collect_person_facts(anna)["person"]["other_names"] == ["Stage"]
    erase_person(user, anna)
    for name in ("Maiden", "Stage"):
        assert not Event.objects.filter(undo__icontains=name).exists()
        with pytest.raises(NameWasErased):
            create_person(user, name)
    eva = create_person(user, "Eva")
    with pytest.raises(NameWasErased):
        set_other_names(user, eva, ["stage"])


def test_the_form_of_a_person_has_all_that_they_are_called(curator: Client) -> None:
    anna = create_person(None, "Anna")
    said = {"name": "Anna", "distinction": "4b", "born": "1980", "other_names": "Na\r\nNana"}
    curator.post(reverse("person_edit", args=(anna.pk,)), said)
    anna.refresh_from_db()
    assert (anna.label, anna.born) == ("Anna (4b)", "1980")
    assert list(anna.other_names.values_list("name", flat=True)) == ["Na", "Nana"]
    page = curator.get(reverse("person_edit", args=(anna.pk,))).content.decode()
    assert "Na\nNana" in page.replace("\r", "")


def test_erasing_one_of_two_leaves_the_other_and_knows_the_label_again(own_data: Path) -> None:
    user = a_user(role=Role.ADMINISTRATOR)
    first, second = two_annas(user, "4a", "4b")
    a_reference(second)
    erase_person(user, first)
    assert labels() == ["Anna (4b)"]
    with pytest.raises(NameWasErased):
        create_person(user, LabelParts("Anna", "4a"), is_another=True)
    erase_person(user, second)
    with pytest.raises(NameWasErased):
        create_person(user, LabelParts("Anna", "4c"))


def test_a_persons_own_export_has_their_word_and_birth_date_and_not_their_namesakes() -> None:
    user = a_user()
    first, second = two_annas(user, "4a", "4b")
    set_person_born(user, first, "1980")
    other = create_person(user, LabelParts("Anna", "secret word"), is_another=True)
    merge_people(user, other, second)
    facts = collect_person_facts(Person.objects.get(pk=first.pk))
    assert (facts["person"]["distinction"], facts["person"]["born"]) == ("4a", "1980")
    assert "Anna (4a)" in json.dumps(facts["history"])
    assert "secret word" not in json.dumps(facts)
    assert "4b" not in json.dumps(facts)

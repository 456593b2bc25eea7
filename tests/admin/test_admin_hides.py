"""The admin's lists are no way to feel for what is in albums for others."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from gallery.models import Album
from tests.making import a_face, a_named_face, a_person, a_photo, a_reference

pytestmark = pytest.mark.django_db
Rows = Callable[[str, str], list[int] | None]


@pytest.fixture
def rows(curator: Client) -> Rows:
    """The ids that a list shows for a query; None where it takes no such."""

    def ask(model: str, query: str) -> list[int] | None:
        page = curator.get(reverse(f"admin:gallery_{model}_changelist") + f"?{query}")
        return [row.pk for row in page.context["cl"].result_list] if page.status_code == 200 else None

    return ask


def test_lists_are_narrowed_by_their_filters_and_links_alone(rows: Rows) -> None:
    person, photo = a_person(), a_photo()
    face = a_face(photo, person=person)
    reference = a_reference(person)
    for model, field, shown in (
        ("face", f"person__id__exact={person.pk}", face),
        ("face", f"photo__id__exact={photo.pk}", face),
        ("face", "state__exact=unknown", face),
        ("reference", f"person__id__exact={person.pk}", reference),
        ("photo", f"person={person.pk}", photo),
        ("photo", "trashed_at__isempty=1", photo),
        ("person", "references=one", person),
    ):
        assert rows(model, field) == [shown.pk]
    for model, field in (
        ("photo", "copy__gt=0"),
        ("photo", "revision__gt=0"),
        ("photo", "file__contains=-1"),
        ("photo", "albums__name=Board"),
        ("face", "reference=1"),
        ("person", f"faces={face.pk}"),
        ("person", f"references__id={reference.pk}"),
    ):
        assert rows(model, field) is None


def test_people_are_filtered_by_what_the_reader_sees(rows: Rows) -> None:
    person, board = a_person(), Album.objects.create(name="Board", is_limited=True)
    face = a_named_face(person, a_photo(album=board))
    a_reference(person, source_face=face)
    a_reference(person, source_face=face, status="pending")
    for query in ("photos=yes", "references=more", "references=one", "pending=yes", "health=single"):
        assert rows("person", query) == []
    for query in ("photos=no", "references=none", "health=bare"):
        assert rows("person", query) == [person.pk]

"""Pages far into the admin's long lists show the very rows that plain slicing would."""

from __future__ import annotations

import random

import pytest
from django.db.models import QuerySet

from gallery.admin import changelist
from gallery.admin.changelist import BoundedPaginator, _select_rows_of_owners
from gallery.models import Face, Person, Reference
from tests.making import a_face, a_person, a_photo, a_reference

pytestmark = pytest.mark.django_db

ORDERS = [
    ("person__search", "-pk"),
    ("-person__search", "-pk"),
    ("person__search", "status", "pk"),
    ("-pk",),
    ("pk",),
]


@pytest.fixture
def people() -> list[Person]:
    """Some of whom are found under the same words, and some with nobody to show."""
    made = [a_person(name) for name in ("Đặng An", "dang an", "Zoë", "anna", "Mai", "Nobody", "Mái")]
    assert len({person.search for person in made}) < len(made)
    return made


def pages(rows: QuerySet[Reference] | QuerySet[Face], each: int = 3) -> list[int]:
    paginator = BoundedPaginator(rows, each)
    return [row.pk for number in paginator.page_range for row in paginator.page(number).object_list]


@pytest.mark.parametrize("order", ORDERS)
def test_references_are_paged_as_plain_slices_are(
    people: list[Person], monkeypatch: pytest.MonkeyPatch, order: tuple[str, ...]
) -> None:
    monkeypatch.setattr(changelist, "FAR_PAGE", 0)
    chance = random.Random(3)
    for _ in range(23):
        a_reference(chance.choice([person for person in people if person.name != "Nobody"]))
    rows = Reference.objects.select_related("person").order_by(*order)
    assert pages(rows) == [row.pk for row in rows]


@pytest.mark.parametrize("order", [order for order in ORDERS if "status" not in order])
def test_faces_of_nobody_come_where_the_database_puts_them(
    people: list[Person], monkeypatch: pytest.MonkeyPatch, order: tuple[str, ...]
) -> None:
    monkeypatch.setattr(changelist, "FAR_PAGE", 0)
    chance, photo = random.Random(4), a_photo()
    for _ in range(23):
        a_face(photo, person=chance.choice([*people[:4], None, None]))
    rows = Face.objects.filter(score__gt=0).order_by(*order)
    assert pages(rows) == [row.pk for row in rows]


@pytest.mark.parametrize("order", ORDERS[:2])
def test_a_far_page_reads_no_more_rows_than_its_people_have(
    people: list[Person], monkeypatch: pytest.MonkeyPatch, order: tuple[str, ...]
) -> None:
    monkeypatch.setattr(changelist, "FAR_PAGE", 0)
    for person in people:
        for _ in range(5):
            a_reference(person)
    counts = BoundedPaginator(Reference.objects.order_by(*order), 2)._by_owner
    rows, before, held = _select_rows_of_owners(Reference.objects.order_by(*order), order[0], counts, 17, 19)
    owners = {row.person_id for row in rows}
    assert len({person.search for person in people if person.pk in owners}) <= 2
    assert len(rows) == held == 5 * len(owners)
    assert before + len(rows) >= 19
    assert before <= 17

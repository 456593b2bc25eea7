"""The admin's lists at 100,000 references of 10,000 people: the same few queries at any size and on any page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django.plugin import DjangoDbBlocker

from gallery.admin.base import GalleryModelAdmin
from gallery.curation import bulk
from gallery.curation.bulk import run_bulk_act, stop_bulk_act
from gallery.models import BulkAct, Person, Reference, Role, User
from tests.making import a_person, a_reference, a_user

PEOPLE, REFERENCES = 10_000, 100_000
LIST = reverse("admin:gallery_reference_changelist")
PERSONS = reverse("admin:gallery_person_changelist")
PAGE = GalleryModelAdmin.list_per_page
LAST = 100_000 // PAGE
MOST = 16  # queries for a page of a list: session, user, filters, count, rows, ...
QUALITY = {"size": 30.0, "sharpness": 0.4, "is_usable": True}


@pytest.fixture(scope="module")
def crowd(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[User]:
    """Made once for the module, and taken away again."""
    with django_db_blocker.unblock():
        user = a_user("Scale", Role.CURATOR)
        _make()
        yield user
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM gallery_reference")
            cursor.execute("DELETE FROM gallery_person")
        user.delete()


def _make() -> None:
    person = a_person("first")
    reference = a_reference(person, quality=QUALITY)
    names = {"name": "'Nguyễn Số ' || n", "key": "'nguyễn số ' || n", "search": "'nguyen so ' || n"}
    _copy(person, PEOPLE, names)
    _copy(reference, REFERENCES, OF_REFERENCES | {"person_id": f"{person.pk} + 1 + n % {PEOPLE}"})
    reference.delete()
    person.delete()


OF_REFERENCES = {
    "image": "'references/many/' || n || '.jpg'",
    "sha256": "CAST(n AS VARCHAR(64))",
    "status": "CASE n % 5 WHEN 3 THEN 'pending' WHEN 4 THEN 'rejected' ELSE 'approved' END",
    "quality": """'{"is_usable": true, "sharpness": 0.4, "size": ' || (8 + n % 60) || '}'""",
}


def _copy(row: Person | Reference, count: int, columns: dict[str, str]) -> None:
    """So many rows like this one, with their own columns as SQL of `n`; made by the database itself."""
    table = row._meta.db_table
    names = [str(field.column) for field in row._meta.concrete_fields if not field.generated]
    own = {"id": f"{row.pk} + 1 + n"} | columns
    if connection.vendor == "postgresql" and "quality" in own:
        own["quality"] = f"CAST({own['quality']} AS jsonb)"
    values = ", ".join(own.get(name, f't."{name}"') for name in names)
    quoted = ", ".join(f'"{name}"' for name in names)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({quoted}) "  # noqa: S608 -- all of it is written in this file
            f"WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < {count - 1}) "
            f"SELECT {values} FROM c, {table} t WHERE t.id = {row.pk}"
        )


@pytest.fixture
def user(db: None, crowd: User) -> User:
    return crowd


def asked(client: Client, address: str, **values: Any) -> tuple[int, Any]:
    with CaptureQueriesContext(connection) as seen:
        page = client.get(address, values)
    assert page.status_code == 200
    return len(seen), page


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"p": "2"},
        {"p": str(LAST - 1)},
        {"p": str(LAST)},
        {"status__exact": "pending"},
        {"quality": "small"},
        {"quality": "poor"},
        {"embedder": "none"},
        {"source": "file", "p": "700"},
        {"q": "nguyen so 77"},
        {"o": "7"},
    ],
    ids=json.dumps,
)
def test_a_page_of_references_takes_few_queries_and_no_deep_reading_of_rows(
    curator: Client, values: dict[str, str]
) -> None:
    count, page = asked(curator, LIST, **values)
    assert count <= MOST
    assert len(page.context["cl"].result_list) == PAGE or values == {"quality": "poor"}


def test_far_pages_follow_on_each_other_to_the_last_row(curator: Client) -> None:
    rows: list[int] = []
    for number in (LAST // 2, LAST // 2 + 1, LAST // 2 + 2, LAST - 1, LAST):
        rows += [row.pk for row in curator.get(LIST, {"p": str(number)}).context["cl"].result_list]
    assert len(set(rows)) == 5 * PAGE
    assert rows == sorted(rows, reverse=True)
    assert rows[-1] == Reference.objects.order_by("pk").values_list("pk", flat=True)[0]


@pytest.mark.parametrize(
    "values",
    [{}, {"p": "200"}, {"references": "more"}, {"pending": "yes", "p": "30"}, {"q": "so 9999"}],
    ids=json.dumps,
)
def test_a_page_of_people_takes_few_queries(curator: Client, values: dict[str, str]) -> None:
    count, _page = asked(curator, PERSONS, **values)
    assert count <= MOST


def test_the_list_says_how_many_there_are_and_selects_all_of_them(curator: Client) -> None:
    _count, page = asked(curator, LIST)
    assert page.context["cl"].result_count == REFERENCES
    chosen = {"action": "reject", "_selected_action": ["1"], "select_across": "1"}
    page = curator.post(LIST, chosen, follow=True)
    assert re.search(r"100,?000 references", page.content.decode())
    assert "10000 people" in page.content.decode().replace(",", "")


def test_rejecting_all_is_left_to_the_worker_and_is_stopped_after_its_part(
    curator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    curator.post(LIST, {"action": "reject", "_selected_action": ["1"], "select_across": "1"})
    act = BulkAct.objects.get()
    curator.post(reverse("admin:gallery_bulkact_act", args=(act.pk,)), {"do": "start"})
    does = bulk._run_next_part

    def stopped_meanwhile(part: BulkAct) -> None:
        does(part)
        stop_bulk_act(part)

    monkeypatch.setattr(bulk, "_run_next_part", stopped_meanwhile)
    run_bulk_act(act.pk)
    act.refresh_from_db()
    assert (act.done, act.total, act.is_stopped) == (500, REFERENCES, True)
    assert Reference.objects.filter(status="rejected").count() == REFERENCES // 5 + 400

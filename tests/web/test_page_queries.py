"""Every list and detail page asks the same number of queries on a small site and on one many times its size."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench import crowd
from bench.places import administrators_pages, curators_pages, shared_pages

PARTS = 2  # queries
pytestmark = pytest.mark.django_db
SMALL, LARGE = (40, 100), (160, 1_000)  # people and photos; a photo has ten faces


def counted(people: int, photos: int) -> dict[str, int]:
    made = crowd.fill(people, photos)
    pages = [(name, address, made.curator) for name, address in curators_pages(made)]
    pages += [(name, address, made.administrator) for name, address in administrators_pages(made)]
    pages += [(name, address, None) for name, address in shared_pages(made)]
    return {name: queries(name, address, user) for name, address, user in pages}


def queries(name: str, address: str, user: Any) -> int:
    client = Client(headers={"HX-Request": "true"} if "fragment" in name else None)
    if user:
        client.force_login(user)
    client.get(address)  # what is asked once
    with CaptureQueriesContext(connection) as asked:
        assert client.get(address).status_code == 200, name
    return len(asked)


@pytest.fixture(scope="module")
def both(django_db_setup: None, django_db_blocker: Any) -> dict[str, tuple[int, int]]:
    """The queries of each page on a small site and on a large one; neither stays in the database."""
    from django.db import transaction

    found = []
    with django_db_blocker.unblock():
        for size in (SMALL, LARGE):
            with transaction.atomic():
                found.append(counted(*size))
                transaction.set_rollback(True)
    return {name: (found[0][name], found[1][name]) for name in found[0]}


def test_no_page_asks_more_queries_of_a_large_site(both: dict[str, tuple[int, int]]) -> None:
    """But for a part of the page that has nothing to show on the small one, and late pages of the admin."""
    more = [f"{name}: {small}, {large}" for name, (small, large) in both.items() if large > small + PARTS]
    assert more == [], "\n".join(more)


def test_no_page_asks_many_queries(both: dict[str, tuple[int, int]]) -> None:
    assert {name: counts for name, counts in both.items() if counts[1] > 25} == {}

"""Counts that are quick only by one index, on the database that has no statistics to choose by."""

from __future__ import annotations

import pytest
from django.db import connection

from gallery.admin.filters import QualityFilter
from gallery.faces.selectors import IS_FORGOTTEN, get_unnamed_faces
from gallery.models import Reference
from tests.making import a_user

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL chooses by what a table holds"),
]


def test_faces_whose_vectors_were_forgotten_are_counted_among_those_without() -> None:
    rows = get_unnamed_faces(a_user("mai")).filter(IS_FORGOTTEN)
    assert "face_without_vector" in rows.explain()


@pytest.mark.parametrize("kind", ["good", "poor"])
def test_references_of_a_quality_are_looked_up(kind: str) -> None:
    quality = QualityFilter.list_conditions(None, None)[kind][1]  # type: ignore[arg-type]  # neither is looked at
    plan = Reference.objects.order_by().filter(quality).values("pk").explain()
    assert "INDEX reference_usable (is_usable=?" in plan

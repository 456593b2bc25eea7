"""A person's references as a grid on the person's page, to be judged and moved from there."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Count

from gallery.models import Person, Reference, User
from gallery.visibility import visible_faces, visible_references

SHOWN = 48
ORDER = [Reference.Judgement.PENDING, Reference.Judgement.APPROVED, Reference.Judgement.REJECTED]


def grid(user: User, person: Person) -> dict[str, Any]:
    """What is to be judged first, then what is searched, then what was rejected."""
    rows = visible_references(user).filter(person=person)
    counts = dict(rows.order_by().values_list("status").annotate(number=Count("*")))
    shown: list[Reference] = []
    for status in ORDER:
        shown += rows.filter(status=status).order_by("-pk")[: SHOWN - len(shown)]
    return {
        "references": shown,
        "reference_count": sum(counts.values()),
        "face_count": visible_faces(user).filter(person=person).count(),
        "checkbox": ACTION_CHECKBOX_NAME,
    }

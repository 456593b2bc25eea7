"""The columns that a human decision sets on a face."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from gallery.models import Decision, Face, Person, User

UNNAMED: dict[str, Any] = {
    "person": None,
    "state": Face.State.UNKNOWN,
    "similarity": None,
    "reference": None,
}


def named(person: Person) -> dict[str, Any]:
    return {"person": person, "state": Face.State.KNOWN, "similarity": None, "reference": None}


def decided(user: User, decision: Decision) -> dict[str, Any]:
    return {"decision": decision, "decided_by": user, "decided_at": timezone.now()}


def undecided() -> dict[str, Any]:
    return {"decision": Decision.NONE, "decided_by": None, "decided_at": None}

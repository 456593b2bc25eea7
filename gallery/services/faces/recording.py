"""The event of an act on one face."""

from __future__ import annotations

from typing import Any

from gallery.models import Event, Face, Person, User
from gallery.services import followup, history
from gallery.services.ledger import Ledger


def about(person: Person | None) -> dict[str, Any]:
    return {"person": person.name, "person_id": person.pk} if person else {}


def record(user: User, verb: str, face: Face, ledger: Ledger, person: Person | None) -> Event:
    followup.after(ledger)
    return history.record(
        user,
        verb,
        face,
        {"photo": face.photo.name, "photo_id": face.photo_id, **about(person)},
        undo=ledger,
        subjects={"photo": [face.photo_id], "person": [person.pk] if person else []},
    )

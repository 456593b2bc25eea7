"""What was done about a person, and who was shown them: without the names of others."""

from __future__ import annotations

from typing import Any

from gallery import audit
from gallery.models import Event, Person
from gallery.models.people import name_key
from gallery.services.history import about
from gallery.services.sentences import say

NAMES = ("person", "source", "old")  # in an event's summary
SOMEBODY = "…"


def history(person: Person) -> list[dict[str, Any]]:
    """Acts on them, in words, the oldest first. A name that was never theirs is left out."""
    events = list(about("person", person.pk).order_by("pk"))
    own = _own_names(person, events)
    return [
        {
            "at": event.at.isoformat(),
            "act": event.verb,
            "said": say(_silenced(event, own)),
            "undone": _when(event),
        }
        for event in events
    ]


def looks(person: Person) -> list[dict[str, Any]]:
    """When their page was shown to somebody signed in, and when a file about them was taken."""
    rows = Event.objects.filter(object_type="person", object_id=person.pk, verb__in=audit.ONLY_AUDIT)
    return [{"at": row.at.isoformat(), "what": row.verb} for row in rows.order_by("pk")]


def _when(event: Event) -> str | None:
    return event.undone_at.isoformat() if event.undone_at else None


def _own_names(person: Person, events: list[Event]) -> set[str]:
    """What they are called, were called, and what those merged into them were called."""
    names = {person.name}
    for event in events:
        verb = event.summary.get("verb", event.verb)
        if verb == "person.rename":
            names |= {event.summary.get("old", ""), event.summary.get("person", "")}
        elif verb == "person.merge" and event.object_id == person.pk:
            names.add(event.summary.get("source", ""))
    return {name_key(name) for name in names}


def _silenced(event: Event, own: set[str]) -> Event:
    kept = {
        key: SOMEBODY if key in NAMES and value and name_key(str(value)) not in own else value
        for key, value in event.summary.items()
    }
    return Event(verb=event.verb, summary=kept)

"""People as CompreFace's clients know them: each is a subject, by a name that nobody else has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from django.db import transaction

from gallery.models import Person, Reference, User
from gallery.models.people import get_name_key
from gallery.people.references import reject_references
from gallery.people.services import create_person, set_people_hidden

NUMBERED = re.compile(r"(.*) \((\d{1,18})\)")


def name_subjects(people: Iterable[Person]) -> dict[int, str]:
    """Each person's name; with their number where somebody earlier has the same."""
    found = {person.pk: person.name for person in people}
    first: dict[str, int] = {}
    same = Person.objects.filter(name__in=found.values()).order_by("-pk")
    for pk, name in same.values_list("pk", "name"):
        first[name] = pk
    return {pk: name if first[name] == pk else f"{name} ({pk})" for pk, name in found.items()}


def find_subject(subject: str) -> Person | None:
    """The person of this name who is not hidden."""
    shown = Person.objects.shown()
    if numbered := NUMBERED.fullmatch(subject):
        key = get_name_key(numbered[1])
        if found := shown.filter(pk=int(numbered[2]), key__startswith=key).first():
            return found
    return shown.filter(key=get_name_key(subject)).order_by("pk").first()


@transaction.atomic
def add_subject(user: User, subject: str) -> Person:
    """A new person, or one that was removed and is shown again, without the references from before."""
    hidden = Person.objects.filter(key=get_name_key(subject), is_hidden=True).order_by("pk").first()
    if hidden is None or not user.is_curator:
        return create_person(user, subject)
    set_people_hidden(user, [hidden.pk], False)
    return hidden


@transaction.atomic
def remove_subjects(user: User, people: Sequence[Person]) -> int:
    """Hide these people and reject their references, so that nobody is taken for them; it can be undone."""
    reject_references(user, Reference.objects.visible_to(user).filter(person__in=people))
    return set_people_hidden(user, [person.pk for person in people], True)

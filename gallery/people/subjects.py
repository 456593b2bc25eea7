"""People as CompreFace's clients know them: whoever is not hidden is a subject, by the label that nobody else has."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from gallery.faces.namesakes import find_people_called, find_person_by_name
from gallery.models import Person, Reference, User
from gallery.models.labels import split_label
from gallery.people.references import reject_references
from gallery.people.services import create_person, set_people_hidden


def find_subject(subject: str) -> Person | None:
    """Whoever has this label or name; NameAmbiguous where several have the name."""
    person = find_person_by_name(subject)
    return None if person is None or person.is_hidden else person


@transaction.atomic
def add_subject(user: User, subject: str) -> Person:
    """A new person, or one that was removed and is shown again, without the references from before."""
    people = find_people_called(subject)
    if len(people) != 1 or not people[0].is_hidden or not user.is_curator:
        return create_person(user, split_label(subject))
    set_people_hidden(user, [people[0].pk], False)
    return people[0]


@transaction.atomic
def remove_subjects(user: User, people: Sequence[Person]) -> int:
    """Hide these people and reject their references, so that nobody is taken for them; it can be undone."""
    reject_references(user, Reference.objects.visible_to(user).filter(person__in=people))
    return set_people_hidden(user, [person.pk for person in people], True)

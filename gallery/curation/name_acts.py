"""Taking names that other programs wrote into photos, as a bulk act."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from gallery.core.confirmation import ask_unless_confirmed
from gallery.core.exceptions import ActionRefused
from gallery.curation.bulk import start_bulk_act
from gallery.models import BulkAct, Event, Person, User
from gallery.models.people import get_name_key
from gallery.people.names_in_files import PlannedName
from gallery.people.services import get_or_create_person


@dataclass(frozen=True, slots=True)
class NameAnswer:
    """What somebody says of a name in files."""

    entry: PlannedName
    person: Person | None  # who it is; a new person where it is nobody
    is_all: bool = False  # also where the machine knows somebody else


@transaction.atomic
def start_taking_names(user: User, answers: Sequence[NameAnswer]) -> BulkAct:
    """Take these names as one act. Asks first where somebody may not be recognised, or was erased."""
    if not answers:
        raise ActionRefused(_("Nothing was chosen."))
    people = [answer.person for answer in answers if answer.person]
    if closed := [person.label for person in people if not person.may_be_recognised]:
        said = _("May not be recognised here: %(names)s. Take their names from files all the same?")
        ask_unless_confirmed("names in files", said % {"names": ", ".join(closed)})
    act = BulkAct(kind=BulkAct.Kind.NAMES, by=user)
    for answer in answers:
        person = answer.person
        if person is None:
            is_another = bool(answer.entry.people or answer.entry.alike)  # of whom the page has told
            person = get_or_create_person(user, answer.entry.name, is_another=is_another)
            Event.objects.filter(verb="person.create", object_id=person.pk).update(batch=act.batch)
        key = get_name_key(answer.entry.name)
        act.rows.append({"key": key, "person": person.pk, "all": answer.is_all})
        act.ids += answer.entry.tags
    act.ids.sort()
    act.total = len(act.ids)
    act.save()
    return start_bulk_act(user, act)

"""What time does by itself: consents that run out, embeddings of unknown faces that have been kept long enough."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from gallery.models import Face, Person
from gallery.recognising import expired
from gallery.services import followup, withdrawing
from gallery.services.history import record
from gallery.services.ledger import Ledger

BATCH = 500  # faces in one transaction, so that nobody waits long for the database


def unknown_days() -> int:
    """How long an unknown face can be compared with others; 0: for ever."""
    days: int = settings.UNKNOWN_DAYS
    return days


def lapse_consents() -> int:
    """Draw the consequences of consents that have run out; how many people that were.

    Searches leave these people out from the very day. This takes back the names the machine gave them, and has
    the index built without them.
    """
    noted = Q(lapse_noted__isnull=False, lapse_noted=F("consent_until"))
    people = list(Person.objects.filter(expired()).exclude(noted).order_by("pk"))
    return sum(_lapse(person.pk) for person in people)


@transaction.atomic
def _lapse(pk: int) -> bool:
    person = Person.objects.select_for_update().filter(expired(), pk=pk).first()
    if person is None or person.lapse_noted == person.consent_until:
        return False
    ledger = Ledger()
    withdrawing.withdraw_people(ledger, [pk])
    followup.announce_people([pk])
    Person.objects.filter(pk=pk).update(lapse_noted=person.consent_until)
    summary = {
        "person": person.name,
        "person_id": pk,
        "faces": len(ledger.touched("face")),
        "veiled": ledger.touched("face"),
    }
    record(None, "person.consent_expired", person, summary)
    return True


def too_old() -> QuerySet[Face]:
    """Unknown faces that can still be compared, and have been for longer than they should."""
    since = timezone.now() - timedelta(days=unknown_days())
    return Face.objects.filter(person__isnull=True, embedding__isnull=False, embedded_at__lt=since)


def forget_unknown() -> int:
    """Remove what old unknown faces are compared by; the faces, their boxes and what people said stay."""
    return _forget(too_old()) if unknown_days() else 0


def forget_leftovers() -> int:
    """Remove what a worker wrote at the moment somebody switched recognition off."""
    return _forget(withdrawing.leftovers())


def _forget(faces: QuerySet[Face]) -> int:
    count = 0
    while ids := list(faces.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        count += withdrawing.forget_vectors(ids)
    return count

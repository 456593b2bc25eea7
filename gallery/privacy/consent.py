"""Consents that expire, and embeddings of unknown faces that have been kept long enough."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from gallery.faces.consent import (
    find_faces_with_forbidden_vectors,
    forget_face_vectors,
    stop_recognising_people,
)
from gallery.history.changeset import ChangeSet, record_event
from gallery.index.feed import announce_people_references
from gallery.models import Face, Person

FACES_PER_TRANSACTION = 500  # faces in one transaction, so that nobody waits long for the database


def get_unknown_days() -> int:
    """How long an unknown face can be compared with others; 0: for ever."""
    days: int = settings.UNKNOWN_DAYS
    return days


def lapse_consents() -> int:
    """Draw the consequences of consents that have run out; how many people that were.

    Searches leave these people out from the very day. This takes back the names the machine gave them, and has
    the index built without them.
    """
    noted = Q(lapse_noted__isnull=False, lapse_noted=F("consent_until"))
    people = list(Person.objects.with_expired_consent().exclude(noted).order_by("pk"))
    return sum(_lapse_consent(person.pk) for person in people)


@transaction.atomic
def _lapse_consent(pk: int) -> bool:
    person = Person.objects.select_for_update().with_expired_consent().filter(pk=pk).first()
    if person is None or person.lapse_noted == person.consent_until:
        return False
    ledger = ChangeSet()
    stop_recognising_people(ledger, [pk])
    announce_people_references([pk])
    Person.objects.filter(pk=pk).update(lapse_noted=person.consent_until)
    summary = {
        "person": person.name,
        "person_id": pk,
        "faces": len(ledger.list_written_ids("face")),
        "veiled": ledger.list_written_ids("face"),
    }
    record_event(None, "person.consent_expired", person, summary)
    return True


def get_old_unknown_faces() -> QuerySet[Face]:
    """Unknown faces that can still be compared, and have been for longer than they should."""
    since = timezone.now() - timedelta(days=get_unknown_days())
    return Face.objects.filter(person__isnull=True, embedding__isnull=False, embedded_at__lt=since)


def delete_old_unknown_embeddings() -> int:
    """Remove what old unknown faces are compared by; the faces, their boxes and what people said stay."""
    return _delete_embeddings(get_old_unknown_faces()) if get_unknown_days() else 0


def delete_leftover_embeddings() -> int:
    """Remove what a worker wrote at the moment somebody switched recognition off."""
    return _delete_embeddings(find_faces_with_forbidden_vectors())


def _delete_embeddings(faces: QuerySet[Face]) -> int:
    count = 0
    while ids := list(faces.order_by("pk").values_list("pk", flat=True)[:FACES_PER_TRANSACTION]):
        count += forget_face_vectors(ids)
    return count

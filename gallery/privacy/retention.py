"""What ends with its time: consents, embeddings of unknown faces, and records that are not kept for ever."""

from __future__ import annotations

from datetime import timedelta

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import F, Q, QuerySet

from gallery.backup.ledger import remove_old_notes
from gallery.core.limits import remove_stale_files
from gallery.core.throttling import VERB_UPLOAD_REFUSED
from gallery.curation.bulk import delete_bulk_drafts
from gallery.faces.effects import forget_face_vectors, stop_recognising_people
from gallery.history.audit import AUDIT_ONLY_VERBS
from gallery.history.changeset import ChangeSet, record_event
from gallery.index.feed import announce_people_references
from gallery.models import Event, Face, IdempotencyKey, Invitation, Person, ShareLink
from gallery.models.clock import get_site_time
from gallery.models.querysets import recognition_off_q
from gallery.people.drafts import delete_old_drafts
from gallery.photos.partial_uploads import forget_partial_uploads
from gallery.photos.renditions import delete_orphan_renditions
from gallery.privacy.person_export import delete_expired_exports

# In one transaction, so that nobody waits long for the database
FACES_PER_TRANSACTION = 500
EVENTS_PER_TRANSACTION = 5_000
DEAD_LINK_DAYS = 30
LAPSE_IS_NOTED = Q(lapse_noted__isnull=False, lapse_noted=F("consent_until"))


def delete_expired_records() -> dict[str, int]:
    """Remove what is older than its time; how many rows of each kind went.

    Acts that can be undone stay: they are the history, and go only with what they are about.
    """
    now, audit_days = get_site_time(), settings.AUDIT_DAYS
    gone = {"trail": 0}
    if audit_days:
        gone["trail"] = _delete_old_events(Q(verb__in=AUDIT_ONLY_VERBS), audit_days)
    gone["refused_uploads"] = _delete_old_events(Q(verb=VERB_UPLOAD_REFUSED), min(30, audit_days or 30))
    attempts = AccessAttempt.objects.filter(attempt_time__lt=now - timedelta(days=1))
    gone["failed_sign_ins"] = attempts.delete()[0]
    gone["sessions"] = Session.objects.filter(expire_date__lt=now).delete()[0]
    dead = now - timedelta(days=DEAD_LINK_DAYS)
    gone["invitations"] = Invitation.objects.filter(expires_at__lt=dead, used_by=None).delete()[0]
    gone["links"] = ShareLink.objects.filter(Q(expires_at__lt=dead) | Q(revoked_at__lt=dead)).delete()[0]
    gone["idempotency_keys"] = IdempotencyKey.objects.filter(created_at__lt=now - timedelta(days=1)).delete()[
        0
    ]
    gone["drafts"] = delete_bulk_drafts() + delete_old_drafts()
    gone["pictures"] = delete_orphan_renditions()
    gone["consents"] = lapse_consents()
    gone["unknown_embeddings"] = delete_old_unknown_embeddings()
    gone["person_exports"] = delete_expired_exports()
    gone["leftover_embeddings"] = delete_leftover_embeddings()
    gone["erased_digests"] = remove_old_notes()
    gone["leftovers"] = remove_stale_files() + forget_partial_uploads()
    return gone


def _delete_old_events(which: Q, days: int) -> int:
    old = Event.objects.filter(which, at__lt=get_site_time() - timedelta(days=days)).order_by("pk")
    count = 0
    while ids := list(old.values_list("pk", flat=True)[:EVENTS_PER_TRANSACTION]):
        Event.objects.filter(pk__in=ids).delete()
        count += len(ids)
    return count


def lapse_consents() -> int:
    """Draw the consequences of consents that have run out; how many people that were.

    Searches leave these people out from the very day. This takes back the names the machine gave them, and has
    the index built without them.
    """
    people = Person.objects.with_expired_consent().exclude(LAPSE_IS_NOTED).order_by("pk")
    return sum(_lapse_consent(pk) for pk in list(people.values_list("pk", flat=True)))


@transaction.atomic
def _lapse_consent(pk: int) -> bool:
    people = Person.objects.select_for_update().with_expired_consent().exclude(LAPSE_IS_NOTED)
    person = people.filter(pk=pk).first()
    if person is None:
        return False
    changes = ChangeSet()
    stop_recognising_people(changes, [pk])
    announce_people_references([pk])
    Person.objects.filter(pk=pk).update(lapse_noted=person.consent_until)
    faces = changes.list_written_ids("face")
    summary = {"person": person.label, "person_id": pk, "faces": len(faces), "veiled": faces}
    record_event(None, "person.consent_expired", person, summary)
    return True


def delete_old_unknown_embeddings() -> int:
    """Remove what old unknown faces are compared by; the faces, their boxes and what people said stay."""
    if not settings.UNKNOWN_DAYS:
        return 0
    since = get_site_time() - timedelta(days=settings.UNKNOWN_DAYS)
    unknown = Face.objects.filter(person__isnull=True, embedding__isnull=False)
    return _delete_embeddings(unknown.filter(embedded_at__lt=since))


def delete_leftover_embeddings() -> int:
    """Remove what a worker wrote at the moment somebody switched recognition off."""
    return _delete_embeddings(Face.objects.filter(recognition_off_q("photo"), embedding__isnull=False))


def _delete_embeddings(faces: QuerySet[Face]) -> int:
    count = 0
    while ids := list(faces.order_by("pk").values_list("pk", flat=True)[:FACES_PER_TRANSACTION]):
        count += forget_face_vectors(ids)
    return count

"""Deletes what is not kept for ever:

audit trail, failed sign-ins, ended sessions, dead links, renditions of photos that are gone.
"""

from __future__ import annotations

from datetime import timedelta

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import Q
from django.utils import timezone

from gallery.core.limits import remove_stale_files
from gallery.core.throttling import VERB_UPLOAD_REFUSED
from gallery.curation.bulk import delete_bulk_drafts
from gallery.history.audit import AUDIT_ONLY_VERBS
from gallery.models import Event, Invitation, ShareLink
from gallery.people.drafts import delete_old_drafts
from gallery.photos.renditions import delete_orphan_renditions
from gallery.privacy.consent import delete_leftover_embeddings, delete_old_unknown_embeddings, lapse_consents
from gallery.privacy.person_export import delete_expired_exports

EVENTS_PER_BATCH = 5_000
DEAD_LINK_DAYS = 30


def get_audit_days() -> int:
    """How long the trail of who came and saw is kept; 0: for ever."""
    days: int = settings.AUDIT_DAYS
    return days


def delete_expired_records() -> dict[str, int]:
    """Remove what is older than its time; how many rows of each kind went.

    Acts that can be undone stay: they are the history, and go only with what they are about.
    """
    now = timezone.now()
    gone = {"trail": 0}
    if get_audit_days():
        gone["trail"] = _delete_old_events(Q(verb__in=AUDIT_ONLY_VERBS), get_audit_days())
    gone["refused_uploads"] = _delete_old_events(Q(verb=VERB_UPLOAD_REFUSED), min(30, get_audit_days() or 30))
    attempts = AccessAttempt.objects.filter(attempt_time__lt=now - timedelta(days=1))
    gone["failed_sign_ins"] = attempts.delete()[0]
    gone["sessions"] = Session.objects.filter(expire_date__lt=now).delete()[0]
    dead = now - timedelta(days=DEAD_LINK_DAYS)
    gone["invitations"] = Invitation.objects.filter(expires_at__lt=dead, used_by=None).delete()[0]
    gone["links"] = ShareLink.objects.filter(Q(expires_at__lt=dead) | Q(revoked_at__lt=dead)).delete()[0]
    gone["drafts"] = delete_bulk_drafts() + delete_old_drafts()
    gone["pictures"] = delete_orphan_renditions()
    gone["consents"] = lapse_consents()
    gone["unknown_embeddings"] = delete_old_unknown_embeddings()
    gone["person_exports"] = delete_expired_exports()
    gone["leftover_embeddings"] = delete_leftover_embeddings()
    gone["leftovers"] = remove_stale_files()
    return gone


def _delete_old_events(which: Q, days: int) -> int:
    """In batches, so that no write lock is held for long."""
    old = Event.objects.filter(which, at__lt=timezone.now() - timedelta(days=days)).order_by("pk")
    count = 0
    while ids := list(old.values_list("pk", flat=True)[:EVENTS_PER_BATCH]):
        Event.objects.filter(pk__in=ids).delete()
        count += len(ids)
    return count

"""What is not kept for ever: the audit trail, traces of failed sign-ins, ended sessions, dead links, pictures
made from photos that are no more, and what `lapsing` sees to."""

from __future__ import annotations

from datetime import timedelta

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import Q
from django.utils import timezone

from gallery import audit, derived, leftovers, quota
from gallery.models import Event, Invitation, ShareLink
from gallery.services import drafts, lapsing, person_exports
from gallery.services.bulk.plan import forget_drafts

BATCH = 5_000
DEAD_LINK_DAYS = 30


def audit_days() -> int:
    """How long the trail of who came and saw is kept; 0: for ever."""
    days: int = settings.AUDIT_DAYS
    return days


def forget_old() -> dict[str, int]:
    """Remove what is older than its time; how many rows of each kind went.

    Acts that can be undone stay: they are the history, and go only with what they are about.
    """
    now = timezone.now()
    gone = {"trail": 0}
    if audit_days():
        gone["trail"] = _forget_events(Q(verb__in=audit.ONLY_AUDIT), audit_days())
    gone["refused_uploads"] = _forget_events(Q(verb=quota.REFUSED), min(30, audit_days() or 30))
    attempts = AccessAttempt.objects.filter(attempt_time__lt=now - timedelta(days=1))
    gone["failed_sign_ins"] = attempts.delete()[0]
    gone["sessions"] = Session.objects.filter(expire_date__lt=now).delete()[0]
    dead = now - timedelta(days=DEAD_LINK_DAYS)
    gone["invitations"] = Invitation.objects.filter(expires_at__lt=dead, used_by=None).delete()[0]
    gone["links"] = ShareLink.objects.filter(Q(expires_at__lt=dead) | Q(revoked_at__lt=dead)).delete()[0]
    gone["drafts"] = forget_drafts() + drafts.forget_old()
    gone["pictures"] = derived.forget_orphans()
    gone["consents"] = lapsing.lapse_consents()
    gone["unknown_embeddings"] = lapsing.forget_unknown()
    gone["person_exports"] = person_exports.forget_old()
    gone["leftover_embeddings"] = lapsing.forget_leftovers()
    gone["leftovers"] = leftovers.tidy()
    return gone


def _forget_events(which: Q, days: int) -> int:
    """In batches, so that no write lock is held for long."""
    old = Event.objects.filter(which, at__lt=timezone.now() - timedelta(days=days)).order_by("pk")
    count = 0
    while ids := list(old.values_list("pk", flat=True)[:BATCH]):
        Event.objects.filter(pk__in=ids).delete()
        count += len(ids)
    return count

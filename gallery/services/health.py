"""What a curator does with a finding: says that all is well. Mending it is an act on references or people."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from gallery import queue
from gallery.models import Event, Finding, User
from gallery.services.history import record
from gallery.services.ledger import Ledger


@transaction.atomic
def dismiss(user: User, findings: Iterable[Finding]) -> Event:
    """These are all right: later checks do not bring them up again."""
    ledger = Ledger()
    ids = [finding.pk for finding in findings]
    done = ledger.update(
        Finding.objects.filter(pk__in=ids, dismissed_at__isnull=True),
        dismissed_at=timezone.now(),
        dismissed_by=user,
    )
    return record(user, "finding.dismiss", None, {"count": len(done)}, ledger)


def check_now() -> None:
    """Have the gallery checked by the worker."""
    queue.send("check_gallery")

"""Sending again what may have been lost: a call that names itself is carried out once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from gallery.core.exceptions import ActionRefused
from gallery.models import ApiKey, IdempotencyKey
from gallery.models.clock import get_site_time

UNFINISHED_FOR = timedelta(minutes=5)  # what was begun so long ago has ended with its process


class StillGoingOn(ActionRefused):
    """The same call is being carried out at this moment."""

    code = "still_going_on"
    wait_seconds = 5


class NameUsedAgain(ActionRefused):
    """Another call had this name."""

    code = "idempotency_key_reused"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of a call: the status of its answer, and the row that it is about."""

    status: int
    object_id: int


def do_once(key: ApiKey, name: str, request_hash: str, act: Callable[[], Outcome]) -> Outcome:
    """What `act` makes, or has made when the same was sent by this name before. What fails may be sent again."""
    done = _begin_call(key, name, request_hash)
    if done is not None:
        return done
    rows = IdempotencyKey.objects.filter(api_key=key, name=name)
    try:
        outcome = act()
    except BaseException:
        rows.delete()
        raise
    rows.update(status=outcome.status, object_id=outcome.object_id)
    return outcome


def _begin_call(key: ApiKey, name: str, request_hash: str) -> Outcome | None:
    """Note that it is begun; the outcome if it was carried out before."""
    IdempotencyKey.objects.filter(
        api_key=key, name=name, status=None, created_at__lt=get_site_time() - UNFINISHED_FOR
    ).delete()
    try:
        with transaction.atomic():
            IdempotencyKey.objects.create(api_key=key, name=name, request_hash=request_hash)
            return None
    except IntegrityError:
        found = IdempotencyKey.objects.filter(api_key=key, name=name).first()
    if found is not None and found.request_hash != request_hash:
        raise NameUsedAgain(
            _("This Idempotency-Key came with something else before. Give each upload its own.")
        )
    if found is None or found.status is None or found.object_id is None:
        raise StillGoingOn(_("The same upload is being taken in at this moment. Ask again soon."))
    return Outcome(found.status, found.object_id)

"""Sends tasks to the workers. A message is only a hint: if one is lost, the sweep finds the row."""

from __future__ import annotations

import logging
import time
from functools import cache

from django.db import transaction

log = logging.getLogger(__name__)
# How long to leave a broker alone after it failed to answer, so that uploads do not wait for it.
BROKER_RETRY_SECONDS = 5.0

_silent_until = 0.0  # on the monotonic clock


def send_task(task: str, *args: object, countdown: float = 0) -> None:
    """Queue the task once the transaction commits. Without a broker nothing is lost: the sweep finds the row."""
    transaction.on_commit(lambda: _send_now(task, args, countdown))


def _send_now(task: str, args: tuple[object, ...], countdown: float) -> None:
    global _silent_until
    if time.monotonic() < _silent_until:
        return
    from facesite.celery import app

    try:
        app.send_task(task, args=args, countdown=countdown or None, retry=False)
    except _get_broker_errors() as error:
        _silent_until = time.monotonic() + BROKER_RETRY_SECONDS
        log.warning("The broker cannot be reached (%s); the sweep will find the work.", error)


@cache
def _get_broker_errors() -> tuple[type[BaseException], ...]:
    """Everything that sending may raise while the broker is down, restarting, full or read-only."""
    from kombu.exceptions import OperationalError

    from facesite.celery import app

    transport = app.connection_for_write().transport
    return (OperationalError, OSError, *transport.connection_errors, *transport.channel_errors)

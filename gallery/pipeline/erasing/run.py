"""One erasure's remains: claimed, cleared, and complete only when nothing is left.

Every step may be repeated, so a process that is killed only delays the rest. An erasure is never set aside:
what cannot be cleared now is tried again until it can.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Sequence

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from gallery import queue
from gallery.models import Erasure, Status
from gallery.pipeline.erasing import builds, database
from gallery.pipeline.erasing.steps import clear_exports, clear_history, remove_files, remove_pictures
from recognition.types import RecognitionError

log = logging.getLogger(__name__)
SOON, LATER = 3, 60  # seconds until a step is tried again: while another build runs; after an error

# Each clears one kind of remains and says whether it could; pictures twice, as one may be made meanwhile.
Step = Callable[[Erasure], bool]
STEPS: tuple[Step, ...] = (
    remove_files,
    remove_pictures,
    clear_history,
    clear_exports,
    builds.clear_builds,
    remove_pictures,
)


def waiting(limit: int = 20) -> list[int]:
    return queue.waiting(Erasure.objects.all(), limit)


def revive() -> None:
    """What dead processes left waits again, however often that has happened."""
    tried = Q(work=Status.FAILED) | Q(work=Status.QUEUED, attempts__gt=0)
    Erasure.objects.filter(tried).update(work=Status.QUEUED, attempts=0, finished_at=None)


def finish(pk: int, note_backups: Step = lambda _: True) -> bool:
    """Clear what is left of this erasure; whether it is complete now.

    `note_backups` writes down which backups hold it still, and says whether that is known by now.
    """
    revive()
    erasure = queue.claim(Erasure.objects.all(), pk)
    if erasure is None:
        return Erasure.objects.filter(pk=pk, work=Status.DONE).exists()
    with queue.held(erasure):
        try:
            return _clear(erasure, (*STEPS, note_backups))
        except (OSError, RecognitionError) as error:
            log.error("erasure %s waits: %s", pk, error)
            reason = _("Something could not be removed yet: %(error)s. It is tried again.")
            _wait(erasure, LATER, reason % {"error": error})
    return False


def _clear(erasure: Erasure, steps: Sequence[Step]) -> bool:
    needles = [base64.b64decode(needle) for needle in erasure.todo.get("needles", ())]
    if erasure.todo:
        for step in steps:
            if not step(erasure):
                _wait(erasure, SOON)
                return False
        # From here on the database itself does not know any more what was erased.
        Erasure.objects.filter(pk=erasure.pk).update(todo={}, counts=erasure.counts)
    if not database.clear(needles):
        _wait(erasure, SOON)
        return False
    queue.finish(erasure, Status.DONE)
    return True


def _wait(erasure: Erasure, seconds: float, reason: str = "") -> None:
    with transaction.atomic():
        Erasure.objects.filter(pk=erasure.pk).update(counts=erasure.counts)
        queue.put_back(erasure, seconds, reason)
        queue.send("erase", erasure.pk, countdown=seconds + 0.5)

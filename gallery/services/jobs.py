"""What a curator does to the queue: pause it, go on, try again, stop what waits."""

from __future__ import annotations

from django.db import transaction

from gallery import queue
from gallery.models import Photo, Reference, SiteSetting, Status, User
from gallery.services.history import record
from gallery.visibility import visible_photos, visible_references

PAUSED = "is_paused"


@transaction.atomic
def set_paused(user: User, is_paused: bool) -> None:
    """Paused, photos wait; what a worker has begun is finished."""
    SiteSetting.objects.update_or_create(pk=PAUSED, defaults={"value": is_paused})
    record(user, "queue.pause" if is_paused else "queue.resume", None, {})


@transaction.atomic
def retry_failed(user: User) -> int:
    """Everything that failed waits again; the number of photos and references."""
    photos = visible_photos(user).filter(work=Status.FAILED)
    references = visible_references(user).filter(work=Status.FAILED)
    ids = {"process_photo": list(photos.values_list("pk", flat=True))}
    ids["embed_reference"] = list(references.values_list("pk", flat=True))
    queue.enqueue(Photo.objects.filter(pk__in=ids["process_photo"]))
    queue.enqueue(Reference.objects.filter(pk__in=ids["embed_reference"]))
    for task, pks in ids.items():
        for pk in pks:
            queue.send(task, pk)
    count = sum(map(len, ids.values()))
    record(user, "queue.retry", None, {"count": count})
    return count


@transaction.atomic
def cancel_waiting(user: User) -> int:
    """Photos that wait are set aside as cancelled; each can be tried again."""
    waiting = visible_photos(user).filter(work=Status.QUEUED)
    count = Photo.objects.filter(
        pk__in=list(waiting.values_list("pk", flat=True)), work=Status.QUEUED
    ).update(work=Status.CANCELLED)
    record(user, "queue.cancel", None, {"count": count})
    return count

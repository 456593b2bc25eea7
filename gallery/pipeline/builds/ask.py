"""Asking for a build: many askers, one build, and none where the delta does as well."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

from gallery import engine, queries, queue
from gallery.models import Build, GalleryChange, Status, User

DEBOUNCE = 20  # seconds from the first change to the build that takes it in
SMALL = 5_000  # references up to which any change is worth a build: it takes a second
DELTA = 0.02  # share of a larger gallery that has to change first; until then the delta serves


@transaction.atomic
def request_build(
    reason: str, user: User | None = None, delay: float = DEBOUNCE, embedder_id: str = ""
) -> Build:
    """The build that is waiting, or a new one; with no delay it is due at once."""
    embedder_id = embedder_id or engine.serving().id
    due = queue.now() + timedelta(seconds=delay)
    waiting = Build.objects.select_for_update().filter(work=Status.QUEUED, embedder_id=embedder_id).first()
    if waiting is None:
        waiting = Build.objects.create(embedder_id=embedder_id, queued_at=due, reason=reason, asked_by=user)
    elif waiting.queued_at is None or due < waiting.queued_at:
        waiting.queued_at = due
        waiting.save(update_fields=["queued_at"])
    if not delay:
        queue.send("run_build", waiting.pk)
    return waiting


def gallery_changed(reason: str) -> Build | None:
    """Ask for a build some seconds from now, or for none where so little has changed that the delta serves.

    Older faces are searched again either way.
    """
    embedder_id = engine.serving().id
    if _delta_is_small(embedder_id):
        queue.send("follow_gallery", countdown=DEBOUNCE)
        return None
    return request_build(reason, embedder_id=embedder_id)


def _delta_is_small(embedder_id: str) -> bool:
    active = queries.active_build(embedder_id)
    if active is None or active.vectors <= SMALL:
        return False
    since = GalleryChange.objects.filter(embedder_id=embedder_id, pk__gt=active.upto_change)
    return since.count() < DELTA * active.vectors

"""From one embedder to another, in the background: vectors never mix, and the old index answers until the end.

References are embedded anew from their kept crops, the new embedder's index is built beside the old one, then
one write lets it serve. Faces follow photo by photo; until then they keep their names.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from gallery import engine, queries, queue, storage
from gallery.models import Face, Photo, Reference, SiteSetting, Status
from gallery.pipeline import builds
from gallery.pipeline.references import face_of, store_vector
from gallery.pipeline.vectorparts import rows_of
from recognition.types import Embedder, RecognitionError

log = logging.getLogger(__name__)
PROGRESS = "switch"  # the SiteSetting that says how far it is: to, left, failed
SECONDS = 25  # of embedding in one step
PHOTOS = 20  # photos waiting at a time to be looked at again


def step() -> bool:
    """Do some of what is left to do; False when nothing is. Repeating it, or stopping it, does no harm."""
    wished = engine.embedder()
    if left := _embed_references(wished):
        log.info("%s references are still to be embedded by %s.", left, wished.id)
        return True
    if queries.active_build(wished.id) is None and rows_of(wished.id).exists():
        asked = builds.request_build("embedder changed", delay=0, embedder_id=wished.id)
        builds.run_build(asked.pk)
    recipe = queries.setting(engine.SERVING)
    if queries.active_build(wished.id) and not (isinstance(recipe, dict) and recipe["id"] == wished.id):
        _switch()
        return True
    return engine.serving().id == wished.id and _queue_faces(wished)


def _embed_references(embedder: Embedder) -> int:
    """Embed references that have no vector of this embedder, for some seconds; how many are left."""
    until = time.monotonic() + SECONDS
    failed = _failed(embedder)
    rows = Reference.objects.filter(box__isnull=False, work=Status.DONE)
    missing = rows.exclude(vectors__embedder_id=embedder.id).exclude(pk__in=failed)
    ids = list(missing.order_by("pk").values_list("pk", flat=True))
    left = len(ids)
    for pk in ids:
        left -= 1
        try:
            _embed_reference(pk, embedder)
        except (RecognitionError, OSError) as error:
            log.warning("Reference %s cannot be embedded anew: %s", pk, error)
            failed.append(pk)
        if time.monotonic() > until:
            break
    if ids:
        progress = {"to": embedder.id, "left": left, "failed": failed}
        SiteSetting.objects.update_or_create(key=PROGRESS, defaults={"value": progress})
    return left


def _failed(embedder: Embedder) -> list[int]:
    """References that could not be embedded, so that they are not tried for ever."""
    progress = queries.setting(PROGRESS)
    if isinstance(progress, dict) and progress["to"] == embedder.id:
        return list(progress["failed"])
    return []


def _embed_reference(pk: int, embedder: Embedder) -> None:
    reference = Reference.objects.filter(pk=pk).first()
    if reference is None:
        return  # erased meanwhile
    pixels = engine.read(storage.path(reference.image)).pixels
    vector = embedder.embed([face_of(reference, pixels)])[0]
    with transaction.atomic():
        current = Reference.objects.select_for_update().filter(pk=pk).first()
        if current is not None and current.image == reference.image:
            store_vector(current, embedder, vector)


def _switch() -> None:
    """The one write after which the wished embedder answers."""
    recipe = engine.recipe()
    SiteSetting.objects.update_or_create(key=engine.SERVING, defaults={"value": recipe})
    log.info("%s serves now.", recipe["id"])


def _queue_faces(embedder: Embedder) -> bool:
    """Queue photos whose faces still have another embedder's vectors, a few at a time."""
    stale = Face.objects.filter(photo__trashed_at__isnull=True).exclude(embedder_id__in=("", embedder.id))
    photos = Photo.objects.filter(pk__in=stale.filter(is_drawn=False).values("photo_id"), work=Status.DONE)
    # A face that is not found again would send its photo round for ever, so each goes once a switch.
    photos = photos.filter(finished_at__lt=_switched_at())
    ids = list(photos.order_by("-pk").values_list("pk", flat=True)[:PHOTOS])
    with transaction.atomic():
        queue.enqueue(Photo.objects.filter(pk__in=ids))
        for pk in ids:
            queue.send("process_photo", pk)
    drawn = list(stale.filter(is_drawn=True).order_by("pk").values_list("pk", flat=True)[:PHOTOS])
    for pk in drawn:
        queue.send("embed_face", pk)
    return bool(ids)


def _switched_at() -> datetime:
    row = SiteSetting.objects.filter(pk=engine.SERVING).first()
    return row.changed_at if row else timezone.now()

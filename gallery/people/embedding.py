"""Finding the face of a reference and embedding it, and moving all references from one embedder to another.

During a change of embedder vectors never mix, and the old index answers until the new one is built. References are
embedded again from their stored crops, then one write makes the new index serve. Faces follow photo by photo and
keep their names until then."""

from __future__ import annotations

import logging
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from django.db import transaction
from django.utils import timezone

from gallery.core.exceptions import JobFailed
from gallery.index import engine
from gallery.index.builds import request_build, run_build
from gallery.index.engine import (
    MISSING_MODEL_ERRORS,
    MODEL_RETRY_SECONDS,
    SERVING_RECIPE_KEY,
    get_configured_recipe,
)
from gallery.index.feed import ChangeKind, record_reference_changes
from gallery.index.live import searchable_vectors
from gallery.index.selectors import get_active_build
from gallery.jobs import dispatch
from gallery.jobs.leases import LeaseLost, claim_row, enqueue_rows, finish_row, hold_lease, postpone_row
from gallery.models import Face, Photo, Reference, ReferenceVector, SiteSetting, Status
from gallery.models.history import get_site_setting
from gallery.models.storage import build_reference_name, get_media_path, remove_file, write_file
from gallery.people.crops import cut_reference_crop, get_reference_face, set_crop_columns
from recognition.errors import RecognitionError
from recognition.mainface import find_main_face
from recognition.types import Embedder


def store_reference_vector(reference: Reference, embedder: Embedder, vector: np.ndarray[Any, Any]) -> None:
    """Keep the embedding and, if the reference counts, announce it; inside the caller's transaction."""
    ReferenceVector.objects.update_or_create(
        reference=reference, embedder_id=embedder.id, defaults={"vector": vector}
    )
    if reference.status == Reference.Judgement.APPROVED:
        record_reference_changes(ChangeKind.ADDED, [reference])


def process_reference(pk: int) -> bool:
    """Claim the reference and embed it; False if it is not ours to do."""
    reference = claim_row(Reference.objects.all(), pk)
    if reference is None:
        return False
    with hold_lease(reference):
        try:
            _embed_claimed_reference(reference)
        except FileNotFoundError:
            finish_row(reference, Status.FAILED, JobFailed("reference_file_gone"))
        except MISSING_MODEL_ERRORS as error:
            postpone_row(reference, MODEL_RETRY_SECONDS, error)
        except RecognitionError as error:
            finish_row(reference, Status.FAILED, error)
    return True


@transaction.atomic
def _finish_reference(reference: Reference, embedder: Embedder, vector: np.ndarray[Any, Any]) -> None:
    """LeaseLost where the reference was erased, or taken over, meanwhile; nothing is written then."""
    current = Reference.objects.select_for_update().filter(pk=reference.pk).first()
    if current is None:
        raise LeaseLost(f"reference {reference.pk} was erased")
    reference.save(update_fields=["box", "landmarks", "quality", "score", "image", "sha256"])
    store_reference_vector(current, embedder, vector)
    finish_row(reference, Status.DONE)


def _embed_claimed_reference(reference: Reference) -> None:
    embedder = engine.get_serving_embedder()
    old_image, new_image = str(reference.image), ""
    pixels = engine.read_photo(get_media_path(old_image)).pixels
    if reference.box is None:
        crop = cut_reference_crop(pixels, find_main_face(pixels, engine.get_detector()))
        set_crop_columns(reference, crop)
        new_image = build_reference_name(".jpg")
        reference.sha256 = write_file(new_image, crop.jpeg)
        reference.image = new_image
        pixels = engine.read_photo(get_media_path(new_image)).pixels
    vector = embedder.embed([get_reference_face(reference, pixels)])[0]
    try:
        _finish_reference(reference, embedder, vector)
    except LeaseLost:
        remove_file(new_image)
        raise
    if new_image:
        remove_file(old_image)
    from gallery.index.builds import request_build_after_change

    request_build_after_change("references changed")


log = logging.getLogger(__name__)
SWITCH_PROGRESS_KEY = "switch"  # the SiteSetting that says how far it is: to, left, failed
MAX_STEP_SECONDS = 25  # of embedding in one step
MAX_REQUEUED_PHOTOS = 20  # photos waiting at a time to be looked at again


def advance_embedder_switch() -> bool:
    """Do some of what is left to do; False when nothing is. Repeating it, or stopping it, does no harm."""
    wished = engine.get_configured_embedder()
    if left := _embed_missing_references(wished):
        log.info("%s references are still to be embedded by %s.", left, wished.id)
        return True
    if get_active_build(wished.id) is None and searchable_vectors(wished.id).exists():
        asked = request_build("embedder changed", delay=0, embedder_id=wished.id)
        run_build(asked.pk)
    recipe = get_site_setting(SERVING_RECIPE_KEY)
    if get_active_build(wished.id) and not (isinstance(recipe, dict) and recipe["id"] == wished.id):
        _activate_embedder()
        return True
    return engine.get_serving_embedder().id == wished.id and _queue_stale_faces(wished)


def _embed_missing_references(embedder: Embedder) -> int:
    """Embed references that have no vector of this embedder, for some seconds; how many are left."""
    until = time.monotonic() + MAX_STEP_SECONDS
    failed = _get_failed_references(embedder)
    rows = Reference.objects.filter(box__isnull=False, work=Status.DONE)
    missing = rows.exclude(vectors__embedder_id=embedder.id).exclude(pk__in=failed)
    ids = list(missing.order_by("pk").values_list("pk", flat=True))
    left = len(ids)
    for pk in ids:
        left -= 1
        try:
            _reembed_reference(pk, embedder)
        except (RecognitionError, OSError) as error:
            log.warning("Reference %s cannot be embedded anew: %s", pk, error)
            failed.append(pk)
        if time.monotonic() > until:
            break
    if ids:
        progress = {"to": embedder.id, "left": left, "failed": failed}
        SiteSetting.objects.update_or_create(key=SWITCH_PROGRESS_KEY, defaults={"value": progress})
    return left


def _get_failed_references(embedder: Embedder) -> list[int]:
    """References that could not be embedded, so that they are not tried for ever."""
    progress = get_site_setting(SWITCH_PROGRESS_KEY)
    if isinstance(progress, dict) and progress["to"] == embedder.id:
        return list(progress["failed"])
    return []


def _reembed_reference(pk: int, embedder: Embedder) -> None:
    reference = Reference.objects.filter(pk=pk).first()
    if reference is None:
        return  # erased meanwhile
    pixels = engine.read_photo(Path(reference.image.path)).pixels
    vector = embedder.embed([get_reference_face(reference, pixels)])[0]
    with transaction.atomic():
        current = Reference.objects.select_for_update().filter(pk=pk).first()
        if current is not None and current.image == reference.image:
            store_reference_vector(current, embedder, vector)


def _activate_embedder() -> None:
    """The one write after which the wished embedder answers."""
    recipe = get_configured_recipe()
    SiteSetting.objects.update_or_create(key=SERVING_RECIPE_KEY, defaults={"value": recipe})
    log.info("%s serves now.", recipe["id"])


def _queue_stale_faces(embedder: Embedder) -> bool:
    """Queue photos whose faces still have another embedder's vectors, a few at a time."""
    stale = Face.objects.outside_trash().exclude(embedder_id__in=("", embedder.id))
    photos = Photo.objects.filter(pk__in=stale.filter(is_drawn=False).values("photo_id"), work=Status.DONE)
    # A face that is not found again would send its photo round for ever, so each goes once a switch.
    photos = photos.filter(finished_at__lt=_get_switch_time())
    ids = list(photos.order_by("-pk").values_list("pk", flat=True)[:MAX_REQUEUED_PHOTOS])
    with transaction.atomic():
        enqueue_rows(Photo.objects.filter(pk__in=ids))
        for pk in ids:
            dispatch.send_task("process_photo", pk)
    drawn = list(
        stale.filter(is_drawn=True).order_by("pk").values_list("pk", flat=True)[:MAX_REQUEUED_PHOTOS]
    )
    for pk in drawn:
        dispatch.send_task("embed_face", pk)
    return bool(ids)


def _get_switch_time() -> datetime:
    row = SiteSetting.objects.filter(pk=SERVING_RECIPE_KEY).first()
    return row.changed_at if row else timezone.now()

"""What workers do with people's pictures: find faces in drafts, embed references, move to another embedder.

During a change of embedder vectors never mix, and the old index answers until the new one is built. References are
embedded again from their stored crops, then one write makes the new index serve. Faces follow photo by photo and
keep their names until then."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Q

from gallery.core.exceptions import JobFailed
from gallery.core.limits import get_upload_limits
from gallery.faces.processing import detect_in_drawn_box, place_in_photo, record_failure
from gallery.index import engine
from gallery.index.builds import request_build, request_build_after_change, run_build
from gallery.index.carry_over import carry_over_vectors
from gallery.index.contents import searchable_vectors
from gallery.index.engine import get_configured_recipe
from gallery.index.feed import ChangeKind, record_reference_changes
from gallery.index.selectors import SERVING_RECIPE_KEY, get_active_build
from gallery.index.switch import (
    CONSENT_KEY,
    PROGRESS_KEY,
    count_lost_people,
    filter_unsearched_references,
    note_progress,
)
from gallery.jobs import dispatch
from gallery.jobs.leases import LeaseLost, claim_row, enqueue_rows, finish_row, hold_lease
from gallery.models import Build, Face, Photo, Reference, ReferenceDraft, ReferenceVector, SiteSetting, Status
from gallery.models.base import UNFINISHED_STATUSES
from gallery.models.clock import get_site_time
from gallery.models.history import get_site_setting
from gallery.models.querysets import among_ids
from gallery.models.storage import StorageAway, remove_file
from gallery.people.crops import (
    FaceColumns,
    cut_reference_again,
    cut_reference_crop,
    describe_detection,
    get_reference_face,
)
from gallery.people.doubts import UNCOMPARED, compare_imported_references
from recognition.embedders import DEFAULT_EMBEDDER, get_unavailable_reason
from recognition.embedders.sface import fetch_sface
from recognition.errors import ImageError, RecognitionError
from recognition.images.sandbox import read_region
from recognition.mainface import NoFaceFound, SeveralFaces, find_main_face
from recognition.types import Box, Embedder, Embeddings, Image

log = logging.getLogger(__name__)

MAX_DETECTION_SIDE = 2_000  # pixels of the longer side that are looked at
MAX_DRAFT_FACES = 20


def process_draft(pk: int) -> bool:
    """Claim the picture and find its faces; False if it is not ours to do."""
    draft = claim_row(ReferenceDraft.objects.all(), pk)
    if draft is None:
        return False
    with hold_lease(draft), record_failure(draft, JobFailed("draft_file_gone")):
        if draft.drawn:
            _detect_face_in_box(draft, Box(*draft.drawn))
        else:
            _detect_faces(draft)
        with transaction.atomic():
            finish_row(draft, Status.DONE)  # LeaseLost where it was left out meanwhile
            draft.save(update_fields=["faces", "chosen", "drawn", "problem"])
    return True


def _detect_faces(draft: ReferenceDraft) -> None:
    whole = Box(0, 0, draft.width, draft.height)
    region = read_region(draft.image.path, whole, get_upload_limits(), max_side=MAX_DETECTION_SIDE)
    detector = engine.get_detector()
    found = list(detector.detect(region.pixels))
    draft.faces, draft.chosen, draft.problem = [], None, ""
    best = None
    try:
        best = find_main_face(region.pixels, detector)
    except NoFaceFound:
        draft.problem = ReferenceDraft.NO_FACE
        return
    except SeveralFaces:
        draft.problem = ReferenceDraft.SEVERAL_FACES
    if best and not found:
        found = [best]
    faces = sorted(found, key=lambda face: face.box.area, reverse=True)[:MAX_DRAFT_FACES]
    draft.faces = [describe_detection(place_in_photo(face, region)) for face in faces]
    if best:
        draft.chosen = max(range(len(faces)), key=lambda number: faces[number].box.iou(best.box))


def _detect_face_in_box(draft: ReferenceDraft, box: Box) -> None:
    """The face that was drawn is added to those found, and is the one that is meant."""
    found, region = detect_in_drawn_box(draft.image.path, box)
    draft.drawn, draft.problem = None, "" if found else ReferenceDraft.NO_FACE_IN_BOX
    if found:
        draft.faces = [*draft.faces, describe_detection(place_in_photo(found, region))][-MAX_DRAFT_FACES:]
        draft.chosen = len(draft.faces) - 1


def store_reference_vector(reference: Reference, embedder: Embedder, vector: Embeddings) -> None:
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
    with hold_lease(reference), record_failure(reference, JobFailed("reference_file_gone")):
        _embed_claimed_reference(reference)
    if reference.doubt == Reference.Doubt.UNSEEN:
        others = Reference.objects.filter(**UNCOMPARED, work__in=UNFINISHED_STATUSES)
        if not others.exists():  # the last of those that came together
            compare_imported_references(engine.get_serving_embedder())
    return True


def _embed_claimed_reference(reference: Reference) -> None:
    embedder, sent_file = engine.get_serving_embedder(), ""
    if reference.box is None:
        sent_file, pixels = str(reference.image), _read_crop(reference)
        crop = cut_reference_crop(pixels, find_main_face(pixels, engine.get_detector()))
        _set_columns(reference, crop.store())
    elif reference.source_face and reference.source_face.photo.turn != reference.turn:
        sent_file = _cut_turned_reference(reference, reference.source_face)
    vector = embedder.embed([get_reference_face(reference, _read_crop(reference))])[0]
    try:
        _finish_reference(reference, embedder, vector)
    except LeaseLost:
        if sent_file:
            remove_file(str(reference.image))
        raise
    remove_file(sent_file)
    request_build_after_change("references changed")


def _cut_turned_reference(reference: Reference, face: Face) -> str:
    """Cut it anew from the photo, which somebody has turned; the file that this replaces, if it could be done."""
    old = str(reference.image)
    if not face.landmarks:
        return ""
    try:
        _set_columns(reference, cut_reference_again(reference, face).store())
    except (ImageError, FileNotFoundError) as error:
        log.warning("reference %d could not be cut again: %s", reference.pk, error)
        return ""
    reference.turn = face.photo.turn
    return old


def _set_columns(reference: Reference, columns: Mapping[str, Any]) -> None:
    for name, value in columns.items():
        setattr(reference, name, value)


def _read_crop(reference: Reference) -> Image:
    return engine.read_photo(Path(reference.image.path)).pixels


@transaction.atomic
def _finish_reference(reference: Reference, embedder: Embedder, vector: Embeddings) -> None:
    """LeaseLost where the reference was erased, or taken over, meanwhile; nothing is written then."""
    current = Reference.objects.select_for_update().filter(pk=reference.pk).first()
    if current is None:
        raise LeaseLost(f"reference {reference.pk} was erased")
    reference.save(update_fields=["box", "landmarks", "quality", "score", "image", "sha256", "turn"])
    store_reference_vector(current, embedder, vector)
    finish_row(reference, Status.DONE)


MAX_STEP_SECONDS = 10  # of embedding in one step
NOTE_SECONDS = 2  # between two notes of how far a step is
MAX_REQUEUED_PHOTOS = 20  # photos waiting at a time to be looked at again


def advance_embedder_switch() -> bool:
    """Do some of what is left to do; False when nothing is, or it cannot go on. Killed at any point, it goes on."""
    to = ""
    try:
        if engine.get_configured_name() == DEFAULT_EMBEDDER and get_unavailable_reason(DEFAULT_EMBEDDER):
            fetch_sface()
        chosen = engine.get_configured_embedder()
        to = chosen.id
        for earlier in chosen.earlier_ids:
            carry_over_vectors(earlier, to)
        is_more = _take_switch_step(chosen)
    except RecognitionError as error:
        log.error("Another embedder cannot take over: %s", error)
        note_progress(to, problem=str(error), is_running=False)
        return False
    if is_more or get_site_setting(PROGRESS_KEY):
        note_progress(to, problem="", is_running=is_more)
    return is_more


def _take_switch_step(chosen: Embedder) -> bool:
    if left := _embed_missing_references(chosen):
        log.info("%s references are still to be embedded by %s.", left, chosen.id)
        return True
    serving = engine.get_serving_embedder().id
    if serving != chosen.id and _count_lost(chosen) and get_site_setting(CONSENT_KEY) != chosen.id:
        return False
    has_vectors = searchable_vectors(chosen.id).exists()
    if get_active_build(chosen.id) is None and has_vectors:
        asked = request_build("embedder changed", delay=0, embedder_id=chosen.id)
        if (made := run_build(asked.pk)) is None:
            return True  # another build is running
        if made.work != Status.DONE:
            raise RecognitionError(made.failure_text or "The building of its index was stopped.")
    recipe = get_site_setting(SERVING_RECIPE_KEY)
    is_ready = get_active_build(chosen.id) if has_vectors else isinstance(recipe, dict)
    if is_ready and not (isinstance(recipe, dict) and recipe["id"] == chosen.id):
        with transaction.atomic():  # the one write after which the chosen embedder answers
            recipe = get_configured_recipe()
            SiteSetting.objects.update_or_create(key=SERVING_RECIPE_KEY, defaults={"value": recipe})
            SiteSetting.objects.filter(pk=CONSENT_KEY).delete()
            note_progress(chosen.id, left=0, lost_people=0)
            waiting = Build.objects.filter(work=Status.QUEUED).exclude(embedder_id=chosen.id)
            waiting.update(work=Status.CANCELLED, finished_at=get_site_time())
            dispatch.send_task("follow_gallery")
            dispatch.send_task("check_gallery")
        log.info("%s serves now.", recipe["id"])
        return True
    return serving == chosen.id and _queue_stale_faces(chosen)


def _count_lost(chosen: Embedder) -> int:
    """People who would no longer be found; noted, with the references that would no longer be searched."""
    people = count_lost_people(chosen.id)
    lost = filter_unsearched_references(Reference.objects.all(), chosen.id).count()
    note_progress(chosen.id, lost=lost, lost_people=people)
    return people


def _embed_missing_references(embedder: Embedder) -> int:
    """Embed references that have no vector of this embedder, for some seconds; how many are left."""
    begun = time.monotonic()
    progress = get_site_setting(PROGRESS_KEY, {})
    failed = list(progress["failed"]) if progress.get("to") == embedder.id else []  # not tried for ever
    # Without a box there are those that another program embedded; some of them have no picture either.
    rows = Reference.objects.filter(Q(box__isnull=False) | ~Q(source_sha256=""), work=Status.DONE)
    missing = rows.exclude(vectors__embedder_id=embedder.id).exclude(pk__in=among_ids(failed))
    ids = list(missing.order_by("pk").values_list("pk", flat=True))
    left, noted = len(ids), begun - NOTE_SECONDS
    for pk in ids:
        if (now := time.monotonic()) > noted + NOTE_SECONDS:
            kept = note_progress(embedder.id, left=left, failed=failed, problem="", is_running=True)
            note_progress(embedder.id, total=max(left, kept.get("total", 0)))
            noted = now
        left -= 1
        try:
            _reembed_reference(pk, embedder)
        except (*engine.MISSING_ENGINE_ERRORS, StorageAway):
            raise
        except (RecognitionError, OSError) as error:
            log.warning("Reference %s cannot be embedded anew: %s", pk, error)
            failed.append(pk)
        if time.monotonic() > begun + MAX_STEP_SECONDS:
            break
    if ids:
        note_progress(embedder.id, left=left, failed=failed)
    return left


def _reembed_reference(pk: int, embedder: Embedder) -> None:
    reference = Reference.objects.filter(pk=pk).first()
    if reference is None:
        return  # erased meanwhile
    found = {} if reference.box else _find_tight_face(reference)
    for name, value in found.items():
        setattr(reference, name, value)
    vector = embedder.embed([get_reference_face(reference, _read_crop(reference))])[0]
    with transaction.atomic():
        current = Reference.objects.select_for_update().filter(pk=pk).first()
        if current is not None and current.image == reference.image:
            Reference.objects.filter(pk=pk).update(**found)
            store_reference_vector(current, embedder, vector)


def _find_tight_face(reference: Reference) -> FaceColumns:
    """The face of a picture that another program cut; NoFaceFound where there is none to be seen."""
    try:
        face = find_main_face(_read_crop(reference), engine.get_detector())
    except SeveralFaces as error:
        face = error.face
    return describe_detection(face)


def _queue_stale_faces(embedder: Embedder) -> bool:
    """Queue photos whose faces still have another embedder's vectors, a few at a time; False when none are left."""
    stale = Face.objects.outside_trash().exclude(embedder_id__in=("", embedder.id))
    photos = Photo.objects.filter(pk__in=stale.filter(is_drawn=False).values("photo_id"))
    # A face that is not found again would send its photo round for ever, so each goes once a switch.
    setting = SiteSetting.objects.filter(pk=SERVING_RECIPE_KEY).first()
    resting = photos.filter(
        work=Status.DONE, finished_at__lt=setting.changed_at if setting else get_site_time()
    )
    waiting = photos.filter(work__in=UNFINISHED_STATUSES).count()
    left = waiting + resting.count()
    if left or get_site_setting(PROGRESS_KEY):
        note_progress(embedder.id, photos=left)
    room = max(0, MAX_REQUEUED_PHOTOS - waiting)
    ids = list(resting.order_by("-pk").values_list("pk", flat=True)[:room])
    with transaction.atomic():
        enqueue_rows(Photo.objects.filter(pk__in=ids))
        for pk in ids:
            dispatch.send_task("process_photo", pk)
    drawn = stale.filter(is_drawn=True).order_by("pk").values_list("pk", flat=True)
    for pk in drawn[:MAX_REQUEUED_PHOTOS]:
        dispatch.send_task("embed_face", pk)
    return left > 0

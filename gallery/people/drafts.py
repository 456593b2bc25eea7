"""Pictures sent for a person: kept as drafts, corrected, then saved as references or deleted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery.core.exceptions import ActionRefused, translate_error
from gallery.core.limits import get_upload_limits
from gallery.core.throttling import get_quota_message, is_over_upload_quota, record_refused_upload
from gallery.history.changeset import record_event
from gallery.jobs import dispatch
from gallery.jobs.leases import enqueue_rows
from gallery.models import Event, Face, Person, Reference, ReferenceDraft, User
from gallery.models.people import clean_name
from gallery.models.storage import (
    build_draft_name,
    build_reference_name,
    remove_file,
    write_file,
)
from gallery.people.crops import MAX_REGION_SIDE, REGION_MARGIN, place_face_in_region
from gallery.photos.services import FILE_EXTENSIONS
from recognition import images
from recognition.errors import ImageError
from recognition.images.sandbox import probe_photo, read_region
from recognition.types import Box

MIN_DRAWN_SIDE = 12  # pixels of a drawn box
DRAFT_RETENTION_DAYS = 2


@dataclass(frozen=True, slots=True)
class DraftResult:
    """What became of one file."""

    draft: ReferenceDraft | None
    says: str = ""  # why there is none


def add_draft(user: User, person: Person, content: bytes, name: str) -> DraftResult:
    """Keep a picture to be looked at; nothing is searched by it yet."""
    shown = clean_name(name)[:255] or _("picture")
    if is_over_upload_quota(user, len(content)):
        return DraftResult(None, get_quota_message())
    sha256 = hashlib.sha256(content).hexdigest()
    there = Reference.objects.filter(person=person, source_sha256=sha256)
    if there.exclude(status=Reference.Judgement.REJECTED).exists():  # what was rejected may be sent again
        return DraftResult(None, _("%(name)s is a reference of this person already.") % {"name": shown})
    found = ReferenceDraft.objects.filter(person=person, sha256=sha256).first()
    if found is not None:
        return DraftResult(found)
    try:
        info = probe_photo(content, get_upload_limits())
    except ImageError as error:
        record_refused_upload(user)
        return DraftResult(None, f"{shown}: {translate_error(error)}")
    file = build_draft_name(FILE_EXTENSIONS[info.kind])
    write_file(file, content)
    with transaction.atomic():
        draft = ReferenceDraft.objects.create(
            person=person,
            image=file,
            sha256=sha256,
            name=shown,
            width=info.width,
            height=info.height,
            added_by=user,
            queued_at=timezone.now(),
        )
        dispatch.send_task("look_at_draft", draft.pk)
    return DraftResult(draft)


@transaction.atomic
def draw_draft_face(draft: ReferenceDraft, box: tuple[float, float, float, float]) -> None:
    """Look for a face in this box: left, top, width, height in the picture's pixels."""
    left, top, width, height = box
    right, bottom = min(left + width, draft.width), min(top + height, draft.height)
    left, top = max(left, 0.0), max(top, 0.0)
    if not (
        right - left >= MIN_DRAWN_SIDE and bottom - top >= MIN_DRAWN_SIDE
    ):  # not a number fails here, too
        raise ActionRefused(_("The box is too small. Draw it around the whole face."))
    rows = ReferenceDraft.objects.filter(pk=draft.pk)
    rows.update(drawn=[left, top, right - left, bottom - top])
    enqueue_rows(rows)
    dispatch.send_task("look_at_draft", draft.pk)


def save_drafts(user: User, person: Person, chosen: Mapping[ReferenceDraft, int | None]) -> Event | None:
    """The chosen face of each picture becomes a reference; those without one are left out. All or nothing."""
    crops = {draft: _cut_draft_crop(draft, face) for draft, face in chosen.items() if face is not None}
    with transaction.atomic():
        made = [_create_draft_reference(user, person, draft, crop) for draft, crop in crops.items()]
        delete_drafts(ReferenceDraft.objects.filter(pk__in=[draft.pk for draft in chosen]))
        if not made:
            return None
        return record_event(
            user,
            "references.add",
            None,
            {"count": len(made), "person": person.name, "person_id": person.pk},
            undo={"references": [row.pk for row in made]},
            subjects={"person": [person.pk], "reference": [row.pk for row in made]},
        )


@dataclass(frozen=True, slots=True)
class DraftCrop:
    file: str
    sha256: str
    columns: dict[str, Any]  # of the reference


def _cut_draft_crop(draft: ReferenceDraft, number: int) -> DraftCrop:
    if not 0 <= number < len(draft.faces):
        raise ActionRefused(_("The faces of “%(name)s” have changed. Look again.") % {"name": draft.name})
    found = draft.faces[number]
    box = Box(*found["box"])
    region = read_region(
        draft.image.path, box.padded(REGION_MARGIN), get_upload_limits(), max_side=MAX_REGION_SIDE
    )
    file = build_reference_name(".jpg")
    jpeg = images.encode_pixels(region.pixels, form="JPEG", quality=95)
    face = Face(left=box.left, top=box.top, width=box.width, height=box.height, landmarks=found["landmarks"])
    columns = place_face_in_region(face, region) | {"quality": found["quality"], "score": found["score"]}
    return DraftCrop(file, write_file(file, jpeg), columns)


def _create_draft_reference(user: User, person: Person, draft: ReferenceDraft, crop: DraftCrop) -> Reference:
    reference = Reference.objects.create(
        person=person,
        image=crop.file,
        sha256=crop.sha256,
        source_sha256=draft.sha256,
        source_path=draft.name,
        status=Reference.Judgement.APPROVED,
        added_by=user,
        queued_at=timezone.now(),
        **crop.columns,
    )
    dispatch.send_task("embed_reference", reference.pk)
    return reference


def delete_drafts(drafts: Iterable[ReferenceDraft]) -> int:
    """Remove these, and their pictures once that is certain."""
    found = list(drafts)
    files = [str(draft.image) for draft in found]
    ReferenceDraft.objects.filter(pk__in=[draft.pk for draft in found]).delete()
    transaction.on_commit(lambda: _remove_files(files))
    return len(found)


def _remove_files(files: Iterable[str]) -> None:
    for file in files:
        remove_file(file)


def delete_old_drafts() -> int:
    """Drafts nobody saved, and files that no draft points to any more (their person was erased, say)."""
    old = timezone.now() - timedelta(days=DRAFT_RETENTION_DAYS)
    count = delete_drafts(ReferenceDraft.objects.filter(made_at__lt=old))
    known = set(ReferenceDraft.objects.values_list("image", flat=True))
    for path in (settings.MEDIA_ROOT / "drafts").glob("*"):
        name, hour = f"drafts/{path.name}", timezone.now().timestamp() - 3600
        if name not in known and path.stat().st_mtime < hour:
            remove_file(name)
    return count

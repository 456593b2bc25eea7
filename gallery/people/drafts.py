"""Pictures sent for a person: kept as drafts, corrected, then saved as references or deleted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import partial

from django.db import transaction
from django.utils.translation import gettext as _

from gallery.core.exceptions import ActionRefused, translate_error
from gallery.core.limits import get_upload_limits
from gallery.core.throttling import throttle_upload
from gallery.history.changeset import record_event
from gallery.history.erased import ask_before_return
from gallery.jobs import dispatch
from gallery.jobs.leases import enqueue_rows
from gallery.models import Event, Person, Reference, ReferenceDraft, User
from gallery.models.clock import get_site_time
from gallery.models.people import clean_name
from gallery.models.storage import build_draft_name, get_storage, remove_file, write_file
from gallery.people.crops import ReferenceCrop, read_reference_crop
from gallery.people.references import create_queued_reference
from gallery.photos.services import FILE_EXTENSIONS
from recognition.errors import ImageError
from recognition.images.sandbox import probe_photo

MIN_DRAWN_SIDE = 12  # pixels of a drawn box
DRAFT_RETENTION = timedelta(days=2)


def add_draft(user: User, person: Person, content: bytes, name: str) -> None:
    """Keep a picture to be looked at; nothing is searched by it yet. ActionRefused for what is not kept."""
    shown = clean_name(name)[:255] or _("picture")
    sha256 = hashlib.sha256(content).hexdigest()
    there = Reference.objects.filter(person=person, source_sha256=sha256)
    if there.exclude(status=Reference.Judgement.REJECTED).exists():  # what was rejected may be sent again
        raise ActionRefused(_("%(name)s is a reference of this person already.") % {"name": shown})
    if ReferenceDraft.objects.filter(person=person, sha256=sha256).exists():
        return
    try:
        with throttle_upload(user, len(content)):
            info = probe_photo(content, get_upload_limits())
    except ImageError as error:
        raise ActionRefused(f"{shown}: {translate_error(error)}") from error
    ask_before_return(user, sha256s=[sha256], file=shown)
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
            queued_at=get_site_time(),
        )
        dispatch.send_task("look_at_draft", draft.pk)


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
    crops = {draft: _read_draft_crop(draft, face) for draft, face in chosen.items() if face is not None}
    stored = {draft: crop.store() for draft, crop in crops.items()}
    with transaction.atomic():
        made = [
            create_queued_reference(
                person, user, source_sha256=draft.sha256, source_path=draft.name, **columns
            ).pk
            for draft, columns in stored.items()
        ]
        delete_drafts(ReferenceDraft.objects.filter(pk__in=[draft.pk for draft in chosen]))
        if not made:
            return None
        return record_event(
            user,
            "references.add",
            None,
            {"count": len(made), "person": person.label, "person_id": person.pk},
            undo={"references": made},
            subjects={"person": [person.pk], "reference": made},
        )


def _read_draft_crop(draft: ReferenceDraft, number: int) -> ReferenceCrop:
    if not 0 <= number < len(draft.faces):
        raise ActionRefused(_("The faces of “%(name)s” have changed. Look again.") % {"name": draft.name})
    return read_reference_crop(draft.image.path, draft.faces[number])


def delete_drafts(drafts: Iterable[ReferenceDraft]) -> int:
    """Remove these, and their pictures once that is certain."""
    found = list(drafts)
    ReferenceDraft.objects.filter(pk__in=[draft.pk for draft in found]).delete()
    for draft in found:
        transaction.on_commit(partial(remove_file, str(draft.image)))
    return len(found)


def delete_old_drafts() -> int:
    """Drafts nobody saved, and files that no draft points to any more (their person was erased, say)."""
    now = get_site_time()
    count = delete_drafts(ReferenceDraft.objects.filter(made_at__lt=now - DRAFT_RETENTION))
    known = set(ReferenceDraft.objects.values_list("image", flat=True))
    storage = get_storage()
    for file in storage.list_files("drafts"):
        if file.name not in known and storage.get_modified_time(file.name) < now - timedelta(hours=1):
            storage.delete(file.name)
    return count

"""Pictures sent for a person: kept as drafts, corrected, then saved as references or left out."""

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

from gallery import queue, quota, storage
from gallery.limits import limits
from gallery.models import Event, Face, Person, Reference, ReferenceDraft, User
from gallery.models.people import clean_name
from gallery.services import history
from gallery.services.errors import Refused
from gallery.services.faces.references import CROP_SIDE, MARGIN, place_in
from gallery.services.photos import EXTENSIONS
from recognition import images
from recognition.images import sandbox
from recognition.types import Box, ImageError

LEAST_SIDE = 12  # pixels of a drawn box
KEPT_DAYS = 2


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one file."""

    draft: ReferenceDraft | None
    says: str = ""  # why there is none


def add(user: User, person: Person, content: bytes, name: str) -> Sent:
    """Keep a picture to be looked at; nothing is searched by it yet."""
    shown = clean_name(name)[:255] or _("picture")
    if quota.is_over(user, len(content)):
        return Sent(None, quota.sentence())
    sha256 = hashlib.sha256(content).hexdigest()
    there = Reference.objects.filter(person=person, source_sha256=sha256)
    if there.exclude(status=Reference.Judgement.REJECTED).exists():  # what was rejected may be sent again
        return Sent(None, _("%(name)s is a reference of this person already.") % {"name": shown})
    found = ReferenceDraft.objects.filter(person=person, sha256=sha256).first()
    if found is not None:
        return Sent(found)
    try:
        info = sandbox.probe(content, limits())
    except ImageError as error:
        quota.count_refused(user)
        return Sent(None, f"{shown}: {error}")
    file = storage.draft_name(EXTENSIONS[info.kind])
    storage.write(file, content)
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
        queue.send("look_at_draft", draft.pk)
    return Sent(draft)


@transaction.atomic
def draw(draft: ReferenceDraft, box: tuple[float, float, float, float]) -> None:
    """Look for a face in this box: left, top, width, height in the picture's pixels."""
    left, top, width, height = box
    right, bottom = min(left + width, draft.width), min(top + height, draft.height)
    left, top = max(left, 0.0), max(top, 0.0)
    if not (right - left >= LEAST_SIDE and bottom - top >= LEAST_SIDE):  # not a number fails here, too
        raise Refused(_("The box is too small. Draw it around the whole face."))
    rows = ReferenceDraft.objects.filter(pk=draft.pk)
    rows.update(drawn=[left, top, right - left, bottom - top])
    queue.enqueue(rows)
    queue.send("look_at_draft", draft.pk)


def save(user: User, person: Person, chosen: Mapping[ReferenceDraft, int | None]) -> Event | None:
    """The chosen face of each picture becomes a reference; those without one are left out. All or nothing."""
    crops = {draft: _cut(draft, face) for draft, face in chosen.items() if face is not None}
    with transaction.atomic():
        made = [_store(user, person, draft, crop) for draft, crop in crops.items()]
        forget(ReferenceDraft.objects.filter(pk__in=[draft.pk for draft in chosen]))
        if not made:
            return None
        return history.record(
            user,
            "references.add",
            None,
            {"count": len(made), "person": person.name, "person_id": person.pk},
            undo={"references": [row.pk for row in made]},
            subjects={"person": [person.pk], "reference": [row.pk for row in made]},
        )


@dataclass(frozen=True, slots=True)
class Crop:
    file: str
    sha256: str
    columns: dict[str, Any]  # of the reference


def _cut(draft: ReferenceDraft, number: int) -> Crop:
    if not 0 <= number < len(draft.faces):
        raise Refused(_("The faces of “%(name)s” have changed. Look again.") % {"name": draft.name})
    found = draft.faces[number]
    box = Box(*found["box"])
    region = sandbox.read_region(storage.path(draft.image), box.padded(MARGIN), limits(), max_side=CROP_SIDE)
    file = storage.reference_name(".jpg")
    jpeg = images.encode(region.pixels, form="JPEG", quality=95)
    face = Face(left=box.left, top=box.top, width=box.width, height=box.height, landmarks=found["landmarks"])
    columns = place_in(face, region) | {"quality": found["quality"], "score": found["score"]}
    return Crop(file, storage.write(file, jpeg), columns)


def _store(user: User, person: Person, draft: ReferenceDraft, crop: Crop) -> Reference:
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
    queue.send("embed_reference", reference.pk)
    return reference


def forget(drafts: Iterable[ReferenceDraft]) -> int:
    """Remove these, and their pictures once that is certain."""
    found = list(drafts)
    files = [draft.image for draft in found]
    ReferenceDraft.objects.filter(pk__in=[draft.pk for draft in found]).delete()
    transaction.on_commit(lambda: _remove(files))
    return len(found)


def _remove(files: Iterable[str]) -> None:
    for file in files:
        storage.remove(file)


def forget_old() -> int:
    """Drafts nobody saved, and files that no draft points to any more (their person was erased, say)."""
    old = timezone.now() - timedelta(days=KEPT_DAYS)
    count = forget(ReferenceDraft.objects.filter(made_at__lt=old))
    known = set(ReferenceDraft.objects.values_list("image", flat=True))
    for path in (settings.MEDIA_ROOT / "drafts").glob("*"):
        name, hour = f"drafts/{path.name}", timezone.now().timestamp() - 3600
        if name not in known and path.stat().st_mtime < hour:
            storage.remove(name)
    return count

"""Older photos follow the gallery: undecided faces are searched again, and changed names are listed.

No photo is opened; the stored embeddings are searched. What a person decided is never touched.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from gallery import engine, queries
from gallery.models import Build, Decision, Face, GalleryChange, NameChange, SiteSetting
from gallery.pipeline import live
from gallery.pipeline.naming import name_faces
from recognition.types import Embedder

PART = 200  # faces searched and written in one transaction
LATE = timedelta(seconds=90)  # a change this old should have been followed; by then it is settled too
BEAT = "follow"  # the SiteSetting that a running pass touches


def is_due() -> bool:
    """Whether faces have not followed changes they should have, as after a lost message, and none is at it."""
    recipe = queries.setting(queries.SERVING)
    if not isinstance(recipe, dict):
        return False
    old = timezone.now() - LATE
    if SiteSetting.objects.filter(pk=BEAT, changed_at__gt=old).exists():
        return False
    settled = GalleryChange.objects.filter(embedder_id=recipe["id"], at__lt=old).order_by("-pk")
    newest = settled.values_list("pk", flat=True).first() or 0
    faces = queries.undecided_faces().filter(embedder_id=recipe["id"], searched_change__lt=newest)
    return faces.exists()


def follow_gallery(*, is_all: bool = False) -> int:
    """Search undecided faces again that have not seen the latest changes (or all); how many names changed.

    It can be stopped and started at any point: each part says how far its faces have followed.
    """
    embedder = engine.serving()
    follower = live.follower(embedder)
    follower.refresh()
    rows = queries.undecided_faces().filter(embedder_id=embedder.id).order_by("pk")
    if not is_all:
        rows = rows.filter(searched_change__lt=follower.horizon)
    build = queries.active_build(embedder.id)
    changed = last = 0
    while ids := list(rows.filter(pk__gt=last).values_list("pk", flat=True)[:PART]):
        changed += _search_part(ids, embedder, build)
        last = ids[-1]
    return changed


@transaction.atomic
def _search_part(ids: list[int], embedder: Embedder, build: Build | None) -> int:
    SiteSetting.objects.update_or_create(key=BEAT, defaults={"value": ids[-1]})
    rows = Face.objects.select_for_update().filter(pk__in=ids, decision=Decision.NONE)
    faces = list(rows.filter(embedder_id=embedder.id))
    before = {face.pk: (face.person_id, face.state) for face in faces}
    name_faces(faces, embedder)
    changes = [
        NameChange(
            build=build,
            photo_id=face.photo_id,
            face=face,
            old_person_id=before[face.pk][0],
            old_state=before[face.pk][1],
            new_person_id=face.person_id,
            new_state=face.state,
        )
        for face in faces
        if face.person_id != before[face.pk][0]
    ]
    NameChange.objects.bulk_create(changes)
    return len(changes)

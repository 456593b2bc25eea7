"""Faces searched again: older photos follow the gallery, and decisions reach the look-alikes of a face.

No photo is opened; the stored embeddings are searched. What a person decided is never touched."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from gallery.faces.naming import name_faces, propose_look_alikes
from gallery.index import engine, live
from gallery.index.selectors import SERVING_RECIPE_KEY, get_active_build
from gallery.models import Build, Candidate, Face, GalleryChange, NameChange, SiteSetting
from gallery.models.history import get_site_setting
from recognition.types import Embedder

FACES_PER_TRANSACTION = 200  # faces searched and written in one transaction
MAX_FOLLOW_DELAY = timedelta(
    seconds=90
)  # a change this old should have been followed; by then it is settled too
FOLLOW_HEARTBEAT_KEY = "follow"  # the SiteSetting that a running pass touches


def is_following_due() -> bool:
    """Whether faces have not followed changes they should have, as after a lost message, and none is at it."""
    recipe = get_site_setting(SERVING_RECIPE_KEY)
    if not isinstance(recipe, dict):
        return False
    old = timezone.now() - MAX_FOLLOW_DELAY
    if SiteSetting.objects.filter(pk=FOLLOW_HEARTBEAT_KEY, changed_at__gt=old).exists():
        return False
    settled = GalleryChange.objects.filter(embedder_id=recipe["id"], at__lt=old).order_by("-pk")
    newest = settled.values_list("pk", flat=True).first() or 0
    faces = (
        Face.objects.undecided().outside_trash().filter(embedder_id=recipe["id"], searched_change__lt=newest)
    )
    return faces.exists()


def follow_gallery(*, is_all: bool = False) -> int:
    """Search undecided faces again that have not seen the latest changes (or all); how many names changed.

    It can be stopped and started at any point: each part says how far its faces have followed.
    """
    embedder = engine.get_serving_embedder()
    follower = live.get_index_follower(embedder)
    follower.refresh()
    rows = Face.objects.undecided().outside_trash().filter(embedder_id=embedder.id).order_by("pk")
    if not is_all:
        rows = rows.filter(searched_change__lt=follower.horizon)
    build = get_active_build(embedder.id)
    changed = last = 0
    while ids := list(rows.filter(pk__gt=last).values_list("pk", flat=True)[:FACES_PER_TRANSACTION]):
        changed += _search_part_again(ids, embedder, build)
        last = ids[-1]
    return changed


@transaction.atomic
def _search_part_again(ids: list[int], embedder: Embedder, build: Build | None) -> int:
    SiteSetting.objects.update_or_create(key=FOLLOW_HEARTBEAT_KEY, defaults={"value": ids[-1]})
    rows = Face.objects.undecided().select_for_update().filter(pk__in=ids)
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


FACES_PER_SEARCH = 200  # faces searched in one transaction


def search_faces_again(face_ids: Collection[int]) -> int:
    """Search faces without a decision from their stored embeddings; how many there were."""
    embedder = engine.get_serving_embedder()
    live.get_index_follower(embedder).refresh()  # may take a while, so not in the transaction
    ids, done = sorted(face_ids), 0
    for start in range(0, len(ids), FACES_PER_SEARCH):
        with transaction.atomic():
            rows = Face.objects.select_for_update().filter(pk__in=ids[start : start + FACES_PER_SEARCH])
            faces = list(rows.undecided().filter(embedder_id=embedder.id))
            name_faces(faces, embedder)
            done += len(faces)
    return done


def spread_decisions(face_ids: Collection[int]) -> int:
    """Take decisions to the look-alikes of these faces; how many of them were searched anew.

    Look-alikes of confirmed faces are proposed the name. Proposals that rest on a face which is no longer
    confirmed as that person are withdrawn.
    """
    embedder = engine.get_serving_embedder()
    resting = set(Candidate.objects.filter(look_alike__in=face_ids).values_list("face_id", flat=True))
    proposals = propose_look_alikes(face_ids, embedder, engine.get_decision_bounds(embedder).unsure)
    ids, done = sorted(resting | set(proposals)), 0
    live.get_index_follower(embedder).refresh()
    for start in range(0, len(ids), FACES_PER_SEARCH):
        with transaction.atomic():
            rows = Face.objects.select_for_update().filter(pk__in=ids[start : start + FACES_PER_SEARCH])
            faces = list(rows.undecided().filter(embedder_id=embedder.id))
            name_faces(faces, embedder, proposals)
            done += len(faces)
    return done

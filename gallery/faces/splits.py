"""Groups of unknown faces that people split: what was said to be somebody else never comes into the group again.

Here stands also how groups are called, and the lock that all hold who change them. Loads no model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext_lazy

from gallery.core.exceptions import ActionRefused
from gallery.faces.decisions import FaceGroupResult
from gallery.history.changeset import ChangeSet, apply_effects, record_event
from gallery.models import Decision, Face, FaceSplit, FaceSplitSide, SiteSetting, User
from gallery.models.querysets import among_ids

NO_FACE = 2**40  # more than any face's id
LOCK_KEY = "face_groups"  # the SiteSetting whose row is held by whoever groups


def hold_grouping_lock() -> None:
    """Until the transaction ends, nobody else groups faces."""
    SiteSetting.objects.get_or_create(key=LOCK_KEY, defaults={"value": ""})
    SiteSetting.objects.select_for_update().get(pk=LOCK_KEY)


def find_free_key(ids: list[int]) -> int:
    """The oldest of these faces after which no cluster of others is called."""
    named = Q(cluster__in=ids) | Q(cluster__in=[-pk for pk in ids])
    others = Face.objects.filter(named).exclude(pk__in=ids).values_list("cluster", flat=True)
    return choose_free_key(ids, {abs(key) for key in others if key})


def choose_free_key(ids: list[int], taken: Collection[int]) -> int:
    """The first of these that is not taken; or a number that is no face's, where all have left clusters called so."""
    return next((pk for pk in ids if pk not in taken), NO_FACE + ids[0])


def read_sides(faces: Collection[int] | None = None) -> dict[int, set[int]]:
    """The splits that these faces, or all, take part in: n for those that stayed, -n for those said to be others."""
    rows = FaceSplitSide.objects.all()
    rows = rows if faces is None else rows.filter(face__in=among_ids(faces))
    sides: dict[int, set[int]] = defaultdict(set)
    for face, split, is_apart in rows.values_list("face", "split", "is_apart"):
        sides[face].add(-split if is_apart else split)
    return dict(sides)


def list_people_told_apart(faces: Collection[int]) -> QuerySet[FaceSplitSide, tuple[int, int]]:
    """Each of these faces with the people that faces of the other side of a split were named as by somebody."""
    opposite = Q(is_apart=True, split__sides__is_apart=False) | Q(is_apart=False, split__sides__is_apart=True)
    named = FaceSplitSide.objects.filter(
        opposite, split__sides__face__in=among_ids(faces), face__decision=Decision.CONFIRMED
    )
    return named.values_list("split__sides__face", "face__person")


def split_face_group(
    user: User, apart: Collection[int], others: Collection[int], seen: dict[int, int]
) -> FaceGroupResult:
    """Say that the faces `apart` are not the people of the others; where they share a cluster, they get their own.

    `seen` are the revisions the page showed. Faces that somebody has named, decided on or changed since are left out
    and reported.
    """
    changes = ChangeSet()
    with transaction.atomic():
        hold_grouping_lock()
        rows = Face.objects.unnamed().select_for_update(of=("self",)).order_by("pk")
        found = [
            face
            for face in rows.filter(pk__in={*apart, *others}).only("pk", "cluster", "photo", "revision")
            if seen.get(face.pk, face.revision) == face.revision
        ]
        leaving = [face for face in found if face.pk in apart]
        staying = [face for face in found if face.pk not in apart]
        if not leaving or not staying:
            raise ActionRefused(_("Nothing is left to tell apart: there must be faces on both sides."))
        split = FaceSplit(by=user)
        changes.create(split)
        for face in found:
            changes.create(FaceSplitSide(split=split, face=face, is_apart=face.pk in apart))
        for cluster in sorted({face.cluster for face in staying if face.cluster is not None}):
            if ids := [face.pk for face in leaving if face.cluster == cluster]:
                key = find_free_key(ids)
                changes.update(Face.objects.filter(pk__in=ids), cluster=key if cluster > 0 else -key)
        apply_effects(changes)
        ids, photos = [face.pk for face in leaving], {face.photo_id for face in leaving}
        event = record_event(
            user,
            "face.split",
            None,
            {"count": len(ids), "photos": len(photos)},
            undo=changes,
            subjects={"face": ids, "photo": photos},
        )
    return FaceGroupResult(event, ids, sorted({*apart, *others}.difference(face.pk for face in found)))


EVENT_DESCRIPTIONS = {
    "face.split": ngettext_lazy(
        "said that %(count)s unknown face is somebody else",
        "said that %(count)s unknown faces are somebody else",
        "count",
    ),
}

"""After a change of an embedder's recipe that only turned and dark faces feel: other vectors go on under its new id.

With them go calibrations, findings and the feed of changes. Turned and dark references and faces are left to be
embedded anew by the switch of embedders, unless there is no picture to do it from. Until the index is built again,
which is asked for, references are compared one by one."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q

from gallery.index.selectors import SERVING_RECIPE_KEY
from gallery.jobs import dispatch
from gallery.models import (
    Build,
    Calibration,
    Decision,
    Erasure,
    Face,
    Finding,
    GalleryChange,
    Reference,
    ReferenceVector,
    SiteSetting,
    Status,
)
from gallery.models.clock import get_database_time
from gallery.models.index import IndexContents
from gallery.models.storage import INDEX_AREA, get_storage

# Those of recognition.embedders.prepare; stored figures are rounded, so rather a few too many.
TURNED_Q = Q(quality__roll__gt=44.5) | Q(quality__roll__lt=-44.5)
DARK_Q = Q(quality__exposure__lt=0.0605) | Q(quality__contrast__lt=0.0255, quality__exposure__lt=0.351)


@transaction.atomic
def carry_over_vectors(old: str, new: str) -> None:
    """Whoever comes second finds nothing left to do; killed in between, nothing has happened."""
    recipe = SiteSetting.objects.select_for_update().filter(pk=SERVING_RECIPE_KEY).first()
    is_serving = recipe is not None and recipe.value["id"] == old
    vectors = ReferenceVector.objects.filter(embedder_id=old)
    if not is_serving and not vectors.exists():
        return
    vectors.filter(reference__vectors__embedder_id=new).delete()
    vectors.update(embedder_id=new)
    altered = Reference.objects.filter(TURNED_Q | DARK_Q, box__isnull=False)
    ReferenceVector.objects.filter(embedder_id=new, reference__in=altered).delete()
    _carry_over_faces(old, new)
    for model in (Calibration, Finding, GalleryChange, Build):
        model._default_manager.filter(embedder_id=old).update(embedder_id=new)
    for erasure in Erasure.objects.exclude(work=Status.DONE):
        builds = erasure.todo.get("builds", {})
        if old in builds:
            builds[new] = max(builds.pop(old), builds.get(new, 0))
            erasure.save(update_fields=["todo"])
    if recipe and is_serving:
        recipe.value["id"] = new
        recipe.save()
    _drop_builds(old, new)


def _carry_over_faces(old: str, new: str) -> None:
    """Faces that are left under the old id, and dark ones that had no vector, are looked at again."""
    faces = Face.objects.filter(embedder_id=old)
    faces.update(embedder_id=new)
    Face.objects.filter(TURNED_Q | DARK_Q, embedder_id=new).update(embedder_id=old)
    refused = Face.objects.filter(embedder_id="", is_usable=False, quality__reason="dark", is_erased=False)
    refused.exclude(decision=Decision.NOT_A_FACE).update(embedder_id=old)


def _drop_builds(old: str, new: str) -> None:
    """Files of the index say whose vectors they hold, and are refused under another id."""
    Build.objects.filter(embedder_id=new, directory__startswith=f"{old}/").update(
        is_active=False, directory=""
    )
    Build.objects.filter(embedder_id=new, directory__startswith=f"milvus:{old}/").update(is_active=False)
    queued = Build.objects.filter(embedder_id=new, work=Status.QUEUED, contents=IndexContents.REFERENCES)
    if not queued.exists():
        build = Build.objects.create(embedder_id=new, queued_at=get_database_time(), reason="recipe changed")
        dispatch.send_task("run_build", build.pk)
    dispatch.send_task("switch_embedder")
    transaction.on_commit(lambda: get_storage(INDEX_AREA).delete_folder(old))

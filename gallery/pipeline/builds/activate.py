"""Which build serves: one write decides, forwards and back."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from gallery import engine, queue
from gallery.models import Build, SiteSetting, Status
from recognition.index import Index
from recognition.types import RecognitionError


class NoEarlierBuild(RecognitionError):
    """There is nothing to go back to."""


def activate(build: Build) -> None:
    """Make the finished build the one that serves; queue.LeaseLost, and no change, if it is no longer ours."""
    with transaction.atomic():
        _serve(build)
        build.progress, build.step = 1, ""
        build.save(update_fields=[*FIGURES, "progress", "step"])
        queue.finish(build, Status.DONE)
        _remember_embedder(build.embedder_id)
        queue.send("follow_gallery")
        queue.send("check_gallery")


def _remember_embedder(embedder_id: str) -> None:
    """The first embedder that serves; later ones take over in `pipeline.switch`."""
    recipe = engine.recipe()
    if recipe["id"] == embedder_id:
        SiteSetting.objects.get_or_create(key=engine.SERVING, defaults={"value": recipe})


FIGURES: tuple[str, ...] = (
    "directory",
    "upto_change",
    "vectors",
    "dimension",
    "index_key",
    "index_param",
    "size",
    "recall",
)
FIGURES += ("milliseconds", "figures")


def _serve(build: Build) -> None:
    Build.objects.filter(embedder_id=build.embedder_id, is_active=True).update(is_active=False)
    Build.objects.filter(pk=build.pk).update(is_active=True)
    build.is_active = True


def earlier_build(embedder_id: str) -> Build | None:
    """The build to go back to: the newest that was kept and does not serve."""
    kept = Build.objects.filter(embedder_id=embedder_id, work=Status.DONE, is_active=False)
    return kept.exclude(directory="").order_by("-pk").first()


def roll_back(embedder_id: str) -> Build:
    """Let the build before the active one serve again. What has changed since it was made still counts.

    Raises NoEarlierBuild, or IndexUnusable when its files are broken; nothing has changed then.
    """
    build = earlier_build(embedder_id)
    if build is None:
        raise NoEarlierBuild(_("No earlier build is kept, so there is nothing to go back to."))
    Index.load(settings.INDEX_ROOT / build.directory, embedder_id)
    with transaction.atomic():
        _serve(build)
        queue.send("follow_gallery")
    return build

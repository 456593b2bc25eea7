"""This room's Celery tasks."""

from __future__ import annotations

import logging

from gallery.faces import clustering, naming, processing, regrouping
from gallery.jobs.tasks import register_task
from recognition.errors import IndexAway

log = logging.getLogger(__name__)


@register_task("process_photo")
def process_photo(pk: int) -> None:
    processing.process_photo(pk)


@register_task("embed_face")
def embed_face(pk: int) -> None:
    processing.embed_drawn_face(pk)


@register_task("group_new_faces")
def group_new_faces() -> None:
    try:
        clustering.cluster_new_faces()
    except IndexAway as error:  # the sweep sends this again
        log.info("Unknown faces wait: %s", error)


@register_task("regroup_faces")
def regroup_faces(pk: int) -> None:
    regrouping.run_grouping(pk)


@register_task("follow_gallery")
def follow_gallery(is_all: bool = False) -> None:
    """Search undecided faces again after the gallery, or with `is_all` the bounds, changed."""
    try:
        naming.follow_gallery(is_all=is_all)
    except IndexAway as error:
        log.warning("Older faces wait: %s", error)

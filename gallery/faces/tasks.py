"""This room's Celery tasks."""

from __future__ import annotations

from gallery.faces import clustering, naming, processing
from gallery.jobs.tasks import register_task


@register_task("process_photo")
def process_photo(pk: int) -> None:
    processing.process_photo(pk)


@register_task("embed_face")
def embed_face(pk: int) -> None:
    processing.embed_drawn_face(pk)


@register_task("group_new_faces")
def group_new_faces() -> None:
    clustering.cluster_new_faces()


@register_task("follow_gallery")
def follow_gallery(is_all: bool = False) -> None:
    """Search undecided faces again after the gallery, or with `is_all` the bounds, changed."""
    naming.follow_gallery(is_all=is_all)

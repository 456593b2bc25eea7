"""This room's Celery tasks."""

from __future__ import annotations

from gallery.faces.clustering import cluster_all_faces
from gallery.faces.naming import search_faces_again, spread_decisions
from gallery.jobs.tasks import register_task
from gallery.people.processing import advance_embedder_switch, process_draft, process_reference
from gallery.people.references import add_references_from_faces


@register_task("embed_reference")
def embed_reference(pk: int) -> None:
    process_reference(pk)


@register_task("look_at_draft")
def look_at_draft(pk: int) -> None:
    process_draft(pk)


@register_task("follow_faces")
def follow_faces(pks: list[int]) -> None:
    """After decisions on faces: search them again, make references of them, ask about their look-alikes."""
    reopened = search_faces_again(pks)
    add_references_from_faces(pks)
    spread_decisions(pks)
    if reopened:
        cluster_all_faces()


@register_task("switch_embedder")
def switch_embedder() -> None:
    """One step towards the wished embedder, if another one is serving."""
    advance_embedder_switch()

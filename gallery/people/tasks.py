"""This room's Celery tasks."""

from __future__ import annotations

from typing import Any

from celery.signals import worker_ready

from gallery.faces.clustering import follow_ignored_faces
from gallery.faces.naming import search_faces_again, spread_decisions
from gallery.index.switch import is_switch_running
from gallery.jobs import dispatch
from gallery.jobs.tasks import register_task
from gallery.people.processing import advance_embedder_switch, process_draft, process_reference
from gallery.people.references import add_references_from_faces

SECONDS_BETWEEN_STEPS = 1.0


@register_task("embed_reference")
def embed_reference(pk: int) -> None:
    process_reference(pk)


@register_task("look_at_draft")
def look_at_draft(pk: int) -> None:
    process_draft(pk)


@register_task("follow_faces")
def follow_faces(pks: list[int]) -> None:
    """After decisions on faces: search them again, make references of them, ask about their look-alikes."""
    search_faces_again(pks)
    add_references_from_faces(pks)
    spread_decisions(pks)
    follow_ignored_faces(pks)


@register_task("switch_embedder")
def switch_embedder(is_next: bool = False) -> None:
    """One step towards the chosen embedder, if another one is serving; the next one follows without a pause."""
    if not is_next and is_switch_running():
        return
    if advance_embedder_switch():
        dispatch.send_task("switch_embedder", True, countdown=SECONDS_BETWEEN_STEPS)


@worker_ready.connect
def begin_switch_at_start(sender: Any, **_: object) -> None:
    """Settings may have changed: the scheduler's first turn is a minute away."""
    sender.app.send_task("switch_embedder", retry=False)

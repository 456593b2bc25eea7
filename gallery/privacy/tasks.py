"""This room's Celery tasks."""

from __future__ import annotations

from gallery.jobs.tasks import register_task
from gallery.privacy.erasure_cleanup import finish_erasure
from gallery.privacy.person_export import run_person_export
from gallery.privacy.retention import delete_expired_records


@register_task("erase")
def erase(pk: int) -> None:
    """After an erasure: clear files, builds, exports and the database's own remains."""
    finish_erasure(pk)


@register_task("make_person_export")
def make_person_export(pk: int) -> None:
    run_person_export(pk)


@register_task("forget_old")
def forget_old() -> None:
    delete_expired_records()

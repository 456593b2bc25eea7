"""Imports the Celery tasks of all rooms, and defines the sweep, which sends what is waiting."""

from __future__ import annotations

from gallery.curation import tasks as curation_tasks
from gallery.faces import tasks as faces_tasks
from gallery.faces.clustering import is_clustering_due
from gallery.faces.naming import is_following_due
from gallery.faces.processing import list_unembedded_drawn_faces
from gallery.index import tasks as index_tasks
from gallery.index import worker_memory  # noqa: F401 -- listens to the worker's start
from gallery.index.builds import is_engine_switch_due, is_face_build_due
from gallery.index.change_writer import is_writing_due
from gallery.jobs import dispatch
from gallery.jobs.leases import recover_expired_leases
from gallery.jobs.registry import JOB_KINDS
from gallery.jobs.tasks import register_task
from gallery.maintenance import tasks as maintenance_tasks
from gallery.models.index import IndexContents
from gallery.people import tasks as people_tasks
from gallery.privacy import tasks as privacy_tasks
from gallery.privacy.erasure_cleanup import revive_erasures
from gallery.privacy.retention import lapse_consents

TASK_MODULES = (
    faces_tasks,
    people_tasks,
    index_tasks,
    curation_tasks,
    maintenance_tasks,
    privacy_tasks,
)


@register_task("sweep")
def sweep() -> None:
    """Send what is waiting: after lost messages and dead workers, and delayed jobs that are due."""
    for kind in JOB_KINDS.values():
        recover_expired_leases(kind.model._default_manager.all())
    revive_erasures()
    for kind in JOB_KINDS.values():
        for pk in kind.list_due():
            dispatch.send_task(kind.task, pk)
    if is_clustering_due():
        dispatch.send_task("group_new_faces")
    if is_face_build_due():
        dispatch.send_task("request_build", "faces changed", None, True, IndexContents.FACES)
    if is_engine_switch_due():
        dispatch.send_task("request_build", "another engine", None, True)
    if is_writing_due():
        dispatch.send_task("write_index_changes")
    for pk in list_unembedded_drawn_faces():
        dispatch.send_task("embed_face", pk)
    if is_following_due():
        dispatch.send_task("follow_gallery")
    lapse_consents()

"""Celery's entry points: load nothing, call one pipeline function, leave retrying to leases and the sweep."""

from __future__ import annotations

from celery import shared_task

from gallery import queue
from gallery.models import Build, Photo, Reference, User


@shared_task(name="gallery.tasks.process_photo")
def process_photo(pk: int) -> None:
    from gallery.pipeline import photos

    photos.process_photo(pk)


@shared_task(name="gallery.tasks.embed_reference")
def embed_reference(pk: int) -> None:
    from gallery.pipeline import references

    references.embed_reference(pk)


@shared_task(name="gallery.tasks.embed_face")
def embed_face(pk: int) -> None:
    from gallery.pipeline import faces

    faces.embed_face(pk)


@shared_task(name="gallery.tasks.follow_faces")
def follow_faces(pks: list[int]) -> None:
    """After decisions on faces: search them again, make references of them, ask about their look-alikes."""
    from gallery.pipeline import faces, grouping
    from gallery.services.faces.references import make_references

    reopened = faces.search_again(pks)
    make_references(pks)
    faces.spread(pks)
    if reopened:
        grouping.group_faces()


@shared_task(name="gallery.tasks.group_new_faces")
def group_new_faces() -> None:
    from gallery.pipeline import grouping

    grouping.group_new_faces()


@shared_task(name="gallery.tasks.request_build")
def request_build(reason: str = "", user: int | None = None, *, is_now: bool = False) -> None:
    from gallery.pipeline import builds

    asked_by = User.objects.filter(pk=user).first() if user else None
    builds.request_build(reason, asked_by, delay=0 if is_now else builds.DEBOUNCE)


@shared_task(name="gallery.tasks.run_build")
def run_build(pk: int) -> None:
    from gallery.pipeline import builds

    builds.run_build(pk)


@shared_task(name="gallery.tasks.sweep")
def sweep() -> None:
    """Send again what waits: lost messages, dead workers, delayed work that is due."""
    from gallery import queries
    from gallery.pipeline import faces, grouping

    if not queries.is_paused():
        for pk in queue.waiting(Photo.objects.filter(trashed_at__isnull=True), limit=50):
            process_photo.delay(pk)
    if grouping.is_due():
        group_new_faces.delay()
    for pk in faces.unfinished_drawings():
        embed_face.delay(pk)
    for pk in queue.waiting(Reference.objects.all(), limit=50):
        embed_reference.delay(pk)
    for pk in queue.waiting(Build.objects.all(), limit=1):
        run_build.delay(pk)
    for rows in (Photo.objects.all(), Reference.objects.all(), Build.objects.all()):
        queue.set_aside(rows)

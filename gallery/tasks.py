"""Celery's entry points: load nothing, call one pipeline function, leave retrying to leases and the sweep."""

from __future__ import annotations

import logging

from celery import Task, shared_task
from celery.signals import task_postrun, task_prerun, worker_process_init, worker_process_shutdown

from gallery import queue
from gallery.models import Build, BulkAct, PersonExport, Photo, Reference, ReferenceDraft, User, Work
from recognition.types import RecognitionError

log = logging.getLogger(__name__)


@worker_process_init.connect
def say_alive(**_: object) -> None:
    """Each worker process, once it has forked."""
    from gallery import beats

    beats.keep_beating("worker")


@worker_process_shutdown.connect
def say_goodbye(**_: object) -> None:
    from gallery import beats

    beats.end()


@task_prerun.connect
def say_begun(task: Task[..., None], **_: object) -> None:
    """Rows under work are known by their leases; this is for work that has none, as checking the gallery."""
    from gallery import beats

    beats.doing(task.name.rpartition(".")[2])


@task_postrun.connect
def say_done(**_: object) -> None:
    from gallery import beats

    beats.doing("")


@shared_task(name="gallery.tasks.process_photo")
def process_photo(pk: int) -> None:
    from gallery.pipeline import photos

    photos.process_photo(pk)


@shared_task(name="gallery.tasks.embed_reference")
def embed_reference(pk: int) -> None:
    from gallery.pipeline import references

    references.embed_reference(pk)


@shared_task(name="gallery.tasks.look_at_draft")
def look_at_draft(pk: int) -> None:
    from gallery.pipeline import drafts

    drafts.look_at(pk)


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
def request_build(reason: str = "", user: int | None = None, is_now: bool = False) -> None:
    from gallery.pipeline import builds

    if is_now:
        builds.request_build(reason, User.objects.filter(pk=user or 0).first(), delay=0)
    else:
        builds.gallery_changed(reason)


@shared_task(name="gallery.tasks.run_build")
def run_build(pk: int) -> None:
    from gallery.pipeline import builds

    builds.run_build(pk)


@shared_task(name="gallery.tasks.run_bulk")
def run_bulk(pk: int) -> None:
    from gallery.services import bulk

    bulk.run(pk)


@shared_task(name="gallery.tasks.roll_back")
def roll_back() -> None:
    from gallery import engine
    from gallery.pipeline import builds

    try:
        builds.roll_back(engine.serving().id)
    except RecognitionError as error:
        log.error("The index was not rolled back: %s", error)


@shared_task(name="gallery.tasks.erase")
def erase(pk: int) -> None:
    """After an erasure: clear files, builds, exports and the database's own remains."""
    from gallery.pipeline import erasing
    from gallery.services.erasing import note_backups

    erasing.finish(pk, note_backups)


@shared_task(name="gallery.tasks.follow_gallery")
def follow_gallery(is_all: bool = False) -> None:
    """Search undecided faces again after the gallery, or with `is_all` the bounds, changed."""
    from gallery.pipeline import renaming

    renaming.follow_gallery(is_all=is_all)


@shared_task(name="gallery.tasks.switch_embedder")
def switch_embedder() -> None:
    """One step towards the wished embedder, if another one is serving."""
    from gallery.pipeline import switch

    switch.step()


@shared_task(name="gallery.tasks.forget_old")
def forget_old() -> None:
    from gallery.services import retention

    retention.forget_old()


@shared_task(name="gallery.tasks.make_person_export")
def make_person_export(pk: int) -> None:
    from gallery.services import person_exports

    person_exports.make(pk)


@shared_task(name="gallery.tasks.verify_index")
def verify_index() -> None:
    from gallery import chores
    from gallery.pipeline import verifying

    with chores.doing("verify_index") as result:
        found = verifying.verify(mend=True)
        result.update(found.as_json())
        if not found.is_sound:
            log.error("The index differed from the database: %s", found.as_json())


@shared_task(name="gallery.tasks.check_gallery")
def check_gallery() -> None:
    from gallery import chores
    from gallery.pipeline import checking

    with chores.doing("check_gallery") as result:
        result["found"] = checking.check_gallery()


@shared_task(name="gallery.tasks.measure_gallery")
def measure_gallery(false_name_rate: float) -> None:
    from gallery.pipeline import measuring

    measuring.measure_gallery(false_name_rate)


def _see_to_privacy() -> None:
    """Consents that have just run out, and files about people that somebody waits for."""
    from gallery.services import lapsing

    lapsing.lapse_consents()
    for pk in queue.waiting(PersonExport.objects.all(), limit=5):
        make_person_export.delay(pk)


@shared_task(name="gallery.tasks.make_backup")
def make_backup() -> None:
    from gallery.backup import schedule

    if not schedule.is_running():  # else it stays asked for, and `look_after_data` finds it
        schedule.run()


@shared_task(name="gallery.tasks.check_files")
def check_files(is_mending: bool = False) -> None:
    from gallery import filecheck

    filecheck.run(is_mending=is_mending)


@shared_task(name="gallery.tasks.look_after_data")
def look_after_data() -> None:
    """Every few minutes: a backup and the check of files, if they are due or a wish for them was lost."""
    from gallery import filecheck
    from gallery.backup import schedule

    if schedule.is_due():
        schedule.run()
    if filecheck.is_due():
        filecheck.run()


@shared_task(name="gallery.tasks.sweep")
def sweep() -> None:
    """Send again what waits: lost messages, dead workers, delayed work that is due."""
    from gallery import queries
    from gallery.pipeline import faces, grouping, renaming

    for kind in Work.__subclasses__():
        queue.recover(kind._default_manager.all())
    if not queries.is_paused():
        for pk in queue.waiting(Photo.objects.filter(trashed_at__isnull=True), limit=50):
            process_photo.delay(pk)
    if grouping.is_due():
        group_new_faces.delay()
    for pk in faces.unfinished_drawings():
        embed_face.delay(pk)
    _send_what_curators_asked()
    _go_on_erasing()
    if renaming.is_due():
        follow_gallery.delay()
    for pk in queue.waiting(Build.objects.all(), limit=1):
        run_build.delay(pk)
    _see_to_privacy()


def _send_what_curators_asked() -> None:
    """Pictures to look at, references to embed, acts on many to go on with."""
    for pk in queue.waiting(Reference.objects.all(), limit=50):
        embed_reference.delay(pk)
    for pk in queue.waiting(ReferenceDraft.objects.all(), limit=50):
        look_at_draft.delay(pk)
    for pk in queue.waiting(BulkAct.objects.filter(confirmed_at__isnull=False), limit=5):
        run_bulk.delay(pk)


def _go_on_erasing() -> None:
    from gallery.pipeline import erasing

    erasing.revive()
    for pk in erasing.waiting():
        erase.delay(pk)

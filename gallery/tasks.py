"""Celery's entry points: load nothing, call one pipeline function, leave retrying to leases and the sweep."""

from __future__ import annotations

import logging

from celery import Task, shared_task
from celery.signals import task_postrun, task_prerun, worker_process_init, worker_process_shutdown

from gallery.jobs import leases
from gallery.jobs.leases import recover_expired_leases
from gallery.models import Build, BulkAct, PersonExport, Photo, Reference, ReferenceDraft, User, Work
from recognition.errors import RecognitionError

log = logging.getLogger(__name__)


@worker_process_init.connect
def say_alive(**_: object) -> None:
    """Each worker process, once it has forked."""
    from gallery.jobs.heartbeats import start_heartbeat_thread

    start_heartbeat_thread("worker")


@worker_process_shutdown.connect
def say_goodbye(**_: object) -> None:
    from gallery.jobs.heartbeats import stop_heartbeats

    stop_heartbeats()


@task_prerun.connect
def say_begun(task: Task[..., None], **_: object) -> None:
    """Rows under work are known by their leases; this is for work that has none, as checking the gallery."""
    from gallery.jobs.heartbeats import set_current_task

    set_current_task(task.name.rpartition(".")[2])


@task_postrun.connect
def say_done(**_: object) -> None:
    from gallery.jobs.heartbeats import set_current_task

    set_current_task("")


@shared_task(name="gallery.tasks.process_photo")
def process_photo(pk: int) -> None:
    from gallery.faces import processing

    processing.process_photo(pk)


@shared_task(name="gallery.tasks.embed_reference")
def embed_reference(pk: int) -> None:
    from gallery.people.embedding import process_reference

    process_reference(pk)


@shared_task(name="gallery.tasks.look_at_draft")
def look_at_draft(pk: int) -> None:
    from gallery.people.draft_detection import process_draft

    process_draft(pk)


@shared_task(name="gallery.tasks.embed_face")
def embed_face(pk: int) -> None:
    from gallery.faces.drawn import embed_drawn_face

    embed_drawn_face(pk)


@shared_task(name="gallery.tasks.follow_faces")
def follow_faces(pks: list[int]) -> None:
    """After decisions on faces: search them again, make references of them, ask about their look-alikes."""
    from gallery.faces.clustering import cluster_all_faces
    from gallery.faces.renaming import search_faces_again, spread_decisions
    from gallery.people.references import add_references_from_faces

    reopened = search_faces_again(pks)
    add_references_from_faces(pks)
    spread_decisions(pks)
    if reopened:
        cluster_all_faces()


@shared_task(name="gallery.tasks.group_new_faces")
def group_new_faces() -> None:
    from gallery.faces.clustering import cluster_new_faces

    cluster_new_faces()


@shared_task(name="gallery.tasks.request_build")
def request_build(reason: str = "", user: int | None = None, is_now: bool = False) -> None:
    from gallery.index import builds
    from gallery.index.builds import request_build_after_change

    if is_now:
        builds.request_build(reason, User.objects.filter(pk=user or 0).first(), delay=0)
    else:
        request_build_after_change(reason)


@shared_task(name="gallery.tasks.run_build")
def run_build(pk: int) -> None:
    from gallery.index import builds

    builds.run_build(pk)


@shared_task(name="gallery.tasks.run_bulk")
def run_bulk(pk: int) -> None:
    from gallery.curation.bulk.services import run_bulk_act

    run_bulk_act(pk)


@shared_task(name="gallery.tasks.roll_back")
def roll_back() -> None:
    from gallery.index import engine
    from gallery.index.builds import roll_back_build

    try:
        roll_back_build(engine.get_serving_embedder().id)
    except RecognitionError as error:
        log.error("The index was not rolled back: %s", error)


@shared_task(name="gallery.tasks.erase")
def erase(pk: int) -> None:
    """After an erasure: clear files, builds, exports and the database's own remains."""
    from gallery.privacy.erasure import note_holding_backups
    from gallery.privacy.erasure_cleanup import finish_erasure

    finish_erasure(pk, note_holding_backups)


@shared_task(name="gallery.tasks.follow_gallery")
def follow_gallery(is_all: bool = False) -> None:
    """Search undecided faces again after the gallery, or with `is_all` the bounds, changed."""
    from gallery.faces import renaming

    renaming.follow_gallery(is_all=is_all)


@shared_task(name="gallery.tasks.switch_embedder")
def switch_embedder() -> None:
    """One step towards the wished embedder, if another one is serving."""
    from gallery.people.embedding import advance_embedder_switch

    advance_embedder_switch()


@shared_task(name="gallery.tasks.forget_old")
def forget_old() -> None:
    from gallery.privacy.retention import delete_expired_records

    delete_expired_records()


@shared_task(name="gallery.tasks.make_person_export")
def make_person_export(pk: int) -> None:
    from gallery.privacy.person_export import run_person_export

    run_person_export(pk)


@shared_task(name="gallery.tasks.verify_index")
def verify_index() -> None:
    from gallery.index.verify import compare_index_with_database
    from gallery.jobs.singletons import track_singleton

    with track_singleton("verify_index") as result:
        found = compare_index_with_database(mend=True)
        result.update(found.as_json())
        if not found.is_sound:
            log.error("The index differed from the database: %s", found.as_json())


@shared_task(name="gallery.tasks.check_gallery")
def check_gallery() -> None:
    from gallery.curation.check import check_all_references
    from gallery.jobs.singletons import track_singleton

    with track_singleton("check_gallery") as result:
        result["found"] = check_all_references()


@shared_task(name="gallery.tasks.measure_gallery")
def measure_gallery(false_name_rate: float) -> None:
    from gallery.curation.measurement import calibrate_gallery

    calibrate_gallery(false_name_rate)


def _see_to_privacy() -> None:
    """Consents that have just run out, and files about people that somebody waits for."""
    from gallery.privacy.consent import lapse_consents

    lapse_consents()
    for pk in leases.list_claimable_ids(PersonExport.objects.all(), limit=5):
        make_person_export.delay(pk)


@shared_task(name="gallery.tasks.make_backup")
def make_backup() -> None:
    from gallery.backup.schedule import is_backup_running, run_scheduled_backup

    if not is_backup_running():  # else it stays asked for, and `look_after_data` finds it
        run_scheduled_backup()


@shared_task(name="gallery.tasks.check_files")
def check_files(is_mending: bool = False) -> None:
    from gallery.maintenance.sanity_check import run_sanity_check

    run_sanity_check(is_mending=is_mending)


@shared_task(name="gallery.tasks.look_after_data")
def look_after_data() -> None:
    """Every few minutes: a backup and the check of files, if they are due or a wish for them was lost."""
    from gallery.backup.schedule import is_backup_due, run_scheduled_backup
    from gallery.maintenance.sanity_check import is_sanity_check_due, run_sanity_check

    if is_backup_due():
        run_scheduled_backup()
    if is_sanity_check_due():
        run_sanity_check()


@shared_task(name="gallery.tasks.sweep")
def sweep() -> None:
    """Send again what waits: lost messages, dead workers, delayed work that is due."""
    from gallery.faces.clustering import is_clustering_due
    from gallery.faces.drawn import list_unembedded_drawn_faces
    from gallery.faces.renaming import is_following_due
    from gallery.jobs.selectors import is_processing_paused

    for kind in Work.__subclasses__():
        recover_expired_leases(kind._default_manager.all())
    if not is_processing_paused():
        for pk in leases.list_claimable_ids(Photo.objects.outside_trash(), limit=50):
            process_photo.delay(pk)
    if is_clustering_due():
        group_new_faces.delay()
    for pk in list_unembedded_drawn_faces():
        embed_face.delay(pk)
    _send_what_curators_asked()
    _go_on_erasing()
    if is_following_due():
        follow_gallery.delay()
    for pk in leases.list_claimable_ids(Build.objects.all(), limit=1):
        run_build.delay(pk)
    _see_to_privacy()


def _send_what_curators_asked() -> None:
    """Pictures to look at, references to embed, acts on many to go on with."""
    for pk in leases.list_claimable_ids(Reference.objects.all(), limit=50):
        embed_reference.delay(pk)
    for pk in leases.list_claimable_ids(ReferenceDraft.objects.all(), limit=50):
        look_at_draft.delay(pk)
    for pk in leases.list_claimable_ids(BulkAct.objects.filter(confirmed_at__isnull=False), limit=5):
        run_bulk.delay(pk)


def _go_on_erasing() -> None:
    from gallery.privacy.erasure_cleanup import list_waiting_erasures, revive_erasures

    revive_erasures()
    for pk in list_waiting_erasures():
        erase.delay(pk)

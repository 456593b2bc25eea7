"""This room's Celery tasks."""

from __future__ import annotations

from gallery.curation.bulk import run_bulk_act
from gallery.curation.jobs import GALLERY_CHECK_JOB, MEASUREMENT_JOB, TRIAL_TASK
from gallery.curation.measurement import calibrate_gallery, check_all_references
from gallery.curation.trial import try_calibration
from gallery.jobs.services import track_job
from gallery.jobs.tasks import register_task


@register_task("run_bulk")
def run_bulk(pk: int) -> None:
    run_bulk_act(pk)


@register_task(GALLERY_CHECK_JOB)
def check_gallery() -> None:
    with track_job(GALLERY_CHECK_JOB) as result:
        result["found"] = check_all_references()


@register_task(MEASUREMENT_JOB)
def measure_gallery(false_name_rate: float) -> None:
    calibrate_gallery(false_name_rate)


@register_task(TRIAL_TASK)
def try_bounds(pk: int) -> None:
    try_calibration(pk)

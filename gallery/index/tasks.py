"""This room's Celery tasks."""

from __future__ import annotations

import logging

from gallery.index import builds, change_writer, engine
from gallery.index.builds import compare_index_with_database
from gallery.index.services import VERIFY_INDEX_JOB
from gallery.jobs.services import track_job
from gallery.jobs.tasks import register_task
from gallery.models import User
from gallery.models.index import IndexContents
from recognition.errors import IndexAway, RecognitionError

log = logging.getLogger(__name__)


@register_task("request_build")
def request_build(
    reason: str = "",
    user: int | None = None,
    is_now: bool = False,
    contents: str = IndexContents.REFERENCES,
) -> None:
    if is_now:
        by = User.objects.filter(pk=user or 0).first()
        builds.request_build(reason, by, delay=0, contents=contents)
    else:
        builds.request_build_after_change(reason)


@register_task("run_build")
def run_build(pk: int) -> None:
    builds.run_build(pk)


@register_task("roll_back")
def roll_back() -> None:
    try:
        builds.roll_back_build(engine.get_serving_embedder().id)
    except RecognitionError as error:
        log.error("The index was not rolled back: %s", error)


@register_task("write_index_changes")
def write_index_changes() -> None:
    try:
        change_writer.write_index_changes()
    except IndexAway as error:  # the sweep sends this again
        log.warning("Changes of the index wait: %s", error)


@register_task(VERIFY_INDEX_JOB)
def verify_index() -> None:
    with track_job(VERIFY_INDEX_JOB) as result:
        found = compare_index_with_database(mend=True)
        result.update(found.as_json())
        if not found.is_sound:
            log.error("The index differed from the database: %s", found.as_json())

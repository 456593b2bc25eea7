"""What people do with builds: request one, stop it, go back to the one before, review changed names.

The worker does the work; a page only writes the request down."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.core.exceptions import ActionRefused, CannotUndo
from gallery.history.changeset import record_event
from gallery.index.selectors import find_earlier_builds
from gallery.jobs import dispatch
from gallery.jobs.services import request_job
from gallery.models import Build, Event, NameChange, Status, User
from gallery.models.clock import get_site_time

VERIFY_INDEX_JOB = "verify_index"


@transaction.atomic
def request_rebuild(user: User) -> Event:
    """Build the index anew as soon as a worker is free."""
    event = record_event(user, "build.request", None, {"name": _("index")}, undo={"by": user.pk})
    dispatch.send_task("request_build", "asked for by hand", user.pk, True)
    return event


def reverse_build_request(user: User, event: Event) -> dict[str, str]:
    """Cancel a build that was requested, or request one again that was cancelled."""
    is_first = event.verb in ("build.request", "build.cancel")
    verb = event.verb if is_first else str((event.undo or {}).get("verb", ""))
    if verb == "build.cancel":
        dispatch.send_task("request_build", "asked for by hand", user.pk, True)
        return {"verb": "build.request"}
    open_ones = Build.objects.filter(work__in=(Status.QUEUED, Status.PROCESSING), created_at__gte=event.at)
    build = open_ones.order_by("-pk").first()
    if build is None:
        raise CannotUndo(_("It has been built already. Go back to the build before instead."))
    _stop_build(build)
    return {"verb": "build.cancel"}


@transaction.atomic
def cancel_build(user: User, build: Build) -> Event:
    """Stop a build that waits or runs; a running one ends within a second and leaves nothing."""
    _stop_build(build)
    return record_event(user, "build.cancel", build, {"name": str(build.pk)}, undo={"build": build.pk})


def _stop_build(build: Build) -> None:
    waiting = Build.objects.filter(pk=build.pk, work=Status.QUEUED)
    if not waiting.update(work=Status.CANCELLED, finished_at=get_site_time(), is_cancel_wanted=True):
        running = Build.objects.filter(pk=build.pk, work=Status.PROCESSING)
        if not running.update(is_cancel_wanted=True):
            raise ActionRefused(_("This build is not running any more."))


@transaction.atomic
def request_roll_back(user: User, embedder_id: str) -> Event:
    """Let the build before the active one serve again."""
    if not find_earlier_builds(embedder_id).exists():
        raise ActionRefused(_("No earlier build is kept, so there is nothing to go back to."))
    event = record_event(user, "build.roll_back", None, {"name": embedder_id}, undo={"embedder": embedder_id})
    dispatch.send_task("roll_back")
    return event


def reverse_roll_back(user: User, event: Event) -> dict[str, str]:
    """Of the two builds that are kept the other one serves again."""
    undo = {"embedder": str((event.undo or {}).get("embedder", ""))}
    if not find_earlier_builds(undo["embedder"]).exists():
        raise CannotUndo(_("The other build is no longer kept. Build the index anew."))
    dispatch.send_task("roll_back")
    return undo


@transaction.atomic
def request_verification(user: User) -> None:
    """Have the index compared with the database, row by row, and built anew where it differs."""
    record_event(user, "build.verify", None, {"name": _("index")})
    request_job(VERIFY_INDEX_JOB, user)


def review_name_changes(user: User, build: Build, name_changes: Collection[int]) -> int:
    """Mark changed names of the build as reviewed; returns how many had not been."""
    rows = NameChange.objects.filter(build=build, pk__in=name_changes, reviewed_at__isnull=True)
    return rows.update(reviewed_at=get_site_time(), reviewed_by=user)


EVENT_DESCRIPTIONS = {
    "build.request": gettext_lazy("asked for a new index"),
    "build.cancel": gettext_lazy("cancelled the building of an index"),
    "build.verify": gettext_lazy("had the index verified"),
    "build.roll_back": gettext_lazy("went back to the index before"),
}

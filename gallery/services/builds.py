"""What people do with builds: ask for one, stop it, go back to the one before, review changed names.

The worker does the work; a page only writes the wish down.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery import chores, queue
from gallery.models import Build, Event, NameChange, Status, User
from gallery.services import history
from gallery.services.errors import CannotUndo, Refused
from gallery.services.history import record

VERIFY = "verify_index"


@transaction.atomic
def request(user: User) -> Event:
    """Build the index anew as soon as a worker is free."""
    event = record(user, "build.request", None, {"name": _("index")}, undo={"by": user.pk})
    queue.send("request_build", "asked for by hand", user.pk, True)
    return event


@history.inverse("build.request", "build.cancel")
def _turn_back(user: User, event: Event) -> dict[str, str]:
    """A build that was asked for is stopped; one that was stopped is asked for again, and so on."""
    is_first = event.verb in ("build.request", "build.cancel")
    verb = event.verb if is_first else str((event.undo or {}).get("verb", ""))
    if verb == "build.cancel":
        queue.send("request_build", "asked for by hand", user.pk, True)
        return {"verb": "build.request"}
    open_ones = Build.objects.filter(work__in=(Status.QUEUED, Status.PROCESSING), created_at__gte=event.at)
    build = open_ones.order_by("-pk").first()
    if build is None:
        raise CannotUndo(_("It has been built already. Go back to the build before instead."))
    _stop(build)
    return {"verb": "build.cancel"}


@transaction.atomic
def cancel(user: User, build: Build) -> Event:
    """Stop a build that waits or runs; a running one ends within a second and leaves nothing."""
    _stop(build)
    return record(user, "build.cancel", build, {"name": str(build.pk)}, undo={"build": build.pk})


def _stop(build: Build) -> None:
    waiting = Build.objects.filter(pk=build.pk, work=Status.QUEUED)
    if not waiting.update(work=Status.CANCELLED, finished_at=timezone.now(), is_cancel_wanted=True):
        running = Build.objects.filter(pk=build.pk, work=Status.PROCESSING)
        if not running.update(is_cancel_wanted=True):
            raise Refused(_("This build is not running any more."))


@transaction.atomic
def roll_back(user: User, embedder_id: str) -> Event:
    """Let the build before the active one serve again."""
    if not _is_kept(embedder_id):
        raise Refused(_("No earlier build is kept, so there is nothing to go back to."))
    event = record(user, "build.roll_back", None, {"name": embedder_id}, undo={"embedder": embedder_id})
    queue.send("roll_back")
    return event


def _is_kept(embedder_id: str) -> bool:
    earlier = Build.objects.filter(embedder_id=embedder_id, work=Status.DONE, is_active=False)
    return earlier.exclude(directory="").exists()


@history.inverse("build.roll_back")
def _go_forth(user: User, event: Event) -> dict[str, str]:
    """Of the two builds that are kept the other one serves again."""
    undo = {"embedder": str((event.undo or {}).get("embedder", ""))}
    if not _is_kept(undo["embedder"]):
        raise CannotUndo(_("The other build is no longer kept. Build the index anew."))
    queue.send("roll_back")
    return undo


@transaction.atomic
def verify(user: User) -> None:
    """Have the index compared with the database, row by row, and built anew where it differs."""
    record(user, "build.verify", None, {"name": _("index")})
    chores.ask(VERIFY, user)


def review(user: User, build: Build, name_changes: Collection[int]) -> int:
    """Mark changed names of the build as looked at; how many that were new."""
    rows = NameChange.objects.filter(build=build, pk__in=name_changes, reviewed_at__isnull=True)
    return rows.update(reviewed_at=timezone.now(), reviewed_by=user)

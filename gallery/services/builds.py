"""What people do with builds: ask for one, stop it, go back to the one before, review changed names.

The worker does the work; a page only writes the wish down.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery import queue
from gallery.models import Build, NameChange, Status, User
from gallery.services.errors import Refused
from gallery.services.history import record


@transaction.atomic
def request(user: User) -> None:
    """Build the index anew as soon as a worker is free."""
    record(user, "build.request", None, {"name": _("index")})
    queue.send("request_build", "asked for by hand", user.pk, True)


@transaction.atomic
def cancel(user: User, build: Build) -> None:
    """Stop a build that waits or runs; a running one ends within a second and leaves nothing."""
    waiting = Build.objects.filter(pk=build.pk, work=Status.QUEUED)
    if not waiting.update(work=Status.CANCELLED, finished_at=timezone.now(), is_cancel_wanted=True):
        running = Build.objects.filter(pk=build.pk, work=Status.PROCESSING)
        if not running.update(is_cancel_wanted=True):
            raise Refused(_("This build is not running any more."))
    record(user, "build.cancel", build, {"name": str(build.pk)})


@transaction.atomic
def roll_back(user: User, embedder_id: str) -> None:
    """Let the build before the active one serve again."""
    earlier = Build.objects.filter(embedder_id=embedder_id, work=Status.DONE, is_active=False)
    if not earlier.exclude(directory="").exists():
        raise Refused(_("No earlier build is kept, so there is nothing to go back to."))
    record(user, "build.roll_back", None, {"name": embedder_id})
    queue.send("roll_back")


def review(user: User, build: Build, name_changes: Collection[int]) -> int:
    """Mark changed names of the build as looked at; how many that were new."""
    rows = NameChange.objects.filter(build=build, pk__in=name_changes, reviewed_at__isnull=True)
    return rows.update(reviewed_at=timezone.now(), reviewed_by=user)

"""Copies of what was erased, on every host: each is asked to clear its own, and says when they are gone.

One that is away clears all it has once it is back, before it serves or works: by then nobody knows any more what it
was. An erasure is complete when all hosts have confirmed it, or have been removed from the site.
"""

from __future__ import annotations

import shutil

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from gallery.core.exceptions import ActionRefused
from gallery.history.changeset import record_event
from gallery.index.local_copies import drop_stale_copies
from gallery.jobs import dispatch
from gallery.jobs.heartbeats import get_heartbeat_deadline
from gallery.jobs.hosts import find_own_host
from gallery.models import Erasure, ErasureHost, Event, Host, Status, User
from gallery.models.clock import get_site_time
from gallery.models.storage import EXPORT_AREA, MEDIA_AREA, get_storage
from gallery.photos.partial_uploads import forget_partial_uploads
from gallery.photos.renditions import delete_photo_renditions, delete_reference_renditions


def ask_hosts(erasure: Erasure) -> bool:
    """Ask all hosts that there are to clear their copies; False while one that lives has not done so."""
    asked = [ErasureHost(erasure=erasure, host=host, name=host.name) for host in Host.objects.all()]
    ErasureHost.objects.bulk_create(asked, ignore_conflicts=True)
    if own := find_own_host():
        clear_asked_copies(own)
    waiting = erasure.hosts.filter(cleared_at=None, host__seen_at__gte=get_heartbeat_deadline())
    return not waiting.exists()


def is_awaiting_hosts(erasure: Erasure) -> bool:
    """Whether a host may still hold copies: one that is away, as the others have been waited for."""
    return erasure.hosts.filter(cleared_at=None, host__isnull=False).exists()


def clear_asked_copies(host: Host, is_all: bool = False) -> None:
    """Clear what this host was asked to clear, or all it has, and confirm it."""
    asked = list(ErasureHost.objects.filter(host=host, cleared_at=None).select_related("erasure"))
    is_all = is_all or any(
        not each.erasure.todo for each in asked
    )  # it is not known any more what was erased
    for each in asked:
        _clear_copies_of(each.erasure)
    if is_all:
        shutil.rmtree(settings.CACHE_ROOT, ignore_errors=True)
    if asked or is_all:
        drop_stale_copies()
        forget_partial_uploads()
    now = get_site_time()
    ErasureHost.objects.filter(pk__in=[each.pk for each in asked]).update(cleared_at=now)
    for erasure in (each.erasure for each in asked if not each.erasure.todo):  # it has been waiting for hosts
        Erasure.objects.filter(pk=erasure.pk, work=Status.QUEUED).update(queued_at=now)
        dispatch.send_task("erase", erasure.pk)


def _clear_copies_of(erasure: Erasure) -> None:
    for sha256 in erasure.todo.get("photos", ()):
        delete_photo_renditions(sha256)
    for sha256 in erasure.todo.get("references", ()):
        delete_reference_renditions(sha256)
    for area, files in ((MEDIA_AREA, "files"), (EXPORT_AREA, "person_files")):
        for name in erasure.todo.get(
            files, ()
        ):  # of files in folders, this is what `remove_erased_files` does
            get_storage(area).local_path(name).unlink(missing_ok=True)


def remove_host(user: User, host: Host) -> Event:
    """A host that is no more: nobody waits for it. Should it come back, it clears all copies and begins anew."""
    if not user.is_administrator:
        raise ActionRefused(_("Only administrators remove hosts."))
    if host.seen_at >= get_heartbeat_deadline():
        raise ActionRefused(_("This host is still there. Stop it first."))
    event = record_event(user, "host.remove", None, {"name": host.name})
    host.delete()
    return event

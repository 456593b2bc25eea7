"""What people ask of the groups of unknown faces: to be made anew, or that this be stopped. A worker does it."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.core.exceptions import ActionRefused
from gallery.history.changeset import record_event
from gallery.history.locking import hold_words
from gallery.jobs import dispatch
from gallery.models import Event, FaceGrouping, Status, User
from gallery.models.base import UNFINISHED_STATUSES
from gallery.models.clock import get_database_time, get_site_time


@transaction.atomic
def request_grouping(user: User) -> Event:
    """Have all unknown faces grouped anew, unless that waits or goes on already."""
    hold_words("grouping of faces")
    if FaceGrouping.objects.filter(work__in=UNFINISHED_STATUSES).exists():
        raise ActionRefused(_("They are being grouped anew already."))
    grouping = FaceGrouping.objects.create(asked_by=user, queued_at=get_database_time())
    dispatch.send_task("regroup_faces", grouping.pk)
    return record_event(user, "grouping.request", grouping, {"name": str(grouping.pk)})


@transaction.atomic
def stop_grouping(user: User) -> Event:
    """A running one ends within a second or two, and changes nothing."""
    rows = FaceGrouping.objects.filter(work__in=UNFINISHED_STATUSES).select_for_update()
    grouping = rows.first()
    if grouping is None:
        raise ActionRefused(_("Nothing is being grouped any more."))
    FaceGrouping.objects.filter(pk=grouping.pk).update(is_cancel_wanted=True)
    waiting = FaceGrouping.objects.filter(pk=grouping.pk, work=Status.QUEUED)
    waiting.update(work=Status.CANCELLED, finished_at=get_site_time())
    return record_event(user, "grouping.stop", grouping, {"name": str(grouping.pk)})


def get_newest_grouping() -> FaceGrouping | None:
    return FaceGrouping.objects.order_by("-pk").first()


EVENT_DESCRIPTIONS = {
    "grouping.request": gettext_lazy("had the unknown faces grouped anew"),
    "grouping.stop": gettext_lazy("stopped the grouping of unknown faces"),
}

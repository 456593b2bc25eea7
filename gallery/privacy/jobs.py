"""This room's kinds of job. Loaded at every start, so it stays light."""

from __future__ import annotations

from collections.abc import Sequence

from django.urls import reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from gallery.jobs.registry import JobKind, TaskKind
from gallery.jobs.services import enqueue_jobs
from gallery.models import Erasure, PersonExport, User


def _resume_erasures(user: User, ids: Sequence[int]) -> int:
    """An erasure goes on; it is not taken back by undoing that."""
    enqueue_jobs("erasure", ids)
    return len(ids)


JOBS = (
    JobKind(
        name="export",
        title=_("Exports of a person"),
        model=PersonExport,
        task="make_person_export",
        rows=lambda user: PersonExport.objects.select_related("person"),
        label=lambda export: _now("an export of %(name)s") % {"name": export.person.label},
        url=lambda export: reverse("person", args=(export.person_id,)),
        batch=5,
        remedy=_("Make room on the disk and try again, or ask for it anew on the person's page."),
    ),
    JobKind(
        name="erasure",
        title=_("Erasures"),
        model=Erasure,
        task="erase",
        rows=lambda user: Erasure.objects.all() if user.is_administrator else Erasure.objects.none(),
        label=str,
        url=lambda erasure: reverse("erasure", args=(erasure.receipt,)),
        batch=20,
        retry=_resume_erasures,
    ),
    TaskKind(task="forget_old", doing=_("forgetting what is too old to keep")),
)
EVENT_DESCRIPTIONS = {
    "person.consent_expired": _("stopped recognising “%(person)s”: the consent has run out"),
    "person.export": _("asked for all that is known about “%(person)s”"),
    "person.erase": _("erased a person for good"),
    "photo.erase": _("erased a photo for good"),
    "user.erase": _("erased an account"),
    "host.remove": _("removed the host “%(name)s”, which is no more"),
    "erase.again": _("erased again what a restored backup had brought back (receipt %(receipt)s)"),
}

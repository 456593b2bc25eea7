"""The kinds of jobs that rows carry: the task that does them, and which of them a user may know of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from gallery.models import Build, BulkAct, Erasure, PersonExport, Photo, Reference, ReferenceDraft, User
from gallery.models.base import Work


@dataclass(frozen=True, slots=True)
class JobKind:
    name: str
    title: str | Promise
    model: type[Work]
    task: str  # what is sent to have one row done
    rows: Callable[[User], QuerySet[Any]]
    can_wait: bool = True  # what waits can be set aside, and queued again


def _visible_erasures(user: User) -> QuerySet[Erasure]:
    """Receipts are for administrators."""
    return Erasure.objects.all() if user.is_administrator else Erasure.objects.none()


def _visible_drafts(user: User) -> QuerySet[ReferenceDraft]:
    """Who sent a picture corrects it; administrators know of all."""
    rows = ReferenceDraft.objects.select_related("person")
    return rows if user.is_administrator else rows.filter(added_by=user)


JOB_KINDS: dict[str, JobKind] = {
    kind.name: kind
    for kind in (
        JobKind("photo", _("Photos"), Photo, "process_photo", Photo.objects.visible_to),
        JobKind("reference", _("References"), Reference, "embed_reference", Reference.objects.visible_to),
        JobKind(
            "draft",
            _("Pictures for a person"),
            ReferenceDraft,
            "look_at_draft",
            _visible_drafts,
            can_wait=False,
        ),
        JobKind(
            "build", _("Index builds"), Build, "run_build", lambda user: Build.objects.all(), can_wait=False
        ),
        JobKind(
            "bulk",
            _("Bulk actions"),
            BulkAct,
            "run_bulk",
            lambda user: BulkAct.objects.filter(confirmed_at__isnull=False),
            can_wait=False,
        ),
        JobKind(
            "export",
            _("Exports of a person"),
            PersonExport,
            "make_person_export",
            lambda user: PersonExport.objects.select_related("person"),
            can_wait=False,
        ),
        JobKind("erasure", _("Erasures"), Erasure, "erase", _visible_erasures, can_wait=False),
    )
}

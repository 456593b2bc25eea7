"""This room's kinds of job."""

from __future__ import annotations

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from gallery.jobs.registry import JobKind, TaskKind
from gallery.models import Reference, ReferenceDraft, User
from gallery.models.people import LABEL_COLUMNS


def _visible_drafts(user: User) -> QuerySet[ReferenceDraft]:
    """Who sent a picture corrects it; administrators know of all."""
    rows = ReferenceDraft.objects.select_related("person")
    return rows if user.is_administrator else rows.filter(added_by=user)


JOBS = (
    JobKind(
        name="reference",
        title=_("References"),
        model=Reference,
        task="embed_reference",
        rows=Reference.objects.visible_to,
        label=lambda reference: _now("a reference of %(name)s") % {"name": reference.person.label},
        url=lambda reference: reverse("worklist", args=("faceless",)),
        columns=tuple(f"person__{column}" for column in LABEL_COLUMNS),
        can_wait=True,
    ),
    JobKind(
        name="draft",
        title=_("Pictures for a person"),
        model=ReferenceDraft,
        task="look_at_draft",
        doing=_("looking at a picture that was added"),
        rows=_visible_drafts,
        label=lambda draft: _now("the picture %(name)s") % {"name": draft},
        url=lambda draft: reverse("admin:gallery_person_change", args=(draft.person_id,)),
        remedy=_("Leave it out on the person's page and send a good copy, or another picture."),
    ),
    TaskKind(task="switch_embedder", doing=_("moving to another embedder")),
)

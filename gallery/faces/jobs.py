"""This room's kinds of job."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from gallery.jobs.registry import JobKind, TaskKind
from gallery.jobs.selectors import is_processing_paused
from gallery.models import FaceGrouping, Photo

JOBS = (
    JobKind(
        name="photo",
        title=_("Photos"),
        model=Photo,
        task="process_photo",
        rows=Photo.objects.visible_to,
        label=lambda photo: photo.name,
        url=lambda photo: reverse("photo", args=(photo.pk,)),
        columns=("name",),
        waiting=lambda: Photo.objects.none() if is_processing_paused() else Photo.objects.outside_trash(),
        can_wait=True,
    ),
    JobKind(
        name="grouping",
        title=_("Grouping of unknown faces"),
        model=FaceGrouping,
        task="regroup_faces",
        rows=lambda user: FaceGrouping.objects.all(),
        label=lambda grouping: _now("grouping %(pk)s") % {"pk": grouping.pk},
        url=lambda grouping: reverse("unknown"),
        list_url="unknown",
        batch=1,
    ),
    TaskKind(task="embed_face", doing=_("looking at a drawn face")),
    TaskKind(task="follow_faces", doing=_("following decisions on faces")),
    TaskKind(task="follow_gallery", doing=_("searching older faces again")),
    TaskKind(task="group_new_faces", doing=_("grouping unknown faces")),
)

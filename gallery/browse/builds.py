"""What the pages on the index show: its builds, what they measured, and the names they changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery import queries
from gallery.browse.paging import Page, page_of
from gallery.compiled import first_column
from gallery.models import Build, Event, GalleryChange, NameChange, Photo, Status

BUILDS = 25
CHANGES = 200
JUST_NOW = timedelta(seconds=30)
RUNNING = (Status.QUEUED, Status.PROCESSING)


@dataclass(frozen=True, slots=True)
class PhotoChanges:
    photo: Photo
    changes: list[NameChange]


@dataclass(frozen=True, slots=True)
class BuildPage:
    build: Build
    why: str  # this kind of index, in a sentence
    cost: str  # what memory made it lose; empty if nothing
    photos: list[PhotoChanges]
    unreviewed: int
    after: int | None


def build_list(photos: QuerySet[Photo], after: int | None) -> Page[Build]:
    """Builds, newest first, each with how many names changed, in how many photos, and how many are unseen."""
    page = page_of(Build.objects.select_related("asked_by"), after, BUILDS)
    changes = NameChange.objects.filter(build__in=[build.pk for build in page.rows], photo__in=photos)
    counted = (
        changes.order_by()
        .values_list("build")
        .annotate(
            names=Count("pk"),
            unseen=Count("pk", filter=Q(reviewed_at__isnull=True)),
            photos=Count("photo", distinct=True),
        )
    )
    counts = {build: numbers for build, *numbers in counted}
    for build in page.rows:
        found: Any = build
        found.names, found.unseen, found.photos = counts.get(build.pk, (0, 0, 0))
    return page


def serving() -> Build | None:
    """The build that answers now."""
    return _serving().first()


def _serving() -> QuerySet[Build]:
    recipe = queries.setting(queries.SERVING)
    active = Build.objects.filter(is_active=True).order_by("-pk")
    return active.filter(embedder_id=recipe["id"]) if isinstance(recipe, dict) else active


def can_roll_back(build: Build | None) -> bool:
    if build is None:
        return False
    kept = Build.objects.filter(embedder_id=build.embedder_id, work=Status.DONE, is_active=False)
    return kept.exclude(directory="").exists()


def changes_since(build: Build | None) -> int:
    """Changes of the gallery that the serving build does not hold and the delta adds."""
    if build is None:
        return 0
    rows = GalleryChange.objects.filter(embedder_id=build.embedder_id, pk__gt=build.upto_change)
    return rows.values("reference").distinct().count()


def is_asked_lately() -> bool:
    """Somebody has just asked for something that a worker will show on the page in a moment."""
    since = timezone.now() - JUST_NOW
    return Event.objects.filter(verb__in=("build.request", "build.roll_back", "undo"), at__gt=since).exists()


def waiting_changes() -> int:
    """What waits for the next build, as the pages around say it; nothing where there is no build yet.

    Mostly nothing waits, which is told by one query.
    """
    if not first_column("builds that are behind", _behind):
        return 0
    return changes_since(_serving().only("embedder_id", "upto_change").first())


def _behind() -> QuerySet[Build, int]:
    """Builds that answer and lack a change of the gallery."""
    later = GalleryChange.objects.filter(embedder_id=OuterRef("embedder_id"), pk__gt=OuterRef("upto_change"))
    return Build.objects.filter(Exists(later), is_active=True).order_by().values_list("pk", flat=True)


def build_page(build: Build, photos: QuerySet[Photo], after: int | None) -> BuildPage:
    """One build, with changed names photo by photo, of photos this user may see."""
    rows = NameChange.objects.filter(build=build, photo__in=photos)
    unreviewed = rows.filter(reviewed_at__isnull=True).count()
    if after is not None:
        rows = rows.filter(photo__lt=after)
    rows = rows.select_related("photo", "face", "old_person", "new_person")
    found = list(rows.order_by("-photo_id", "pk")[: CHANGES + 1])
    grouped = [PhotoChanges(photo, list(some)) for photo, some in groupby(found, lambda row: row.photo)]
    is_more = len(found) > CHANGES and len(grouped) > 1
    if is_more:
        grouped.pop()  # it may not be whole; the next page begins with it
    last = grouped[-1].photo.pk if is_more else None
    return BuildPage(build, why(build.figures), cost(build.figures), grouped, unreviewed, last)


def why(figures: dict[str, Any]) -> str:
    """Why the index is of its kind."""
    sentences = {
        "small": _("Every reference is compared: with so many, that is fast."),
        "fastest": _("It answers fastest of those that find the nearest reference reliably."),
        "recall": _("Every reference is compared: nothing faster was reliable enough."),
        "memory": _(
            "Comparing every reference would take more memory than allowed, so vectors are compressed."
        ),
        "over budget": _("It takes more memory than allowed, because nothing smaller could be built."),
    }
    return sentences.get(figures.get("reason", ""), "")


def cost(figures: dict[str, Any]) -> str:
    """What compression loses, as measured."""
    if figures.get("reason") != "memory":
        return ""
    missed = round(1000 * (1 - figures.get("recall", 1)))
    if not missed:
        return _("On a sample it lost nothing.")
    return _("On a sample, %(missed)s of 1,000 faces did not get their nearest reference.") % {
        "missed": missed
    }

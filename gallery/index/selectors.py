"""What the pages on the index show: its builds, what they measured over time, and the names they changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from gallery.core.charts import Chart, draw_line_chart
from gallery.core.pagination import KeysetPage, paginate_by_id
from gallery.models import (
    Build,
    Calibration,
    Event,
    GalleryChange,
    NameChange,
    Person,
    Photo,
    Reference,
    Status,
)
from gallery.models.history import get_site_setting

BUILDS_PER_PAGE = 25
NAME_CHANGES_PER_PAGE = 200
RECENT_REQUEST_AGE = timedelta(seconds=30)
UNFINISHED_STATUSES = (Status.QUEUED, Status.PROCESSING)


@dataclass(frozen=True, slots=True)
class PhotoNameChanges:
    photo: Photo
    changes: list[NameChange]


@dataclass(frozen=True, slots=True)
class BuildPage:
    build: Build
    why: str  # this kind of index, in a sentence
    cost: str  # what memory made it lose; empty if nothing
    photos: list[PhotoNameChanges]
    unreviewed: int
    after: int | None


def get_build_list(photos: QuerySet[Photo], after: int | None) -> KeysetPage[Build]:
    """Builds, newest first, each with how many names changed, in how many photos, and how many are unseen."""
    page = paginate_by_id(Build.objects.select_related("asked_by"), after, BUILDS_PER_PAGE)
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


def get_serving_build() -> Build | None:
    """The build that answers now."""
    return _serving_builds().first()


def _serving_builds() -> QuerySet[Build]:
    recipe = get_site_setting(SERVING_EMBEDDER_KEY)
    active = Build.objects.filter(is_active=True).order_by("-pk")
    return active.filter(embedder_id=recipe["id"]) if isinstance(recipe, dict) else active


def can_roll_back(build: Build | None) -> bool:
    if build is None:
        return False
    kept = Build.objects.filter(embedder_id=build.embedder_id, work=Status.DONE, is_active=False)
    return kept.exclude(directory="").exists()


def count_changes_since(build: Build | None) -> int:
    """Changes of the gallery that the serving build does not hold and the delta adds."""
    if build is None:
        return 0
    rows = GalleryChange.objects.filter(embedder_id=build.embedder_id, pk__gt=build.upto_change)
    return rows.values("reference").distinct().count()


def has_recent_build_request() -> bool:
    """Somebody has just asked for something that a worker will show on the page in a moment."""
    since = timezone.now() - RECENT_REQUEST_AGE
    return Event.objects.filter(verb__in=("build.request", "build.roll_back", "undo"), at__gt=since).exists()


def count_waiting_changes() -> int:
    """What waits for the next build, as the pages around say it; nothing where there is no build yet."""
    return count_changes_since(_serving_builds().only("embedder_id", "upto_change").first())


def get_build_page(build: Build, photos: QuerySet[Photo], after: int | None) -> BuildPage:
    """One build, with changed names photo by photo, of photos this user may see."""
    rows = NameChange.objects.filter(build=build, photo__in=photos)
    unreviewed = rows.filter(reviewed_at__isnull=True).count()
    if after is not None:
        rows = rows.filter(photo__lt=after)
    rows = rows.select_related("photo", "face", "old_person", "new_person")
    found = list(rows.order_by("-photo_id", "pk")[: NAME_CHANGES_PER_PAGE + 1])
    grouped = [PhotoNameChanges(photo, list(some)) for photo, some in groupby(found, lambda row: row.photo)]
    is_more = len(found) > NAME_CHANGES_PER_PAGE and len(grouped) > 1
    if is_more:
        grouped.pop()  # it may not be whole; the next page begins with it
    last = grouped[-1].photo.pk if is_more else None
    return BuildPage(
        build,
        explain_index_kind(build.figures),
        explain_compression_loss(build.figures),
        grouped,
        unreviewed,
        last,
    )


def explain_index_kind(figures: dict[str, Any]) -> str:
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


def explain_compression_loss(figures: dict[str, Any]) -> str:
    """What compression loses, as measured."""
    if figures.get("reason") != "memory":
        return ""
    missed = round(1000 * (1 - figures.get("recall", 1)))
    if not missed:
        return _("On a sample it lost nothing.")
    return _("On a sample, %(missed)s of 1,000 faces did not get their nearest reference.") % {
        "missed": missed
    }


MAX_PLOTTED_BUILDS = 50


@dataclass(frozen=True, slots=True)
class BuildPlot:
    title: str
    plot: Chart


def list_build_plots(serving: Build | None) -> list[BuildPlot]:
    """Of the builds of the embedder that serves, the oldest at the left; none before there are two."""
    if serving is None:
        return []
    done = Build.objects.filter(embedder_id=serving.embedder_id, work=Status.DONE).order_by("-pk")[
        :MAX_PLOTTED_BUILDS
    ]
    builds = list(done)[::-1]
    if len(builds) < 2:
        return []
    about: list[tuple[str, str, Callable[[Build], float | None]]] = [
        (_("References"), "", lambda build: build.vectors),
        (
            _("Search of a photo with ten faces"),
            "ms",
            lambda build: build.figures.get("milliseconds_per_photo"),
        ),
        (_("Nearest reference found, of 1,000 faces"), "", _found_per_thousand),
        (_("Time to build"), "s", lambda build: build.milliseconds / 1000),
        (_("Size"), "MB", lambda build: build.size / 1024**2),
    ]
    ends = (_format_build_date(builds[0]), _format_build_date(builds[-1]))
    plots = (
        (title, unit, _plot_values([figure(build) for build in builds], ends))
        for title, unit, figure in about
    )
    return [BuildPlot(f"{title} ({unit})" if unit else title, plot) for title, unit, plot in plots if plot]


def _found_per_thousand(build: Build) -> float | None:
    return None if build.recall is None else 1000 * build.recall


def _plot_values(values: Sequence[float | None], ends: tuple[str, str]) -> Chart | None:
    known = [value for value in values if value is not None]
    return draw_line_chart([("kept", known)], ends=ends) if len(known) > 1 else None


def _format_build_date(build: Build) -> str:
    return date_format(timezone.localtime(build.created_at), "SHORT_DATE_FORMAT")


SERVING_EMBEDDER_KEY = "serving"  # the SiteSetting with the recipe of the embedder whose index answers


def get_active_build(embedder_id: str) -> Build | None:
    return Build.objects.filter(embedder_id=embedder_id, is_active=True).first()


def count_searchable_people() -> int:
    """How many people a face may be matched to. Asked for each photo, so it looks at people, not references."""
    approved = Reference.objects.approved().filter(person=OuterRef("pk"))
    return Person.objects.recognisable().filter(Exists(approved)).count()


def get_applied_calibration(embedder_id: str) -> Calibration | None:
    found = Calibration.objects.filter(embedder_id=embedder_id, applied_at__isnull=False)
    return found.order_by("-applied_at").first()

"""What the pages on the index show: its builds, what they measured over time, and the names they changed."""

from __future__ import annotations

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
from gallery.index.feed import list_index_changes
from gallery.models import (
    Build,
    Calibration,
    Event,
    Face,
    GalleryChange,
    NameChange,
    Person,
    Photo,
    Reference,
    ReferenceVector,
    Status,
)
from gallery.models.clock import get_site_time
from gallery.models.history import get_site_setting
from gallery.models.index import IndexContents
from recognition.decide import tighten_for_gallery
from recognition.types import Bounds

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
    why: str  # this kind of index, in a sentence
    cost: str  # what memory made it lose; empty if nothing
    photos: list[PhotoNameChanges]
    unreviewed: int
    after: int | None


def get_build_list(photos: QuerySet[Photo], after: int | None) -> KeysetPage[Build]:
    """Builds, newest first, each with the number of changed names, of photos they are in, and of unseen ones."""
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
    """The build of references that answers now."""
    recipe = get_site_setting(SERVING_RECIPE_KEY)
    active = Build.objects.filter(is_active=True, contents=IndexContents.REFERENCES).order_by("-pk")
    return (active.filter(embedder_id=recipe["id"]) if isinstance(recipe, dict) else active).first()


def find_kept_builds(embedder_id: str, contents: str = IndexContents.REFERENCES) -> QuerySet[Build]:
    """Builds whose files are kept, the newest first."""
    done = Build.objects.filter(embedder_id=embedder_id, contents=contents, work=Status.DONE)
    return done.exclude(directory="").order_by("-pk")


def find_earlier_builds(embedder_id: str) -> QuerySet[Build]:
    """Builds to go back to, the newest first: those that were kept and do not serve."""
    return find_kept_builds(embedder_id).filter(is_active=False)


def can_roll_back(build: Build | None) -> bool:
    return build is not None and find_earlier_builds(build.embedder_id).exists()


def list_changes_since(build: Build) -> QuerySet[GalleryChange]:
    return list_index_changes(build.embedder_id, build.contents).filter(pk__gt=build.upto_change)


def count_changes_since(build: Build | None) -> int:
    """Changes of the gallery that the serving build does not hold and the delta adds."""
    if build is None:
        return 0
    rows = list_changes_since(build)
    return rows.values("object_id").distinct().count()


def has_recent_build_request() -> bool:
    """Somebody has just asked for something that a worker will show on the page in a moment."""
    since = get_site_time() - RECENT_REQUEST_AGE
    return Event.objects.filter(verb__in=("build.request", "build.roll_back", "undo"), at__gt=since).exists()


def count_waiting_changes() -> int:
    """What waits for the next build, as the pages around say it; nothing where there is no build yet."""
    return count_changes_since(get_serving_build())


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
        explain_index_kind(build.figures),
        explain_compression_loss(build.figures),
        grouped,
        unreviewed,
        last,
    )


def explain_index_kind(figures: dict[str, Any]) -> str:
    """Why the index is of its kind."""
    sentences = {
        "small": _("Every vector is compared: with so many, that is fast."),
        "fastest": _("It answers fastest of those that find the nearest reliably."),
        "recall": _("Every vector is compared: nothing faster was reliable enough."),
        "memory": _(
            "Comparing every vector as it is would take more memory than allowed, so they are compressed."
        ),
        "over budget": _("It takes more memory than allowed, because nothing smaller could be built."),
        "autofaiss": _("AutoFaiss chose it, as the settings ask."),
        "named": _("The settings name this kind."),
        "spark": _("Spark built it in parts, as there are so many."),
        "milvus": _("Milvus keeps it, as the settings ask."),
        "too few": _("Every vector is compared: the kind that the settings name learns from more of them."),
    }
    return sentences.get(figures.get("reason", ""), "")


def explain_compression_loss(figures: dict[str, Any]) -> str:
    """What compression loses, as measured."""
    if figures.get("reason") != "memory":
        return ""
    missed = round(1000 * (1 - figures.get("recall", 1)))
    if not missed:
        return _("On a sample it lost nothing.")
    return _("On a sample, %(missed)s of 1,000 faces did not get their nearest.") % {"missed": missed}


MAX_PLOTTED_BUILDS = 50


@dataclass(frozen=True, slots=True)
class BuildPlot:
    title: str
    plot: Chart


def list_build_plots(serving: Build | None) -> list[BuildPlot]:
    """Of the builds of the embedder that serves, the oldest at the left; none before there are two."""
    if serving is None:
        return []
    kind = {"embedder_id": serving.embedder_id, "contents": serving.contents}
    done = Build.objects.filter(**kind, work=Status.DONE).order_by("-pk")
    builds = list(done[:MAX_PLOTTED_BUILDS])[::-1]
    if len(builds) < 2:
        return []
    figures: list[tuple[str, list[float | None]]] = [
        (_("References"), [build.vectors for build in builds]),
        (
            _("Search of a photo with ten faces") + " (ms)",
            [build.figures.get("milliseconds_per_photo") for build in builds],
        ),
        (
            _("Nearest found, of 1,000 faces"),
            [None if build.recall is None else 1000 * build.recall for build in builds],
        ),
        (_("Time to build") + " (s)", [build.milliseconds / 1000 for build in builds]),
        (_("Size") + " (MB)", [build.size / 1024**2 for build in builds]),
    ]
    dates = [date_format(timezone.localtime(build.created_at), "SHORT_DATE_FORMAT") for build in builds]
    known = [(title, [value for value in values if value is not None]) for title, values in figures]
    return [
        BuildPlot(title, draw_line_chart([("kept", values)], ends=(dates[0], dates[-1])))
        for title, values in known
        if len(values) > 1
    ]


SERVING_RECIPE_KEY = "serving"  # the SiteSetting with the recipe of the embedder whose index answers


def find_newest_embedder_id() -> str:
    """Of the newest vector of a reference, or else of a face; empty where nothing has been embedded."""
    for rows in (ReferenceVector.objects.all(), Face.objects.exclude(embedder_id="")):
        if found := rows.order_by("-pk").values_list("embedder_id", flat=True).first():
            return found
    return ""


def get_active_build(embedder_id: str, contents: str = IndexContents.REFERENCES) -> Build | None:
    return Build.objects.filter(embedder_id=embedder_id, contents=contents, is_active=True).first()


def count_searchable_people() -> int:
    """How many people a face may be matched to. Asked for each photo, so it looks at people, not references."""
    approved = Reference.objects.approved().filter(person=OuterRef("pk"))
    return Person.objects.recognisable().filter(Exists(approved)).count()


def get_bounds_in_force(embedder_id: str, published: Bounds) -> Bounds:
    """The owner's measured bounds, or those set by hand; else the embedder's published ones for so many people."""
    if found := get_applied_calibration(embedder_id):
        return Bounds.from_json(found.bounds, published.combination)
    return tighten_for_gallery(published, count_searchable_people())


def get_applied_calibration(embedder_id: str) -> Calibration | None:
    found = Calibration.objects.filter(embedder_id=embedder_id, applied_at__isnull=False)
    return found.order_by("-applied_at").first()

"""Photos for the grid and for one page, with a summary of their faces and how far the worker is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet

from gallery.core.pagination import KeysetPage, find_by_id
from gallery.faces.labels import FaceLabel
from gallery.jobs.heartbeats import DEAD_AFTER
from gallery.models import Album, Companion, Decision, Face, Photo, PhotoCopy, Status, User, WorkerBeat
from gallery.models.base import UNFINISHED_STATUSES
from gallery.models.clock import get_site_time
from gallery.models.labels import format_label
from gallery.models.photos import PhotoOrder
from gallery.models.querysets import PhotoQuerySet
from gallery.photos.ordering import get_after, get_cursor, list_photos_beyond, paginate_photos

PHOTOS_PER_PAGE = 36
MAX_PHOTOS_BEFORE = 360  # one to which somebody comes back
SPEED_SAMPLE_SIZE = 30
TILE_FIELDS = (
    "name",
    "sha256",
    "format",
    "turn",
    "width",
    "height",
    "work",
    "stack",
)  # what a tile needs of a photo


def filter_photos(user: User, photos: PhotoQuerySet, wanted: str) -> PhotoQuerySet:
    """The user's `favourites`, or photos that wait for something: `unnamed`, `unsure`, `waiting` or `failed`;
    anything else narrows nothing."""
    open_faces = Face.objects.undecided().filter(photo=OuterRef("pk"))
    conditions = {
        "favourites": Q(pk__in=user.favourite_photos.order_by().values("pk")),
        "unnamed": Exists(open_faces.filter(state=Face.State.UNKNOWN)),
        "unsure": Exists(open_faces.filter(state=Face.State.UNSURE)),
        "waiting": Q(work__in=UNFINISHED_STATUSES),
        "failed": Q(work=Status.FAILED),
    }
    return photos.filter(conditions[wanted]) if wanted in conditions else photos


def get_photo_grid(
    photos: QuerySet[Photo],
    after: str | None,
    size: int = PHOTOS_PER_PAGE,
    order: str = PhotoOrder.ADDED,
    *,
    at: str | None = None,
) -> KeysetPage[Photo]:
    """The photos behind `after`; or from the first on, as far as the photo with the id `at` and a bit beyond.

    They begin shortly before that photo where it is far down. Of a stack only the front photo is there.
    """
    fronts = _leave_fronts(photos)
    photo = find_by_id(photos, at) if at and not after else None
    if photo:
        before = list_photos_beyond(fronts, order, get_cursor(photo), is_before=True)
        number = before.count()
        if number <= MAX_PHOTOS_BEFORE:
            size += number
        else:
            after = get_after(before[size // 2], order)
    page = paginate_photos(fronts.only(*TILE_FIELDS), order, after, size)
    _count_stacked(photos, page.rows)
    return KeysetPage(add_tile_summaries(page.rows), page.after)


def _count_stacked(photos: QuerySet[Photo], shown: Iterable[Photo]) -> None:
    """Note on the fronts of stacks how many photos of the list they stand for, as `stacked`."""
    fronts = {photo.stack: photo for photo in shown if photo.stack}
    if fronts:
        rows = photos.order_by().filter(stack__in=fronts).values_list("stack")
        for stack, count in rows.annotate(Count("pk")):
            fronts[stack].stacked = count  # type: ignore[attr-defined]  # as an annotation would


def _leave_fronts(photos: QuerySet[Photo]) -> QuerySet[Photo]:
    """These photos without those that stand behind another one of them in their stack."""
    score = OuterRef("stack_score")
    better = Q(stack_score__gt=score) | Q(stack_score=score, pk__lt=OuterRef("pk"))
    return photos.exclude(Exists(photos.order_by().filter(better, stack=OuterRef("stack"))))


def list_unfinished_photos(user: User) -> list[Photo]:
    """What this user has sent and the worker has not looked at, the newest first."""
    rows = Photo.objects.visible_to(user).filter(uploaded_by=user, work__in=UNFINISHED_STATUSES)
    return add_tile_summaries(rows.order_by("-pk")[:PHOTOS_PER_PAGE])


def join_label_names(standings: Iterable[FaceLabel]) -> str:
    return ", ".join(dict.fromkeys(one.name for one in standings if one.is_named))


@dataclass(frozen=True, slots=True)
class ProcessingProgress:
    """How far the worker is."""

    left: int
    seconds: int | None  # about how long; None when nothing says
    has_worker: bool

    @property
    def minutes(self) -> int:
        return round((self.seconds or 0) / 60)


def get_processing_progress(user: User) -> ProcessingProgress:
    left = Photo.objects.visible_to(user).filter(work__in=UNFINISHED_STATUSES).count()
    if not left:
        return ProcessingProgress(0, 0, has_worker=True)
    seen_at = list(WorkerBeat.objects.filter(kind="worker").values_list("seen_at", flat=True))
    alive = sum(seen > get_site_time() - DEAD_AFTER for seen in seen_at)
    # A photo has waited for longer than a worker takes to start.
    waiting = Photo.objects.filter(work=Status.QUEUED, added_at__lt=get_site_time() - DEAD_AFTER)
    has_worker = alive > 0 or not (seen_at or waiting.exists())
    done = Photo.objects.filter(work=Status.DONE, started_at__isnull=False, finished_at__isnull=False)
    spans = done.annotate(span=F("finished_at") - F("started_at")).values_list("span", flat=True)
    latest = [span.total_seconds() for span in spans.order_by("-finished_at")[:SPEED_SAMPLE_SIZE]]
    seconds = round(left * fmean(latest) / max(1, alive)) if latest else None
    return ProcessingProgress(left, seconds, has_worker)


@dataclass(frozen=True, slots=True)
class TileSummary:
    names: str  # of the people on the photo, from left to right, each once
    open: int  # faces that are unsure or unknown, and not decided


def add_tile_summaries(photos: Iterable[Photo]) -> list[Photo]:
    """These photos, each with its `glimpse`; one query."""
    found = list(photos)
    if not found:
        return found
    names: dict[int, dict[str, None]] = defaultdict(dict)
    waiting: dict[int, int] = defaultdict(int)
    faces = Face.objects.filter(photo__in=found).order_by("left", "pk")
    columns = ("person__name", "person__distinction", "person__born", "person__namesake_number")
    for photo, state, decision, name, *told in faces.values_list("photo", "state", "decision", *columns):
        is_undecided, is_known = decision == Decision.NONE, state == Face.State.KNOWN
        # As `get_face_label` has it: confirmed by somebody, or recognised and left so.
        if name is not None and (decision == Decision.CONFIRMED or (is_undecided and is_known)):
            names[photo][format_label(name, *told)] = None
        waiting[photo] += is_undecided and not is_known
    for photo_row in found:
        said = TileSummary(", ".join(names[photo_row.pk]), waiting[photo_row.pk])
        photo_row.glimpse = said  # type: ignore[attr-defined]  # as an annotation would
    return found


def get_tile_summary(photo: Photo) -> TileSummary:
    """Of a photo that came from a list, or by itself."""
    found: TileSummary | None = getattr(photo, "glimpse", None)
    return found or get_tile_summary(*add_tile_summaries([photo]))


def find_photo_by_sha256(sha256: str, user: User | None = None, album: Album | None = None) -> Photo | None:
    """The photo of this file, or of which it is a copy or companion, if this user may know of it (without one: any).

    Of several copies the one that is in the album, else one that is for everybody: it may go there.
    """
    copies = PhotoCopy.objects.filter(photo=OuterRef("pk"), sha256=sha256)
    beside = Companion.objects.filter(photo=OuterRef("pk"), sha256=sha256)
    known = Q(sha256=sha256) | Exists(copies) | Exists(beside)
    rows = Photo.objects.filter(known).order_by("copy")
    found = list(rows.in_visible_albums(user) if user else rows)
    if len(found) < 2:
        return found[0] if found else None
    inside = set(rows.filter(albums=album).values_list("pk", flat=True)) if album else set()
    limited = set(rows.limited().values_list("pk", flat=True))
    return min(found, key=lambda photo: (photo.pk not in inside, photo.pk in limited, photo.copy))


def get_next_copy_number(sha256: str) -> int:
    """The number for one more copy of this file: 0 unless there is one in an album for others."""
    found = (
        model._default_manager.filter(sha256=sha256).aggregate(newest=Max("copy"))
        for model in (Photo, Companion)
    )
    return max((each["newest"] + 1 for each in found if each["newest"] is not None), default=0)

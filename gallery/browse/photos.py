"""Photos for the grid and for one page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone

from gallery.beats import SILENT
from gallery.browse.glimpses import glimpsed
from gallery.browse.paging import Page, page_of
from gallery.browse.standing import Standing
from gallery.compiled import count
from gallery.models import Face, Photo, Status, User, WorkerBeat
from gallery.visibility import kept_for, visible_photos

PAGE = 36
UNFINISHED = (Status.QUEUED, Status.PROCESSING)
SPEED_SAMPLE = 30
SHOWN = ("name", "sha256", "width", "height", "work")  # what a tile needs of a photo
FILTERS = ("unnamed", "unsure", "waiting", "failed")


def open_faces(**conditions: object) -> Exists:
    """Photos that have a face nobody has decided on, which fulfils these conditions."""
    return Exists(Face.objects.filter(photo=OuterRef("pk"), decision="", **conditions))


def chosen(photos: QuerySet[Photo], wanted: str) -> QuerySet[Photo]:
    """Photos narrowed to one of FILTERS; anything else narrows nothing."""
    if wanted == "unnamed":
        return photos.filter(open_faces(state=Face.State.UNKNOWN))
    if wanted == "unsure":
        return photos.filter(open_faces(state=Face.State.UNSURE))
    if wanted == "waiting":
        return photos.filter(work__in=UNFINISHED)
    if wanted == "failed":
        return photos.filter(work=Status.FAILED)
    return photos


def grid(photos: QuerySet[Photo], after: int | None, size: int = PAGE) -> Page[Photo]:
    page = page_of(photos.only(*SHOWN), after, size)
    return Page(glimpsed(page.rows), page.after)


def unfinished(user: User) -> list[Photo]:
    """What this user has sent and the worker has not looked at, the newest first."""
    rows = visible_photos(user).filter(uploaded_by=user, work__in=UNFINISHED)
    return glimpsed(rows.order_by("-pk")[:PAGE])


def named(standings: Iterable[Standing]) -> str:
    return ", ".join(dict.fromkeys(one.name for one in standings if one.is_named))


def neighbours(photos: QuerySet[Photo], photo: Photo) -> tuple[int | None, int | None]:
    """Ids of the newer and the older photo beside this one."""
    newer = photos.filter(pk__gt=photo.pk).order_by("pk").values_list("pk", flat=True).first()
    older = photos.filter(pk__lt=photo.pk).order_by("-pk").values_list("pk", flat=True).first()
    return newer, older


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the worker is."""

    left: int
    seconds: int | None  # about how long; None when nothing says
    has_worker: bool

    @property
    def minutes(self) -> int:
        return round((self.seconds or 0) / 60)


def progress(user: User) -> Progress:
    left = count(
        kept_for(user, "unfinished"),
        lambda: visible_photos(user).filter(work__in=UNFINISHED).order_by().values("pk"),
    )
    if not left:
        return Progress(0, 0, has_worker=True)
    seen_at = list(WorkerBeat.objects.filter(kind="worker").values_list("seen_at", flat=True))
    alive = sum(seen > timezone.now() - SILENT for seen in seen_at)
    pace = _seconds_per_photo()
    seconds = None if pace is None else round(left * pace / max(1, alive))
    return Progress(left, seconds, has_worker=alive > 0 or not (seen_at or _is_stuck()))


def _is_stuck() -> bool:
    """A photo has waited for longer than a worker takes to start."""
    waiting = Photo.objects.filter(work=Status.QUEUED, added_at__lt=timezone.now() - SILENT)
    return waiting.exists()


def _seconds_per_photo() -> float | None:
    done = Photo.objects.filter(work=Status.DONE, started_at__isnull=False, finished_at__isnull=False)
    spans: Sequence[timedelta] = list(
        done.order_by("-finished_at")
        .annotate(span=F("finished_at") - F("started_at"))
        .values_list("span", flat=True)[:SPEED_SAMPLE]
    )
    return sum(span.total_seconds() for span in spans) / len(spans) if spans else None

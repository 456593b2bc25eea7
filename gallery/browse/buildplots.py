"""The figures of builds over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from gallery.browse.curves import curve
from gallery.browse.plots import Plot
from gallery.models import Build, Status

LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class Figure:
    title: str
    plot: Plot


def figures(serving: Build | None) -> list[Figure]:
    """Of the builds of the embedder that serves, the oldest at the left; none before there are two."""
    if serving is None:
        return []
    done = Build.objects.filter(embedder_id=serving.embedder_id, work=Status.DONE).order_by("-pk")[:LOOKED_AT]
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
        (_("Nearest reference found, of 1,000 faces"), "", _found),
        (_("Time to build"), "s", lambda build: build.milliseconds / 1000),
        (_("Size"), "MB", lambda build: build.size / 1024**2),
    ]
    ends = (_moment(builds[0]), _moment(builds[-1]))
    plots = ((title, unit, _plot([figure(build) for build in builds], ends)) for title, unit, figure in about)
    return [Figure(f"{title} ({unit})" if unit else title, plot) for title, unit, plot in plots if plot]


def _found(build: Build) -> float | None:
    return None if build.recall is None else 1000 * build.recall


def _plot(values: Sequence[float | None], ends: tuple[str, str]) -> Plot | None:
    known = [value for value in values if value is not None]
    return curve([("kept", known)], ends=ends) if len(known) > 1 else None


def _moment(build: Build) -> str:
    return date_format(timezone.localtime(build.created_at), "SHORT_DATE_FORMAT")

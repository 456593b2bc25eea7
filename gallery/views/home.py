"""The first page: what there is, what waits, and what to do first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from gallery import compiled, health
from gallery.access import current_user
from gallery.browse import albums, glimpses, people, photos, walks
from gallery.models import Face, Photo, User
from gallery.visibility import counted_faces, kept_for, visible_faces, visible_photos

RECENT = 18
MOST = 1_000  # faces; of more it is said that there are more


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """Where somebody new stands on the way to the first named photo."""

    has_photo: bool
    has_name: bool

    @property
    def is_done(self) -> bool:
        return self.has_photo and self.has_name


def first_steps(user: User, newest: Sequence[Photo]) -> FirstSteps:
    """By the newest photos; where nobody on them has a name, others are looked through."""
    is_named = any(glimpses.glimpse(photo).names for photo in newest)
    faces = visible_faces(user).filter(person__isnull=False)
    return FirstSteps(bool(newest), is_named or (bool(newest) and faces.exists()))


def faces_that_wait(user: User, state: Face.State) -> int:
    """How many faces of this state nobody has decided on, counted no further than MOST."""
    return compiled.count(kept_for(user, "faces that wait", state, MOST), partial(_waiting, user, state))


def _waiting(user: User, state: Face.State) -> QuerySet[Face, Any]:
    return counted_faces(user).filter(state=state, decision="").order_by().values("pk")[:MOST]


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    user = current_user(request)
    page = photos.grid(visible_photos(user), None, RECENT)
    request.findings = health.few(user) if user.is_curator else 0  # type: ignore[attr-defined]  # for the side bar, too
    context = {
        "steps": first_steps(user, page.rows),
        "progress": photos.progress(user),
        "page": page,
        "covers": albums.covers(albums.albums(user)[:6]),
        "walk": walks.EVERY,
        "portraits": people.portraits(user, people.most_seen(user), is_counted=False),
        "unsure": faces_that_wait(user, Face.State.UNSURE),
        "unknown": faces_that_wait(user, Face.State.UNKNOWN),
        "most": MOST,
        "doubtful": request.findings,  # type: ignore[attr-defined]  # set above
    }
    return render(request, "gallery/home.html", context)

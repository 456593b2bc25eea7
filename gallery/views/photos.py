"""The grid of photos, and how far the worker is with those that are not ready."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from gallery.access import current_user
from gallery.browse import photos
from gallery.browse.glimpses import glimpsed
from gallery.browse.paging import as_id
from gallery.visibility import visible_photos

WATCHED = 120  # tiles one page may ask about at once
FILTERS = (
    ("", _("All")),
    ("unnamed", _("With unnamed faces")),
    ("unsure", _("With faces to check")),
    ("waiting", _("In progress")),
    ("failed", _("Failed")),
)


@require_safe
def photo_list(request: HttpRequest) -> HttpResponse:
    user = current_user(request)
    wanted = request.GET.get("show", "")
    page = photos.grid(photos.chosen(visible_photos(user), wanted), as_id(request.GET.get("after")))
    context = {
        "page": page,
        "filters": FILTERS,
        "show": wanted,
        "progress": photos.progress(user),
        "walk": f"photos:{wanted}",
    }
    is_more = request.headers.get("HX-Target") == "more"
    return render(request, "gallery/_tiles.html" if is_more else "gallery/photos.html", context)


@require_safe
def photo_progress(request: HttpRequest) -> HttpResponse:
    """How many are left, and the tiles (asked for by id) that are ready now, in their new form."""
    user = current_user(request)
    asked = [pk for pk in map(as_id, request.GET.get("ids", "").split(",")) if pk is not None][:WATCHED]
    found = visible_photos(user).filter(pk__in=asked).exclude(work__in=photos.UNFINISHED)
    context = {
        "ready": glimpsed(found),
        "progress": photos.progress(user),
        "swap": True,
        "walk": request.GET.get("in", ""),
    }
    return render(request, "gallery/_progress.html", context)

"""A list of photos as a whole: its years and months to jump to, and its photos one after the other as a slideshow."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from gallery.core.permissions import PageRequest
from gallery.models import Status
from gallery.photos.selectors import get_photo_grid
from gallery.photos.timeline import get_timeline
from gallery.web.navigation import PhotoNavigation, find_navigation, get_all_photos

SLIDES_AT_ONCE = 30


@require_safe
def timeline(request: PageRequest) -> HttpResponse:
    """The years and months of the list `in`; to a script that asks for a dialog without the page around it."""
    on = _get_navigation(request)
    context = {"on": on, "years": get_timeline(on.photos, on.order)}
    return render(request, "gallery/_timeline.html" if request.htmx else "gallery/timeline.html", context)


@require_safe
def slides(request: PageRequest) -> HttpResponse:
    """Some photos of the list `in` behind `after`, as the slideshow shows them."""
    on = _get_navigation(request)
    shown = on.photos.exclude(work=Status.FAILED)
    page = get_photo_grid(shown, request.GET.get("after"), SLIDES_AT_ONCE, on.order)
    return render(request, "gallery/_slides.html", {"page": page, "walk": on.key})


def _get_navigation(request: PageRequest) -> PhotoNavigation:
    user, key = request.user, request.GET.get("in", "")
    return find_navigation(user, key) or get_all_photos(user)

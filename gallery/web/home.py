"""The first page, and the search box."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_safe

from gallery.core.permissions import PageRequest, contributor_required
from gallery.curation.findings import count_findings_for_badge
from gallery.faces.selectors import get_waiting_unknown_faces
from gallery.models import Face, Photo
from gallery.people.names_in_files import get_waiting_names
from gallery.people.selectors import find_most_seen_people, get_person_cards, list_people, list_person_labels
from gallery.photos.albums import list_album_cards, list_albums
from gallery.photos.search import SearchQuery, parse_search_query, search_albums, search_photos
from gallery.photos.selectors import get_photo_grid, get_processing_progress, get_tile_summary
from gallery.web.navigation import ADDED_PHOTOS_KEY

MAX_RECENT_PHOTOS = 18
MAX_COUNTED_FACES = 1_000  # faces; of more it is said that there are more


def _count_some(faces: QuerySet[Any]) -> int:
    """Counted no further than MAX_COUNTED_FACES."""
    return faces.order_by()[:MAX_COUNTED_FACES].count()


@require_safe
def home_page(request: PageRequest) -> HttpResponse:
    user = request.user
    page = get_photo_grid(Photo.objects.visible_to(user), None, MAX_RECENT_PHOTOS)
    named = Face.objects.visible_to(user).filter(person__isnull=False)
    findings = count_findings_for_badge(user) if user.is_curator else 0
    request.findings = findings  # type: ignore[attr-defined]  # for the side bar, too
    context = {
        "has_name": any(get_tile_summary(photo).names for photo in page.rows) or named.exists(),
        "progress": get_processing_progress(user),
        "page": page,
        "covers": list_album_cards(list_albums(user)[:6]),
        "walk": ADDED_PHOTOS_KEY,
        "portraits": get_person_cards(user, find_most_seen_people(user), is_counted=False),
        "unsure": _count_some(Face.objects.visible_to(user).undecided().filter(state=Face.State.UNSURE)),
        "unknown": _count_some(get_waiting_unknown_faces(user)),
        "file_names": _count_some(get_waiting_names(user)) if user.is_contributor else 0,
        "most": MAX_COUNTED_FACES,
        "doubtful": findings,
    }
    return render(request, "gallery/home.html", context)


@contributor_required
@require_safe
def manage_page(request: PageRequest) -> HttpResponse:
    """The way to all that is not done daily."""
    return render(request, "manage.html")


MAX_FOUND_PEOPLE, MAX_FOUND_ALBUMS = 12, 8


@require_safe
def search_page(request: PageRequest) -> HttpResponse:
    """What the address asks for (see photos/search.py): photos, and for a text people and albums too."""
    asked = parse_search_query(request.user, request.GET)
    page = get_photo_grid(
        search_photos(request.user, asked),
        request.GET.get("after"),
        order=request.user.photo_order,
        at=request.GET.get("at"),
    )
    context: dict[str, object] = {"page": page, "walk": f"search:{build_search_query(asked)}"}
    if request.htmx.target == "more":
        return render(request, "gallery/_tiles.html", context)
    context |= {"asked": asked, "names": list_person_labels(request.user)}
    if asked.text and not (asked.people or asked.without or asked.has_filter):
        found = list_people(text=asked.text)[:MAX_FOUND_PEOPLE]
        context["portraits"] = get_person_cards(request.user, found, text=asked.text)
        context["covers"] = list_album_cards(search_albums(request.user, asked)[:MAX_FOUND_ALBUMS])
    return render(request, "curation/search.html", context)


def build_search_query(asked: SearchQuery) -> str:
    """The search as a query string."""
    query = QueryDict(mutable=True)
    if asked.text and not (asked.people or asked.without):
        query["q"] = asked.text
    query.setlist("with", [str(person.pk) for person in asked.people])
    query.setlist("without", [str(person.pk) for person in asked.without])
    if asked.group:
        query["group"] = str(asked.group.pk)
    if asked.is_unnamed:
        query["unnamed"] = "1"
    query.setlist("tag", list(asked.tags))
    if asked.is_favourite:
        query["favourite"] = "1"
    if asked.rating:
        query["rating"] = str(asked.rating)
    return query.urlencode()

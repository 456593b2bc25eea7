"""One search box."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_safe

from gallery.access import current_user
from gallery.browse import albums, finding, people, photos
from gallery.browse.finding import Wish
from gallery.browse.paging import as_id

PEOPLE, ALBUMS = 12, 8


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """`q`, and people chosen before: `with` and `without` (ids, several), `unnamed`; `name` adds a person."""
    user = current_user(request)
    query = request.GET.copy()
    if query.get("name"):
        query["q"] = ", ".join(filter(None, (query.get("q", ""), query.get("name", ""))))
    asked = finding.wish(
        query.get("q", ""),
        _ids(query, "with"),
        _ids(query, "without"),
        is_unnamed=query.get("unnamed") == "1",
    )
    page = photos.grid(finding.found_photos(user, asked), as_id(query.get("after")))
    if request.headers.get("HX-Target") == "more":
        return render(request, "gallery/_tiles.html", {"page": page})
    context = {"asked": asked, "page": page, "address": address(asked)}
    if asked.text:
        found = people.people(user, text=asked.text)[:PEOPLE]
        context["portraits"] = people.portraits(user, found)
        context["covers"] = albums.covers(finding.found_albums(user, asked)[:ALBUMS])
    return render(request, "curation/search.html", context)


def _ids(query: QueryDict, name: str) -> list[int]:
    return [pk for pk in map(as_id, query.getlist(name)) if pk is not None]


def address(asked: Wish) -> str:
    """The wish as a query string."""
    query = QueryDict(mutable=True)
    if asked.text:
        query["q"] = asked.text
    query.setlist("with", [str(person.pk) for person in asked.people])
    query.setlist("without", [str(person.pk) for person in asked.without])
    if asked.is_unnamed:
        query["unnamed"] = "1"
    return query.urlencode()

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
    """What the address asks for (see `finding.wish_of`): photos, and for a text people and albums too."""
    user = current_user(request)
    asked = finding.wish_of(request.GET)
    page = photos.grid(finding.found_photos(user, asked), as_id(request.GET.get("after")))
    context: dict[str, object] = {"page": page, "walk": f"search:{address(asked)}"}
    if request.headers.get("HX-Target") == "more":
        return render(request, "gallery/_tiles.html", context)
    context |= {"asked": asked, "names": people.names()}
    if asked.text and not (asked.people or asked.without):
        found = people.people(text=asked.text)[:PEOPLE]
        context["portraits"] = people.portraits(user, found)
        context["covers"] = albums.covers(finding.found_albums(user, asked)[:ALBUMS])
    return render(request, "curation/search.html", context)


def address(asked: Wish) -> str:
    """The wish as a query string."""
    query = QueryDict(mutable=True)
    if asked.text and not (asked.people or asked.without):
        query["q"] = asked.text
    query.setlist("with", [str(person.pk) for person in asked.people])
    query.setlist("without", [str(person.pk) for person in asked.without])
    if asked.is_unnamed:
        query["unnamed"] = "1"
    return query.urlencode()

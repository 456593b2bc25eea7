"""In which order photos are listed, and putting an album's photos into one of one's own."""

from __future__ import annotations

from collections.abc import Mapping

from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseBadRequest, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from gallery.core.exceptions import ActionRefused
from gallery.core.pagination import parse_id, parse_ids
from gallery.core.permissions import PageRequest, contributor_required
from gallery.history.descriptions import add_event_message
from gallery.models import Album, Event, User
from gallery.photos.album_order import place_photos
from gallery.photos.albums import change_album, list_photos_in_album
from gallery.photos.ordering import LIST_ORDERS, order_photos
from gallery.photos.selectors import TILE_FIELDS
from gallery.web.albums import get_changeable_album
from gallery.web.responses import get_next_url, refusals_as_messages

ORDER_PAGE_SIZE = 100


@require_POST
def photo_order_choose(request: PageRequest) -> HttpResponse:
    """Remember the `order` of an album (`album`, an id) for everybody, or of the user's other lists."""
    order = request.POST.get("order", "")
    if order not in LIST_ORDERS:
        return HttpResponseBadRequest()
    if "album" in request.POST:
        album = get_changeable_album(request.user, parse_id(request.POST["album"]) or 0)
        add_event_message(request, change_album(request.user, album, {"order": order}))
    else:
        User.objects.filter(pk=request.user.pk).update(photo_order=order)
    return redirect(get_next_url(request))


@contributor_required
@require_http_methods(["GET", "HEAD", "POST"])
def album_order(request: PageRequest, pk: int) -> HttpResponse:
    """The album's photos, to be put into another order: `move` is "ID:" and where to (_find_new_index), or "chosen":
    those chosen (`photo`, ids) behind the one of number `behind`, 0 being the start."""
    user, album = request.user, get_changeable_album(request.user, pk)
    if request.method == "POST":
        with refusals_as_messages(request):
            event = _move_photos(user, album, request.POST)
            if not request.htmx:
                add_event_message(request, event)
        album.refresh_from_db()
    photos = order_photos(list_photos_in_album(user, album), album.order)
    page = Paginator(photos.only(*TILE_FIELDS), ORDER_PAGE_SIZE).get_page(request.GET.get("page"))
    if request.method == "POST" and not request.htmx:
        return redirect(f"{request.path}?page={page.number}")
    template = "gallery/_order.html" if request.htmx else "gallery/order.html"
    return render(request, template, {"album": album, "page": page})


def _move_photos(user: User, album: Album, given: QueryDict) -> Event | None:
    photos = list(order_photos(list_photos_in_album(user, album), album.order).only("pk"))
    number = {photo.pk: i for i, photo in enumerate(photos)}
    which, _colon, where = given.get("move", "").partition(":")
    if which == "chosen":
        ids = set(parse_ids(given.getlist("photo")))
        chosen = [photo for photo in photos if photo.pk in ids]
        behind = parse_id(given.get("behind"))
        if not chosen or behind is None or behind > len(photos):
            raise ActionRefused(_("Choose photos, and say behind which number they should stand."))
        index = behind
    else:
        at = number.get(parse_id(which) or 0)
        if at is None:
            raise ActionRefused(_("This photo is not in the album any more."))
        chosen = [photos[at]]
        index = _find_new_index(where, at, number)
    moved = {photo.pk for photo in chosen}
    before = [photo for photo in photos[:index] if photo.pk not in moved]
    return place_photos(user, album, chosen, before[-1] if before else None)


def _find_new_index(where: str, at: int, number: Mapping[int, int]) -> int:
    """How many photos stand before the new place: "first", "up", "down", "last", or before or behind another one."""
    side, _colon, other = where.partition(":")
    beside = number.get(parse_id(other) or 0, at)
    beside_it = {"before": beside, "behind": beside + 1}
    places = {"first": 0, "up": max(at - 1, 0), "down": at + 2, "last": len(number), **beside_it}
    return places.get(side, at)

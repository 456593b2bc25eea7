"""Albums: events and trips."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gallery.access import contributor_required, current_user
from gallery.browse import albums, people, photos, walks
from gallery.browse.paging import Mark, as_id
from gallery.forms import AlbumForm
from gallery.models import Album, User
from gallery.services import albums as acts
from gallery.services import many
from gallery.services.errors import Refused
from gallery.services.locks import who_changed
from gallery.views.saying import tell
from gallery.visibility import visible_albums, visible_photos


@require_safe
def album_list(request: HttpRequest) -> HttpResponse:
    user = current_user(request)
    rows, following = albums.page(albums.albums(user), Mark.read(request.GET.get("after", "")))
    return render(request, "gallery/albums.html", {"covers": albums.covers(rows), "next": following})


@require_safe
def album_page(request: HttpRequest, pk: int) -> HttpResponse:
    user = current_user(request)
    album = get_object_or_404(visible_albums(user), pk=pk)
    in_album = visible_photos(user).filter(album=album)
    page = photos.grid(in_album, as_id(request.GET.get("after")))
    if request.headers.get("HX-Target") == "more":
        return render(request, "gallery/_tiles.html", {"page": page, "walk": walks.in_album(album)})
    context = {
        "album": album,
        "walk": walks.in_album(album),
        "page": page,
        "count": in_album.count(),
        "portraits": people.portraits(user, albums.people_in(user, album)),
        "progress": photos.progress(user),
        "may_change": may_change(user, album),
    }
    return render(request, "gallery/album.html", context)


def may_change(user: User, album: Album) -> bool:
    """Curators change every album they see, contributors their own."""
    return user.is_curator or (user.is_contributor and album.created_by_id == user.pk)


@contributor_required
@require_http_methods(["GET", "POST"])
def album_new(request: HttpRequest) -> HttpResponse:
    form = AlbumForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            album = acts.create(current_user(request), **form.fresh())
        except Refused as refusal:
            form.add_error("name", str(refusal))
        else:
            return redirect("album", album.pk)
    return render(request, "gallery/album_form.html", {"form": form})


@contributor_required
@require_http_methods(["GET", "POST"])
@transaction.atomic
def album_edit(request: HttpRequest, pk: int) -> HttpResponse:
    album = _mine(request, pk)
    form = AlbumForm(request.POST or None, instance=Album.objects.get(pk=pk))
    if request.method == "POST" and form.is_valid():
        try:
            event = acts.change(current_user(request), album, form.given())
        except Refused as refusal:
            form.add_error("name", str(refusal))
        else:
            tell(request, event)
            return redirect("album", album.pk)
    return render(request, "gallery/album_form.html", {"form": form, "album": album})


@contributor_required
@require_POST
def album_remove(request: HttpRequest, pk: int) -> HttpResponse:
    album = _mine(request, pk)
    try:
        event = acts.remove(current_user(request), album)
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("album", album.pk)
    tell(request, event)
    return redirect("albums")


@contributor_required
@require_POST
def photo_album(request: HttpRequest, pk: int) -> HttpResponse:
    """Put one photo into an album (`album`), or make it its album's cover (`cover`)."""
    user = current_user(request)
    photo = get_object_or_404(visible_photos(user).select_related("album"), pk=pk)
    if "cover" in request.POST and photo.album and may_change(user, photo.album):
        tell(request, acts.set_cover(user, photo.album, photo))
        return redirect(walks.address_of(photo, request.POST.get("in", "")))
    asked = as_id(request.POST.get("album"))
    album = get_object_or_404(visible_albums(user), pk=asked) if asked else None
    if photo.album and photo.album.is_limited and not may_change(user, photo.album):
        raise PermissionDenied
    name = request.POST.get("new_album", "").strip()
    if "was" in request.POST and as_id(request.POST["was"]) != photo.album_id:
        messages.warning(request, who_changed("photo", photo.pk))
    elif name:
        tell(request, many.put(user, [photo], many.album_called(user, name) or name))
    else:
        tell(request, acts.put(user, photo, album))
    return redirect(walks.address_of(photo, request.POST.get("in", "")))


def _mine(request: HttpRequest, pk: int) -> Album:
    user = current_user(request)
    album: Album = get_object_or_404(visible_albums(user), pk=pk)
    if not may_change(user, album):
        raise PermissionDenied
    return album

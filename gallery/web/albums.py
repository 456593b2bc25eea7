"""Albums, and their share links: made and revoked by curators, followed by anybody who has one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gallery.core.downloads import picture_response
from gallery.core.pagination import PageCursor, parse_id
from gallery.core.permissions import PageRequest, contributor_required, curator_required
from gallery.history.audit import record_share_visit
from gallery.history.descriptions import add_event_message
from gallery.history.locking import OptimisticLockForm
from gallery.models import Album, Event, Person, Photo, ShareLink, User
from gallery.models.clock import get_site_time
from gallery.people.selectors import get_person_cards
from gallery.photos.albums import (
    can_change_album,
    change_album,
    create_album,
    find_album_by_name,
    get_album_page,
    list_album_cards,
    list_albums,
    list_people_in_album,
    list_photos_in_album,
    remove_album,
    set_album_cover,
)
from gallery.photos.membership import (
    can_take_out,
    filter_movable_photos,
    open_photo,
    put_photos_in_album,
    take_photos_out,
)
from gallery.photos.ordering import find_neighbour_ids, paginate_photos
from gallery.photos.renditions import (
    PHOTO_WIDTHS,
    get_box_to_hide,
    get_hidden_photo_rendition,
    get_photo_rendition,
    hidden_digest,
    photo_digest,
)
from gallery.photos.selectors import get_photo_grid, get_processing_progress
from gallery.photos.sharing import (
    faces_with_shared_names,
    find_faces_to_hide,
    find_share_link,
    revoke_share_link,
    share_album,
    shared_photos,
)
from gallery.web.navigation import album_navigation_key, get_photo_url
from gallery.web.responses import refusals_as_errors, refusals_as_messages
from recognition.types import Box


class AlbumForm(OptimisticLockForm):
    class Meta:
        model = Album
        fields: ClassVar = ["name", "date", "note", "order", "is_recognised", "is_limited", "members"]
        widgets: ClassVar = {
            "date": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "note": forms.Textarea(attrs={"rows": 3}),
            "members": forms.CheckboxSelectMultiple,
        }
        help_texts: ClassVar = {
            "date": gettext_lazy("The day of the event, or the first one."),
            "is_recognised": gettext_lazy(
                "Off: nobody is recognised in this album's photos. What faces are compared by and names the machine "
                "gave are removed; names people gave stay. In what is shared by links all faces are hidden."
            ),
            "is_limited": gettext_lazy(
                "On: only you, administrators and the users chosen below see this album."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        members = cast("forms.ModelMultipleChoiceField[User]", self.fields["members"])
        members.queryset = User.objects.filter(is_active=True).order_by("username")


@require_safe
def album_list(request: PageRequest) -> HttpResponse:
    rows, following = get_album_page(list_albums(request.user), PageCursor.read(request.GET.get("after", "")))
    return render(request, "gallery/albums.html", {"covers": list_album_cards(rows), "next": following})


@require_safe
def album_detail(request: PageRequest, pk: int) -> HttpResponse:
    user = request.user
    album = get_object_or_404(Album.objects.visible_to(user), pk=pk)
    in_album = list_photos_in_album(user, album)
    page = get_photo_grid(in_album, request.GET.get("after"), order=album.order, at=request.GET.get("at"))
    if request.htmx.target == "more":
        return render(request, "gallery/_tiles.html", {"page": page, "walk": album_navigation_key(album)})
    context = {
        "album": album,
        "walk": album_navigation_key(album),
        "page": page,
        "count": in_album.count(),
        "portraits": get_person_cards(user, list_people_in_album(user, album)),
        "progress": get_processing_progress(user),
        "may_change": can_change_album(user, album),
    }
    return render(request, "gallery/album.html", context)


def get_changeable_album(user: User, pk: int) -> Album:
    album: Album = get_object_or_404(Album.objects.visible_to(user), pk=pk)
    if not can_change_album(user, album):
        raise PermissionDenied
    return album


@contributor_required
@require_http_methods(["GET", "POST"])
def album_create(request: PageRequest) -> HttpResponse:
    form = AlbumForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals_as_errors(form, "name"):
            album = create_album(request.user, **form.get_row_values())
            return redirect("album", album.pk)
    return render(request, "gallery/album_form.html", {"form": form})


@contributor_required
@require_http_methods(["GET", "POST"])
@transaction.atomic
def album_edit(request: PageRequest, pk: int) -> HttpResponse:
    album = get_changeable_album(request.user, pk)
    form = AlbumForm(request.POST or None, instance=Album.objects.get(pk=pk))
    if request.method == "POST" and form.is_valid():
        with refusals_as_errors(form, "name"):
            event = change_album(request.user, album, form.get_changed_values())
            add_event_message(request, event)
            return redirect("album", album.pk)
    return render(request, "gallery/album_form.html", {"form": form, "album": album})


@contributor_required
@require_POST
def album_remove(request: PageRequest, pk: int) -> HttpResponse:
    album = get_changeable_album(request.user, pk)
    with refusals_as_messages(request):
        add_event_message(request, remove_album(request.user, album))
        return redirect("albums")
    return redirect("album", album.pk)


@contributor_required
@require_POST
def photo_album_update(request: PageRequest, pk: int) -> HttpResponse:
    """Put one photo into an album (`album`, or `new_album` by name), take it out of one (`leave`), make it the cover
    of one (`cover`), or let everybody see it once it is in none (`open`)."""
    user = request.user
    photo = get_object_or_404(Photo.objects.visible_to(user).select_related("limited_by"), pk=pk)
    event: Event | None
    if "cover" in request.POST:
        album = get_changeable_album(user, parse_id(request.POST["cover"]) or 0)
        event = set_album_cover(user, get_object_or_404(photo.albums, pk=album.pk), photo)
    elif "leave" in request.POST:
        album = _get_visible_album(user, request.POST["leave"])
        if not can_take_out(user, album):
            raise PermissionDenied
        event = take_photos_out(user, [photo], album)
    elif "open" in request.POST:
        if photo.limited_by is None or not can_change_album(user, photo.limited_by):
            raise PermissionDenied
        event = open_photo(user, photo)
    else:
        event = _put_photo(user, photo, request.POST.get("album", ""), request.POST.get("new_album", ""))
    add_event_message(request, event)
    if not Photo.objects.visible_to(user).filter(pk=photo.pk).exists():
        return redirect("photos")
    return redirect(get_photo_url(photo, request.POST.get("in", "")))


def _put_photo(user: User, photo: Photo, pk: str, name: str) -> Event | None:
    if not filter_movable_photos(user, [photo]):
        raise PermissionDenied
    name = name.strip()
    if name:
        return put_photos_in_album(user, [photo], find_album_by_name(user, name) or name)
    return put_photos_in_album(user, [photo], _get_visible_album(user, pk)) if pk else None


def _get_visible_album(user: User, pk: str) -> Album:
    found: Album = get_object_or_404(Album.objects.visible_to(user), pk=parse_id(pk) or 0)
    return found


SHARE_LINK_DAYS = (7, 30, 90, 365)
SHARED_PAGE_SIZE = 60


@curator_required
@require_http_methods(["GET", "POST"])
def album_share_links(request: PageRequest, pk: int) -> HttpResponse:
    """The album's links, and a form for a new one; its address is shown once, here."""
    album = get_object_or_404(Album.objects.visible_to(request.user), pk=pk)
    address = ""
    if request.method == "POST":
        days = parse_id(request.POST.get("days"))
        _link, token = share_album(
            request.user,
            album,
            days=days if days in SHARE_LINK_DAYS else SHARE_LINK_DAYS[0],
            has_names="names" in request.POST,
            hides_unnamed="unnamed" in request.POST,
        )
        address = request.build_absolute_uri(reverse("shared_album", args=(token,)))
    links = album.links.filter(revoked_at=None, expires_at__gt=get_site_time()).select_related("created_by")
    context = {
        "album": album,
        "links": links,
        "days": SHARE_LINK_DAYS,
        "address": address,
        "has_masked": Person.objects.not_recognisable().exists(),
    }
    return render(request, "share/links.html", context)


@curator_required
@require_POST
def share_link_revoke(request: PageRequest, pk: int, link: int) -> HttpResponse:
    album = get_object_or_404(Album.objects.visible_to(request.user), pk=pk)
    revoke_share_link(request.user, get_object_or_404(album.links, pk=link))
    messages.success(request, _("The link leads nowhere any more."))
    return redirect("album_share", album.pk)


def _get_open_link(token: str) -> ShareLink:
    """A wrong, expired or revoked link looks like no page at all."""
    link = find_share_link(token)
    if link is None:
        raise Http404
    return link


@login_not_required
@require_safe
def shared_album(request: HttpRequest, token: str) -> HttpResponse:
    link = _get_open_link(token)
    photos = shared_photos(link)
    page = paginate_photos(photos, link.album.order, request.GET.get("after"), SHARED_PAGE_SIZE)
    record_share_visit(link)
    hidden = _find_boxes_to_hide(link, page.rows)
    context = {
        "link": link,
        "token": token,
        "shown": [(photo, _shared_photo_digest(photo, hidden[photo.pk])) for photo in page.rows],
        "after": page.after,
    }
    return _add_unlisted_headers(render(request, "share/album.html", context))


@login_not_required
@require_safe
def shared_photo(request: HttpRequest, token: str, pk: int) -> HttpResponse:
    link = _get_open_link(token)
    photo = get_object_or_404(shared_photos(link), pk=pk)
    before, after = find_neighbour_ids(shared_photos(link), link.album.order, photo)
    context = {
        "link": link,
        "token": token,
        "photo": photo,
        "digest": _shared_photo_digest(photo, _find_boxes_to_hide(link, [photo])[photo.pk]),
        "names": faces_with_shared_names(photo) if link.has_names else [],
        "before": before,
        "after": after,
    }
    return _add_unlisted_headers(render(request, "share/photo.html", context))


@login_not_required
@require_safe
def shared_image(request: HttpRequest, token: str, pk: int, digest: str, width: int) -> HttpResponseBase:
    link = _get_open_link(token)
    photo = get_object_or_404(shared_photos(link), pk=pk)
    boxes = _find_boxes_to_hide(link, [photo])[photo.pk]
    if digest != _shared_photo_digest(photo, boxes) or width not in PHOTO_WIDTHS:
        raise Http404
    tag = f"{digest}-{width}"
    if not boxes:
        return picture_response(request, tag, lambda: get_photo_rendition(photo, width))
    return picture_response(request, tag, lambda: get_hidden_photo_rendition(photo, width, boxes))


def _find_boxes_to_hide(link: ShareLink, photos: Sequence[Photo]) -> dict[int, list[Box]]:
    found = find_faces_to_hide(photos, is_unnamed_hidden=link.hides_unnamed)
    return {photo: [get_box_to_hide(face) for face in faces] for photo, faces in found.items()}


def _shared_photo_digest(photo: Photo, boxes: list[Box]) -> str:
    return hidden_digest(photo, boxes) if boxes else photo_digest(photo)


def _add_unlisted_headers(response: HttpResponse) -> HttpResponse:
    """Kept out of search engines, and the address out of other sites' logs."""
    response["X-Robots-Tag"] = "noindex, nofollow, noimageindex"
    response["Referrer-Policy"] = "no-referrer"
    return response

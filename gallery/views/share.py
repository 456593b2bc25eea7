"""Share links: made and taken back by curators; followed by anybody who has one. What they show is read-only."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gallery import audit, derived, visibility
from gallery.access import curator_required, current_user
from gallery.browse import photos
from gallery.models import Person, Photo, ShareLink
from gallery.recognising import masked
from gallery.services import sharing
from gallery.views.media import picture
from recognition.types import Box

DAYS = (7, 30, 90, 365)
PAGE = 60


@curator_required
@require_http_methods(["GET", "POST"])
def album_share(request: HttpRequest, pk: int) -> HttpResponse:
    """The album's links, and a form for a new one; its address is shown once, here."""
    user = current_user(request)
    album = get_object_or_404(visibility.visible_albums(user), pk=pk)
    address = ""
    if request.method == "POST":
        days = request.POST.get("days", "")
        wanted = int(days) if days.isdecimal() and int(days) in DAYS else DAYS[0]
        _link, token = sharing.share(
            user,
            album,
            days=wanted,
            has_names="names" in request.POST,
            hides_unnamed="unnamed" in request.POST,
        )
        address = request.build_absolute_uri(reverse("shared_album", args=(token,)))
    links = album.links.filter(revoked_at=None, expires_at__gt=timezone.now()).select_related("created_by")
    context = {
        "album": album,
        "links": links,
        "days": DAYS,
        "address": address,
        "has_masked": Person.objects.filter(masked()).exists(),
    }
    return render(request, "share/links.html", context)


@curator_required
@require_POST
def share_revoke(request: HttpRequest, pk: int, link: int) -> HttpResponse:
    user = current_user(request)
    album = get_object_or_404(visibility.visible_albums(user), pk=pk)
    sharing.revoke(user, get_object_or_404(album.links, pk=link))
    messages.success(request, _("The link leads nowhere any more."))
    return redirect("album_share", album.pk)


def _open(token: str) -> ShareLink:
    """A wrong, expired or revoked link looks like no page at all."""
    link = visibility.open_link(token)
    if link is None:
        raise Http404
    return link


@login_not_required
@require_safe
def shared_album(request: HttpRequest, token: str) -> HttpResponse:
    link = _open(token)
    after = request.GET.get("after", "")
    found = visibility.shared_photos(link).order_by("-pk")
    if after.isdecimal():
        found = found.filter(pk__lt=int(after[:18]))
    rows = list(found.select_related("album")[: PAGE + 1])
    audit.shared(link)
    hidden = _hidden(link, rows[:PAGE])
    context = {
        "link": link,
        "token": token,
        "shown": [(photo, _digest(photo, hidden[photo.pk])) for photo in rows[:PAGE]],
        "after": rows[PAGE - 1].pk if len(rows) > PAGE else None,
    }
    return _unlisted(render(request, "share/album.html", context))


@login_not_required
@require_safe
def shared_photo(request: HttpRequest, token: str, pk: int) -> HttpResponse:
    link = _open(token)
    photo = get_object_or_404(visibility.shared_photos(link).select_related("album"), pk=pk)
    names = visibility.shared_names(photo) if link.has_names else []
    digest = _digest(photo, _hidden(link, [photo])[photo.pk])
    newer, older = photos.neighbours(visibility.shared_photos(link), photo)
    context = {
        "link": link,
        "token": token,
        "photo": photo,
        "digest": digest,
        "names": names,
        "newer": newer,
        "older": older,
    }
    return _unlisted(render(request, "share/photo.html", context))


@login_not_required
@require_safe
def shared_image(request: HttpRequest, token: str, pk: int, digest: str, width: int) -> HttpResponseBase:
    link = _open(token)
    photo = get_object_or_404(visibility.shared_photos(link).select_related("album"), pk=pk)
    boxes = _hidden(link, [photo])[photo.pk]
    if digest != _digest(photo, boxes) or width not in derived.PHOTO_WIDTHS:
        raise Http404
    if not boxes:
        return picture(request, f"{digest}-{width}", lambda: derived.photo_picture(photo, width))
    return picture(request, f"{digest}-{width}", lambda: derived.hidden_picture(photo, width, boxes))


def _hidden(link: ShareLink, photos: Sequence[Photo]) -> dict[int, list[Box]]:
    found = visibility.hidden_faces(photos, is_unnamed_hidden=link.hides_unnamed)
    return {photo: [derived.box_to_hide(face) for face in faces] for photo, faces in found.items()}


def _digest(photo: Photo, boxes: list[Box]) -> str:
    return derived.hidden_digest(photo, boxes) if boxes else derived.photo_digest(photo)


def _unlisted(response: HttpResponse) -> HttpResponse:
    """Kept out of search engines, and the address out of other sites' logs."""
    response["X-Robots-Tag"] = "noindex, nofollow, noimageindex"
    response["Referrer-Policy"] = "no-referrer"
    return response

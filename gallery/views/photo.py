"""One photo: its page, the trash and back, once more."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from gallery import audit
from gallery.access import contributor_required, current_user
from gallery.browse import onephoto, photos, walks
from gallery.browse.paging import as_id, page_of
from gallery.models import Photo, User
from gallery.services import photos as acts
from gallery.views.saying import tell
from gallery.views.theme import back
from gallery.visibility import visible_albums, visible_photos

MOST_ALBUMS = 200  # in a list to choose from


def photo_context(user: User, photo: Photo, face: int | None, key: str) -> dict[str, object]:
    """What the photo's boxes, its list of faces and the panel need; `key` is the walk in the address."""
    marks = onephoto.marks(user, photo)
    chosen = onephoto.one_face(user, face) if face else None
    if chosen and chosen.photo_id != photo.pk:
        chosen = None
    return {
        "photo": photo,
        "marks": marks,
        "open_marks": sum(mark.is_open for mark in marks),
        "forgotten": onephoto.forgotten(photo, marks),
        "who": photos.named(mark.said for mark in marks),
        "walk": key,
        "chosen": chosen,
        "detail": onephoto.detail(user, chosen) if chosen else None,
    }


@require_safe
def photo_page(request: HttpRequest, pk: int) -> HttpResponse:
    user = current_user(request)
    photo = get_object_or_404(visible_photos(user).select_related("album", "uploaded_by"), pk=pk)
    audit.saw(user, photo)
    on = walks.walk(user, request.GET.get("in", ""), photo)
    context = photo_context(user, photo, as_id(request.GET.get("face")), on.key)
    albums = visible_albums(user).order_by("-pk")[:MOST_ALBUMS] if user.is_contributor else ()
    context |= {"on": on, "place": walks.place(on, photo), "albums": albums}
    return render(request, "gallery/photo.html", context)


@require_safe
def photo_state(request: HttpRequest, pk: int) -> HttpResponse:
    """Boxes and faces anew, asked for while the worker is at it or after an act."""
    user = current_user(request)
    photo = get_object_or_404(visible_photos(user).select_related("album"), pk=pk)
    return render(
        request, "gallery/_photo_state.html", photo_context(user, photo, None, request.GET.get("in", ""))
    )


@contributor_required
@require_POST
def photo_trash(request: HttpRequest, pk: int) -> HttpResponse:
    user = current_user(request)
    photo = get_object_or_404(visible_photos(user).select_related("album"), pk=pk)
    on = walks.walk(user, request.POST.get("in", ""), photo)
    tell(request, acts.trash_photo(user, photo))
    return redirect(on.address)


@contributor_required
@require_POST
def photo_restore(request: HttpRequest, pk: int) -> HttpResponse:
    user = current_user(request)
    photo = get_object_or_404(visible_photos(user, trashed=True), pk=pk)
    acts.restore_photo(user, photo)
    messages.success(request, _("%(name)s is back.") % {"name": photo.name})
    return redirect(back(request) if request.POST.get("next") else photo_address(photo))


@contributor_required
@require_POST
def photo_retry(request: HttpRequest, pk: int) -> HttpResponse:
    user = current_user(request)
    photo = get_object_or_404(visible_photos(user), pk=pk)
    tell(request, acts.retry_photo(user, photo))
    return redirect(photo_address(photo))


def photo_address(photo: Photo) -> str:
    return reverse("photo", args=(photo.pk,))


@contributor_required
@require_safe
def trash(request: HttpRequest) -> HttpResponse:
    user = current_user(request)
    page = page_of(visible_photos(user, trashed=True), as_id(request.GET.get("after")), photos.PAGE)
    return render(request, "gallery/trash.html", {"page": page})

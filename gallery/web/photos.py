"""Photos: the grid, one photo's page, the trash, and acts on many chosen photos."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from gallery.core.exceptions import ActionRefused
from gallery.core.pagination import paginate_by_id, parse_id
from gallery.core.permissions import contributor_required, current_user
from gallery.core.requests import HtmxHttpRequest
from gallery.faces.selectors import count_forgotten_faces, find_visible_face, get_face_detail, list_face_marks
from gallery.history.audit import record_view
from gallery.history.messages import add_event_message, describe_own_event
from gallery.models import Album, Event, Photo, User
from gallery.photos.albums import find_album_by_name
from gallery.photos.selectors import (
    PHOTOS_PER_PAGE,
    UNFINISHED_STATUSES,
    add_tile_summaries,
    filter_photos,
    get_photo_grid,
    get_processing_progress,
    join_label_names,
)
from gallery.photos.services import (
    MAX_CHOSEN_PHOTOS,
    check_photo_count,
    put_photos_in_album,
    restore_photo,
    restore_photos,
    retry_photo,
    set_photos_recognition,
    trash_photo,
    trash_photos,
)
from gallery.web.navigation import get_photo_navigation, locate_photo
from gallery.web.redirects import get_next_url, get_undo_url

MAX_WATCHED_TILES = 120  # tiles one page may ask about at once
PHOTO_FILTERS = (
    ("", gettext_lazy("All")),
    ("unnamed", gettext_lazy("With unnamed faces")),
    ("unsure", gettext_lazy("With faces to check")),
    ("waiting", gettext_lazy("In progress")),
    ("failed", gettext_lazy("Failed")),
)


@require_safe
def photo_list(request: HtmxHttpRequest) -> HttpResponse:
    user = current_user(request)
    wanted = request.GET.get("show", "")
    page = get_photo_grid(
        filter_photos(Photo.objects.visible_to(user), wanted), parse_id(request.GET.get("after"))
    )
    context = {
        "page": page,
        "filters": PHOTO_FILTERS,
        "show": wanted,
        "progress": get_processing_progress(user),
        "walk": f"photos:{wanted}",
    }
    is_more = request.htmx.target == "more"
    return render(request, "gallery/_tiles.html" if is_more else "gallery/photos.html", context)


@require_safe
def photo_progress(request: HttpRequest) -> HttpResponse:
    """How many are left, and the tiles (asked for by id) that are ready now, in their new form."""
    user = current_user(request)
    asked = [pk for pk in map(parse_id, request.GET.get("ids", "").split(",")) if pk is not None][
        :MAX_WATCHED_TILES
    ]
    found = Photo.objects.visible_to(user).filter(pk__in=asked).exclude(work__in=UNFINISHED_STATUSES)
    context = {
        "ready": add_tile_summaries(found),
        "progress": get_processing_progress(user),
        "swap": True,
        "walk": request.GET.get("in", ""),
    }
    return render(request, "gallery/_progress.html", context)


MAX_ALBUM_CHOICES = 200  # in a list to choose from


def get_photo_context(user: User, photo: Photo, face: int | None, key: str) -> dict[str, object]:
    """What the photo's boxes, its list of faces and the panel need; `key` is the walk in the address."""
    marks = list_face_marks(user, photo)
    chosen = find_visible_face(user, face) if face else None
    if chosen and chosen.photo_id != photo.pk:
        chosen = None
    return {
        "photo": photo,
        "marks": marks,
        "open_marks": sum(mark.is_open for mark in marks),
        "forgotten": count_forgotten_faces(photo, marks),
        "who": join_label_names(mark.said for mark in marks),
        "walk": key,
        "chosen": chosen,
        "detail": get_face_detail(user, chosen) if chosen else None,
    }


@require_safe
def photo_detail(request: HttpRequest, pk: int) -> HttpResponse:
    user = current_user(request)
    photo = get_object_or_404(Photo.objects.visible_to(user).select_related("album", "uploaded_by"), pk=pk)
    record_view(user, photo)
    on = get_photo_navigation(user, request.GET.get("in", ""), photo)
    context = get_photo_context(user, photo, parse_id(request.GET.get("face")), on.key)
    albums = Album.objects.visible_to(user).order_by("-pk")[:MAX_ALBUM_CHOICES] if user.is_contributor else ()
    context |= {"on": on, "place": locate_photo(on, photo), "albums": albums}
    return render(request, "gallery/photo.html", context)


@require_safe
def photo_state(request: HttpRequest, pk: int) -> HttpResponse:
    """Boxes and faces anew, asked for while the worker is at it or after an act."""
    user = current_user(request)
    photo = get_object_or_404(Photo.objects.visible_to(user).select_related("album"), pk=pk)
    return render(
        request, "gallery/_photo_state.html", get_photo_context(user, photo, None, request.GET.get("in", ""))
    )


@contributor_required
@require_POST
def photo_trash(request: HttpRequest, pk: int) -> HttpResponse:
    user = current_user(request)
    photo = get_object_or_404(Photo.objects.visible_to(user).select_related("album"), pk=pk)
    on = get_photo_navigation(user, request.POST.get("in", ""), photo)
    add_event_message(request, trash_photo(user, photo))
    return redirect(on.address)


@contributor_required
@require_POST
def photo_restore(request: HttpRequest, pk: int) -> HttpResponse:
    user = current_user(request)
    photo = get_object_or_404(Photo.objects.in_visible_albums(user).in_trash(), pk=pk)
    restore_photo(user, photo)
    messages.success(request, _("%(name)s is back.") % {"name": photo.name})
    return redirect(get_next_url(request) if request.POST.get("next") else photo_page_url(photo))


@contributor_required
@require_POST
def photo_retry(request: HttpRequest, pk: int) -> HttpResponse:
    user = current_user(request)
    photo = get_object_or_404(Photo.objects.visible_to(user), pk=pk)
    add_event_message(request, retry_photo(user, photo))
    return redirect(photo_page_url(photo))


def photo_page_url(photo: Photo) -> str:
    return reverse("photo", args=(photo.pk,))


@contributor_required
@require_safe
def trash_list(request: HttpRequest) -> HttpResponse:
    user = current_user(request)
    page = paginate_by_id(
        Photo.objects.in_visible_albums(user).in_trash(), parse_id(request.GET.get("after")), PHOTOS_PER_PAGE
    )
    return render(request, "gallery/trash.html", {"page": page})


ACTIONS_THAT_REMOVE = {"out", "trash", "restore"}  # acts after which a photo is not on the page any more


@contributor_required
@require_POST
def photos_action(request: HtmxHttpRequest) -> HttpResponse:
    """Do what the button `do` says to the chosen photos (`photo`, ids); to htmx a message, else the page again."""
    user, word = current_user(request), request.POST.get("do", "")
    try:
        photos = Photo.objects.in_visible_albums(user)
        photos = photos.in_trash() if word == "restore" else photos.outside_trash()
        chosen = get_chosen_photos(request, photos)
        event, left = _apply_photos_action(request, user, word, chosen)
    except ActionRefused as refusal:
        return _refuse_action(request, str(refusal))
    if request.htmx:
        return _action_response(request, event, word, left)
    if left:
        messages.warning(request, left)
    if event is None and not left:
        messages.info(request, _unchanged_sentence())
    add_event_message(request, event)
    return redirect(get_next_url(request))


def get_chosen_photos(
    request: HttpRequest, among: QuerySet[Photo], most: int = MAX_CHOSEN_PHOTOS
) -> list[Photo]:
    """The photos whose ids were sent, of those the user may act on; Refused where they are none, or too many."""
    ids = {pk for pk in map(parse_id, request.POST.getlist("photo")) if pk is not None}
    check_photo_count(sorted(ids), most)
    found = list(among.filter(pk__in=ids).order_by("pk"))
    if not found:
        raise ActionRefused(_("These photos are no longer there. Nothing was changed."))
    return found


def _apply_photos_action(
    request: HttpRequest, user: User, word: str, chosen: list[Photo]
) -> tuple[Event | None, str]:
    """What was done, and a sentence on what was left as it is."""
    if word == "trash":
        return trash_photos(user, chosen), ""
    if word == "restore":
        return restore_photos(user, chosen), ""
    if word in ("recognise", "stop_recognising"):
        return set_photos_recognition(user, chosen, word == "recognise"), ""
    if word not in ("album", "out"):
        raise ActionRefused(_("Choose what to do with these photos."))
    target, kept = None, _list_movable_photos(user, chosen)
    if word == "album":
        name = request.POST.get("album", "").strip()
        if not name:
            raise ActionRefused(_("Write the name of an album, an old or a new one."))
        target = find_album_by_name(user, name) or name
    left = len(chosen) - len(kept)
    return (put_photos_in_album(user, kept, target) if kept else None), _left_in_album_sentence(
        left
    ) if left else ""


def _list_movable_photos(user: User, chosen: list[Photo]) -> list[Photo]:
    """Photos may leave an album for chosen users only by those who may change the album: others would see them."""
    if user.is_curator:
        return chosen
    own = Q(album__isnull=True) | Q(album__is_limited=False) | Q(album__created_by=user)
    kept = Photo.objects.filter(own, pk__in=[photo.pk for photo in chosen])
    ids = set(kept.values_list("pk", flat=True))
    return [photo for photo in chosen if photo.pk in ids]


def _left_in_album_sentence(count: int) -> str:
    return ngettext(
        "%(count)s photo stays where it is: it is in an album for chosen users that is not yours to change.",
        "%(count)s photos stay where they are: they are in albums for chosen users that are not yours to change.",
        count,
    ) % {"count": count}


def _unchanged_sentence() -> str:
    return _("Nothing to change: these photos are so already.")


def _refuse_action(request: HtmxHttpRequest, sentence: str) -> HttpResponse:
    if request.htmx:
        return trigger_client_event(HttpResponse(status=204), "toast", {"text": sentence, "tags": "error"})
    messages.error(request, sentence)
    return redirect(get_next_url(request))


def _action_response(request: HttpRequest, event: Event | None, word: str, left: str) -> HttpResponse:
    done = describe_own_event(event) if event else ""
    text = f"{done} {left}".strip() or _unchanged_sentence()
    gone = _list_changed_photo_ids(event) if event and word in ACTIONS_THAT_REMOVE else []
    toast = {"text": text, "undo": get_undo_url(event)}
    response = trigger_client_event(HttpResponse(status=204), "toast", toast)
    return trigger_client_event(response, "photos-done", {"gone": gone, "act": word})


def _list_changed_photo_ids(event: Event) -> list[int]:
    return list(event.subjects.filter(object_type="photo").values_list("object_id", flat=True))

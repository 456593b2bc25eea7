"""Photos: the grid, one photo's page, the trash, and acts on many chosen photos."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from gallery.core.exceptions import ActionRefused
from gallery.core.pagination import find_by_id, paginate_by_id, parse_id, parse_ids
from gallery.core.permissions import PageRequest, contributor_required
from gallery.faces.selectors import count_forgotten_faces, find_visible_face, get_face_detail, list_face_marks
from gallery.history.audit import record_view
from gallery.history.descriptions import add_event_message, describe_own_event
from gallery.history.switches import are_face_lookups_on
from gallery.models import Album, Event, Face, Photo, Rating, User
from gallery.models.base import UNFINISHED_STATUSES
from gallery.people.groups import get_likely_cards
from gallery.photos.albums import can_change_album, find_album_by_name
from gallery.photos.descriptions import (
    caption_photos,
    rate_photos,
    split_tags,
    tag_photos,
    untag_photos,
)
from gallery.photos.membership import (
    can_take_out,
    filter_movable_photos,
    put_photos_in_album,
    take_photos_out,
)
from gallery.photos.pages import list_pages
from gallery.photos.selectors import (
    PHOTOS_PER_PAGE,
    add_tile_summaries,
    filter_photos,
    get_photo_grid,
    get_processing_progress,
    join_label_names,
)
from gallery.photos.services import (
    MAX_CHOSEN_PHOTOS,
    check_photo_count,
    restore_photo,
    restore_photos,
    retry_photo,
    set_photos_recognition,
    trash_photo,
    trash_photos,
)
from gallery.photos.stacks import list_stack
from gallery.photos.turning import LEFT, RIGHT, turn_photos
from gallery.web.navigation import get_grid_url, get_photo_navigation, locate_photo
from gallery.web.responses import add_toast, get_next_url, get_undo_url

MAX_WATCHED_TILES = 120  # tiles one page may ask about at once
PHOTO_FILTERS = (
    ("", gettext_lazy("All")),
    ("favourites", gettext_lazy("Favourites")),
    ("unnamed", gettext_lazy("With unnamed faces")),
    ("unsure", gettext_lazy("With faces to check")),
    ("waiting", gettext_lazy("In progress")),
    ("failed", gettext_lazy("Failed")),
)


@require_safe
def photo_list(request: PageRequest) -> HttpResponse:
    wanted = request.GET.get("show", "")
    page = get_photo_grid(
        filter_photos(request.user, Photo.objects.visible_to(request.user), wanted),
        request.GET.get("after"),
        order=request.user.photo_order,
        at=request.GET.get("at"),
    )
    context = {
        "page": page,
        "filters": PHOTO_FILTERS,
        "show": wanted,
        "progress": get_processing_progress(request.user),
        "walk": f"photos:{wanted}",
    }
    is_more = request.htmx.target == "more"
    return render(request, "gallery/_tiles.html" if is_more else "gallery/photos.html", context)


@require_safe
def photo_progress(request: PageRequest) -> HttpResponse:
    """How many are left, and the tiles (asked for by id) that are ready now, in their new form."""
    ids = parse_ids(request.GET.get("ids", "").split(","))[:MAX_WATCHED_TILES]
    found = Photo.objects.visible_to(request.user).filter(pk__in=ids).exclude(work__in=UNFINISHED_STATUSES)
    context = {
        "ready": add_tile_summaries(found),
        "progress": get_processing_progress(request.user),
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
        "who": join_label_names(mark.label for mark in marks),
        "walk": key,
        **get_face_context(user, chosen),
    }


def get_face_context(user: User, face: Face | None) -> dict[str, object]:
    """A face with all that its panel says; and who is likely, where it waits for somebody to say who it is."""
    is_asked = user.is_contributor and face is not None and not (face.is_decided or face.person_id)
    return {
        "chosen": face,
        "detail": get_face_detail(user, face) if face else None,
        "likely": get_likely_cards(user, face.photo) if face and is_asked else [],
        "is_searchable": face is not None and face.embedder_id and are_face_lookups_on(),
    }


@require_safe
def photo_detail(request: PageRequest, pk: int) -> HttpResponse:
    user = request.user
    photo = get_object_or_404(
        Photo.objects.visible_to(user).select_related("uploaded_by", "limited_by"), pk=pk
    )
    record_view(user, photo)
    on = get_photo_navigation(user, request.GET.get("in", ""), photo)
    context = get_photo_context(user, photo, parse_id(request.GET.get("face")), on.key)
    context |= {"on": on, "place": locate_photo(on, photo), **_get_album_context(user, photo)}
    context["back"] = get_grid_url(on, photo)
    context["stack"] = list_stack(user, photo)
    context["pages"] = list_pages(user, photo)
    context["is_favourite"] = user.favourite_photos.filter(pk=photo.pk).exists()
    return render(request, "gallery/photo.html", context)


def _get_album_context(user: User, photo: Photo) -> dict[str, object]:
    """The photo's albums that this user sees, and those it could come into."""
    visible = Album.objects.visible_to(user)
    albums = list(visible.filter(photos=photo))
    limit = photo.limited_by if not photo.albums.exists() else None
    context: dict[str, object] = {"in_albums": albums, "limit": limit}
    if user.is_contributor:
        context |= {
            "choices": visible.exclude(photos=photo).order_by("-pk")[:MAX_ALBUM_CHOICES],
            "leavable": [album for album in albums if can_take_out(user, album)],
            "coverable": [
                album for album in albums if can_change_album(user, album) and album.cover_id != photo.pk
            ],
            "may_open": limit is not None and can_change_album(user, limit),
        }
    return context


@require_safe
def photo_state(request: PageRequest, pk: int) -> HttpResponse:
    """Boxes and faces anew, asked for while the worker is at it or after an act."""
    photo = get_object_or_404(Photo.objects.visible_to(request.user), pk=pk)
    context = get_photo_context(request.user, photo, None, request.GET.get("in", ""))
    return render(request, "gallery/_photo_state.html", context)


@contributor_required
@require_POST
def photo_trash(request: PageRequest, pk: int) -> HttpResponse:
    photo = get_object_or_404(Photo.objects.visible_to(request.user), pk=pk)
    on = get_photo_navigation(request.user, request.POST.get("in", ""), photo)
    add_event_message(request, trash_photo(request.user, photo))
    return redirect(on.address)


@contributor_required
@require_POST
def photo_restore(request: PageRequest, pk: int) -> HttpResponse:
    photo = get_object_or_404(Photo.objects.in_visible_albums(request.user).in_trash(), pk=pk)
    restore_photo(request.user, photo)
    messages.success(request, _("%(name)s is back.") % {"name": photo.name})
    return redirect(get_next_url(request)) if request.POST.get("next") else redirect("photo", pk)


@contributor_required
@require_POST
def photo_retry(request: PageRequest, pk: int) -> HttpResponse:
    photo = get_object_or_404(Photo.objects.visible_to(request.user), pk=pk)
    add_event_message(request, retry_photo(request.user, photo))
    return redirect("photo", pk)


@contributor_required
@require_safe
def trash_list(request: PageRequest) -> HttpResponse:
    trashed = Photo.objects.in_visible_albums(request.user).in_trash()
    page = paginate_by_id(trashed, parse_id(request.GET.get("after")), PHOTOS_PER_PAGE)
    return render(request, "gallery/trash.html", {"page": page})


TURNS = {"turn_left": LEFT, "turn_right": RIGHT}
ACTIONS_THAT_REMOVE = {"out", "trash", "restore"}  # acts after which a photo is not on the page any more


@contributor_required
@require_POST
def photos_action(request: PageRequest) -> HttpResponse:
    """Do what the button `do` says to the chosen photos (`photo`, ids); to htmx a message, else the page again."""
    word, event, left = request.POST.get("do", ""), None, ""
    photos = Photo.objects.in_visible_albums(request.user)
    try:
        chosen = get_chosen_photos(
            request, photos.in_trash() if word == "restore" else photos.outside_trash()
        )
        event, left = _apply_photos_action(request, word, chosen)
    except ActionRefused as refusal:
        if request.htmx:
            return add_toast(HttpResponse(status=204), str(refusal), is_error=True)
        messages.error(request, str(refusal))
        return redirect(get_next_url(request))
    unchanged = "" if event or left else _("Nothing to change: these photos are so already.")
    if request.htmx:
        response = _action_response(event, word, left or unchanged)
        return _add_turned_tiles(request, response, chosen) if word in TURNS else response
    if left:
        messages.warning(request, left)
    if unchanged:
        messages.info(request, unchanged)
    add_event_message(request, event)
    return redirect(get_next_url(request))


def get_chosen_photos(
    request: HttpRequest, among: QuerySet[Photo], most: int = MAX_CHOSEN_PHOTOS
) -> list[Photo]:
    """The photos whose ids were sent, or ids of faces on them, with `stacks` all of their stacks, of those the user
    may act on; ActionRefused for none, or too many."""
    ids = set(parse_ids(request.POST.getlist("photo")))
    if faces := parse_ids(one.partition(":")[0] for one in request.POST.getlist("face")):
        ids |= set(among.filter(faces__in=faces).values_list("pk", flat=True))
    check_photo_count(sorted(ids), most)
    if "stacks" in request.POST:
        stacks = among.filter(pk__in=ids, stack__isnull=False).order_by().values("stack")
        ids |= set(among.filter(stack__in=stacks).values_list("pk", flat=True))
        check_photo_count(sorted(ids), most)
    found = list(among.filter(pk__in=ids).order_by("pk"))
    if not found:
        raise ActionRefused(_("These photos are no longer there. Nothing was changed."))
    return found


def _apply_photos_action(request: PageRequest, word: str, chosen: list[Photo]) -> tuple[Event | None, str]:
    """What was done, and a sentence on what was left as it is."""
    user = request.user
    if word == "trash":
        return trash_photos(user, chosen), ""
    if word == "restore":
        return restore_photos(user, chosen), ""
    if word in TURNS:
        return turn_photos(user, chosen, TURNS[word]), ""
    if word in ("recognise", "stop_recognising"):
        return set_photos_recognition(user, chosen, word == "recognise"), ""
    if word in DESCRIBING_WORDS:
        return _describe_chosen(request, word, chosen), ""
    if word == "out":
        return _take_out(user, chosen, request.POST.get("from"))
    if word != "album":
        raise ActionRefused(_("Choose what to do with these photos."))
    name = request.POST.get("album", "").strip()
    if not name:
        raise ActionRefused(_("Write the name of an album, an old or a new one."))
    movable = filter_movable_photos(user, chosen)
    event = put_photos_in_album(user, movable, find_album_by_name(user, name) or name) if movable else None
    return event, _describe_kept_photos(len(chosen) - len(movable))


DESCRIBING_WORDS = ("tag", "untag", "caption", "rate")


def _describe_chosen(request: PageRequest, word: str, chosen: list[Photo]) -> Event | None:
    user, given = request.user, request.POST
    if word == "caption":
        return caption_photos(user, chosen, given.get("caption", ""))
    if word == "rate":
        stars = parse_id(given.get("rating"))
        return rate_photos(user, chosen, stars if stars in Rating.values else None)
    tags = split_tags(given.get("tags", ""))
    if not tags:
        raise ActionRefused(_("Write one or more tags, with commas between them."))
    return tag_photos(user, chosen, tags) if word == "tag" else untag_photos(user, chosen, tags)


def _take_out(user: User, chosen: list[Photo], album: str | None) -> tuple[Event | None, str]:
    left = find_by_id(Album.objects.visible_to(user), album)
    if left is None:
        raise ActionRefused(_("The album is not there any more."))
    if not can_take_out(user, left):
        return None, _describe_kept_photos(len(chosen))
    return take_photos_out(user, chosen, left), ""


def _describe_kept_photos(count: int) -> str:
    sentence = ngettext(
        "%(count)s photo stays where it is: it is in an album for chosen users that is not yours to change.",
        "%(count)s photos stay where they are: they are in albums for chosen users that are not yours to change.",
        count,
    )
    return sentence % {"count": count} if count else ""


def _add_turned_tiles(request: PageRequest, response: HttpResponse, turned: list[Photo]) -> HttpResponse:
    """The tiles as they are now: the pictures on the page are those from before."""
    shown = Photo.objects.filter(pk__in=[photo.pk for photo in turned])
    context = {
        "ready": add_tile_summaries(shown),
        "progress": get_processing_progress(request.user),
        "swap": True,
        "walk": request.POST.get("in", ""),
    }
    response.status_code = 200
    response.content = render(request, "gallery/_progress.html", context).content
    return response


def _action_response(event: Event | None, word: str, rest: str) -> HttpResponse:
    """To htmx: a message, and the photos whose tiles leave the page."""
    text = f"{describe_own_event(event) if event else ''} {rest}".strip()
    response = add_toast(HttpResponse(status=204), text, undo=get_undo_url(event))
    gone: list[int | None] = []
    if event and word in ACTIONS_THAT_REMOVE:
        gone = list(event.subjects.filter(object_type="photo").values_list("object_id", flat=True))
    return trigger_client_event(response, "photos-done", {"gone": gone, "act": word})

"""What is done to many chosen photos at once, from any page that shows photos to choose."""

from __future__ import annotations

import json

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from gallery.access import contributor_required, current_user
from gallery.browse.paging import as_id
from gallery.models import Event, Photo, User
from gallery.services import many
from gallery.services.errors import Refused
from gallery.services.sentences import say
from gallery.views.saying import tell, undo_address
from gallery.views.theme import back
from gallery.visibility import visible_photos

LEAVES = {"out", "trash", "restore"}  # acts after which a photo is not on the page any more


@contributor_required
@require_POST
def photos_act(request: HttpRequest) -> HttpResponse:
    """Do what the button `do` says to the chosen photos (`photo`, ids); to htmx a message, else the page again."""
    user, word = current_user(request), request.POST.get("do", "")
    try:
        chosen = chosen_photos(request, visible_photos(user, trashed=word == "restore"))
        event, left = _act(request, user, word, chosen)
    except Refused as refusal:
        return _refused(request, str(refusal))
    if request.htmx:  # type: ignore[attr-defined]  # set by django_htmx's middleware
        return _told(request, event, word, left)
    if left:
        messages.warning(request, left)
    if event is None and not left:
        messages.info(request, _nothing())
    tell(request, event)
    return redirect(back(request))


def chosen_photos(request: HttpRequest, among: QuerySet[Photo], most: int = many.MOST) -> list[Photo]:
    """The photos whose ids were sent, of those the user may act on; Refused where they are none, or too many."""
    ids = {pk for pk in map(as_id, request.POST.getlist("photo")) if pk is not None}
    many.must_be_few(sorted(ids), most)
    found = list(among.filter(pk__in=ids).order_by("pk"))
    if not found:
        raise Refused(_("These photos are no longer there. Nothing was changed."))
    return found


def _act(request: HttpRequest, user: User, word: str, chosen: list[Photo]) -> tuple[Event | None, str]:
    """What was done, and a sentence on what was left as it is."""
    if word == "trash":
        return many.trash(user, chosen), ""
    if word == "restore":
        return many.restore(user, chosen), ""
    if word in ("recognise", "stop_recognising"):
        return many.set_recognised(user, chosen, word == "recognise"), ""
    if word not in ("album", "out"):
        raise Refused(_("Choose what to do with these photos."))
    target, kept = None, _movable(user, chosen)
    if word == "album":
        name = request.POST.get("album", "").strip()
        if not name:
            raise Refused(_("Write the name of an album, an old or a new one."))
        target = many.album_called(user, name) or name
    left = len(chosen) - len(kept)
    return (many.put(user, kept, target) if kept else None), _left(left) if left else ""


def _movable(user: User, chosen: list[Photo]) -> list[Photo]:
    """Photos may leave an album for chosen users only by those who may change the album: others would see them."""
    if user.is_curator:
        return chosen
    own = Q(album__isnull=True) | Q(album__is_limited=False) | Q(album__created_by=user)
    kept = Photo.objects.filter(own, pk__in=[photo.pk for photo in chosen])
    ids = set(kept.values_list("pk", flat=True))
    return [photo for photo in chosen if photo.pk in ids]


def _left(count: int) -> str:
    return ngettext(
        "%(count)s photo stays where it is: it is in an album for chosen users that is not yours to change.",
        "%(count)s photos stay where they are: they are in albums for chosen users that are not yours to change.",
        count,
    ) % {"count": count}


def _nothing() -> str:
    return _("Nothing to change: these photos are so already.")


def _refused(request: HttpRequest, sentence: str) -> HttpResponse:
    if request.htmx:  # type: ignore[attr-defined]  # set by django_htmx's middleware
        return _triggers({"toast": {"text": sentence, "tags": "error"}})
    messages.error(request, sentence)
    return redirect(back(request))


def _told(request: HttpRequest, event: Event | None, word: str, left: str) -> HttpResponse:
    said = [_("You %(what)s.") % {"what": say(event)}] if event else []
    text = " ".join([*said, left]).strip() or _nothing()
    done = _subjects(event) if event and word in LEAVES else []
    return _triggers(
        {"toast": {"text": text, "undo": undo_address(event)}, "photos-done": {"gone": done, "act": word}}
    )


def _subjects(event: Event) -> list[int]:
    return list(event.subjects.filter(object_type="photo").values_list("object_id", flat=True))


def _triggers(what: dict[str, object]) -> HttpResponse:
    response = HttpResponse(status=204)
    response["HX-Trigger"] = json.dumps(what)
    return response

"""Unknown faces: groups of look-alikes, named or ignored as a whole."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from gallery.access import contributor_required, current_user
from gallery.browse import groups
from gallery.browse.paging import as_id, page_of
from gallery.models import Event, User
from gallery.services import faces
from gallery.services.errors import Refused
from gallery.services.faces import GroupResult
from gallery.services.history import may_undo
from gallery.services.sentences import say
from gallery.views.saying import meant_person
from gallery.visibility import visible_faces

OTHERS = {"single": groups.singles, "like-ignored": groups.like_ignored}
SINGLES = 120


@contributor_required
@require_safe
def unknown(request: HttpRequest) -> HttpResponse:
    user = current_user(request)
    number = as_id(request.GET.get("page")) or 0
    sizes = groups.sizes(user)
    found, has_more = groups.groups(user, sizes, number)
    done = Event.objects.filter(pk=as_id(request.GET.get("done")) or 0, actor=user).first()
    context = {
        "found_groups": found,  # the frame of the page has a `groups` of its own
        "next": number + 1 if has_more else None,
        "rest": groups.rest(user, sizes),
        "done": done if done and may_undo(user, done) else None,
        "did": say(done) if done else "",
    }
    return render(request, "curation/unknown.html", context)


@contributor_required
@require_safe
def unknown_others(request: HttpRequest, which: str) -> HttpResponse:
    """Faces outside of the groups: those like no other, and those like ignored ones."""
    if which not in OTHERS:
        raise Http404
    rows = OTHERS[which](current_user(request))
    page = page_of(rows, as_id(request.GET.get("after")), SINGLES)
    return render(request, "curation/unknown_others.html", {"page": page, "which": which})


@contributor_required
@require_safe
def unknown_group(request: HttpRequest, key: int) -> HttpResponse:
    user = current_user(request)
    found = groups.group(user, key)
    if not found:
        messages.info(request, _("This group is done; somebody has dealt with its faces."))
        return redirect("unknown")
    context = {"key": key, "faces": found, "suggestion": groups.suggestion(found)}
    return render(request, "curation/unknown_group.html", context)


@contributor_required
@require_POST
def unknown_say(request: HttpRequest) -> HttpResponse:
    """Name, or ignore, the ticked faces (`face`, each "id:revision") in one act."""
    user = current_user(request)
    seen = _ticked(request, user)
    try:
        if not seen:
            raise Refused(_("Tick at least one face."))
        result = _act(request, user, seen)
    except Refused as refusal:
        messages.error(request, str(refusal))
        key = as_id(request.POST.get("key"))
        return redirect("unknown_group", key) if key else redirect("unknown")
    if result.left:
        messages.warning(request, _left_out(len(result.left)))
    done = f"?done={result.event.pk}" if result.event else ""
    return redirect(f"{reverse('unknown')}{done}")


def _act(request: HttpRequest, user: User, seen: dict[int, int]) -> GroupResult:
    if request.POST.get("say") == "ignore":
        return faces.ignore_group(user, list(seen), seen)
    return faces.name_group(user, list(seen), meant_person(request, user), seen)


def _ticked(request: HttpRequest, user: User) -> dict[int, int]:
    """Ids and revisions of the ticked faces that the user may see."""
    pairs = [entry.partition(":") for entry in request.POST.getlist("face")]
    asked = {int(pk): int(revision) for pk, _sep, revision in pairs if as_id(pk) and revision.isdecimal()}
    ids = visible_faces(user).filter(pk__in=list(asked)[: groups.LARGEST]).values_list("pk", flat=True)
    return {pk: asked[pk] for pk in ids}


def _left_out(count: int) -> str:
    return ngettext(
        "%(count)s face was left out: somebody has decided on it meanwhile, or said it is not this person.",
        "%(count)s faces were left out: somebody has decided on them meanwhile, or said they are not this person.",
        count,
    ) % {"count": count}

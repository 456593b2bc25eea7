"""Two people who are one, and one who is two: merging and splitting off, both with undo.

With scripts the form of a merge opens in a dialog of the page; without, it is a page of its own.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from gallery.access import curator_required, current_user
from gallery.browse import groups, people
from gallery.browse.paging import as_id
from gallery.browse.people import Portrait
from gallery.models import Event, Person, User
from gallery.services import people as acts
from gallery.services.errors import Refused
from gallery.views.saying import tell
from gallery.views.theme import back, is_ours
from gallery.visibility import visible_faces


def _person(pk: int) -> Person:
    return get_object_or_404(Person, pk=pk)


def _page(request: HttpRequest, name: str, context: dict[str, object], status: int = 200) -> HttpResponse:
    """The form alone for a dialog, or a page around it."""
    is_dialog = request.htmx  # type: ignore[attr-defined]  # set by django_htmx's middleware
    template = f"curation/_{name}.html" if is_dialog else "curation/form_page.html"
    return render(request, template, {**context, "form": f"curation/_{name}.html"}, status=status)


def _done(request: HttpRequest, event: Event | None, person: Person) -> HttpResponse:
    """To the person's page, or where they came from, with what was done and a button to undo it."""
    tell(request, event)
    onward = back(request) if request.POST.get("next") else reverse("person", args=(person.pk,))
    if request.htmx:  # type: ignore[attr-defined]  # set by django_htmx's middleware
        return HttpResponseClientRedirect(onward)
    return redirect(onward)


@curator_required
@require_http_methods(["GET", "HEAD", "POST"])
def person_merge(request: HttpRequest, pk: int) -> HttpResponse:
    """Choose the other person (`into`, or a typed `name`), see what will change, do it."""
    user, person = current_user(request), _person(pk)
    values = request.POST if request.method == "POST" else request.GET
    other = _other(values.get("into") or values.get("person"), values.get("name", ""))
    context: dict[str, object] = {"person": person, "portrait": _portrait(user, person)}
    onward = values.get("next", "")
    context["next"] = onward if is_ours(request, onward) else ""
    if other is None or other == person:
        if values.get("name") or other == person:
            context["refusal"] = _("Choose somebody else, from the people there are.")
        return _page(request, "merge_choose", context)
    context |= {
        "other": other,
        "other_portrait": _portrait(user, other),
        "preview": acts.preview_merge(person, user),
    }
    if request.method != "POST":
        return _page(request, "merge", context)
    try:
        return _done(request, acts.merge(user, person, other, as_id(values.get("revision"))), other)
    except Refused as refusal:
        return _page(request, "merge", {**context, "refusal": refusal})


def _other(pk: str | None, name: str) -> Person | None:
    found = as_id(pk)
    return Person.objects.filter(pk=found).first() if found else acts.find(name)


def _portrait(user: User, person: Person) -> Portrait | None:
    found = people.portraits(user, [person])
    return found[0] if found else None


@curator_required
@require_http_methods(["GET", "HEAD", "POST"])
def person_split(request: HttpRequest, pk: int) -> HttpResponse:
    """Tick the faces of somebody else, and say who that is."""
    user, person = current_user(request), _person(pk)
    refusal = None
    if request.method == "POST":
        try:
            event, other = _split(request, user, person)
            return _done(request, event, other)
        except Refused as error:
            refusal = error
    context = {"person": person, "faces": groups.strays_first(user, person), "refusal": refusal}
    return render(request, "curation/split.html", context)


def _split(request: HttpRequest, user: User, person: Person) -> tuple[Event, Person]:
    pairs = [entry.partition(":") for entry in request.POST.getlist("face")]
    seen = {int(pk): int(revision) for pk, _sep, revision in pairs if as_id(pk) and revision.isdecimal()}
    ids = [as_id(pk) for pk, _sep, _revision in pairs]
    chosen = list(visible_faces(user).filter(pk__in=[pk for pk in ids if pk], person=person))
    if not chosen:
        raise Refused(_("Tick the faces that are somebody else."))
    target = _other(request.POST.get("person"), "")
    event = acts.split(user, chosen, target.name if target else request.POST.get("name", ""), seen)
    return event, get_object_or_404(Person, pk=event.object_id)

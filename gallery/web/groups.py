"""Groups of people: their list, one group with its members, and changes to both."""

from __future__ import annotations

from datetime import date

from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from gallery.core.exceptions import ActionRefused
from gallery.core.pagination import parse_id
from gallery.core.permissions import PageRequest, curator_required
from gallery.faces.namesakes import find_person_by_name
from gallery.history.descriptions import add_event_message
from gallery.models import Event, PeopleGroup
from gallery.people.groups import (
    add_members,
    change_group,
    create_group,
    list_groups,
    list_memberships,
    remove_group,
    remove_member,
    set_membership_days,
)
from gallery.people.selectors import get_person_cards, list_person_labels
from gallery.web.responses import refusals_as_messages


@require_safe
def group_list(request: PageRequest) -> HttpResponse:
    return render(request, "gallery/groups.html", {"people_groups": list_groups()})


@curator_required
@require_POST
def group_create(request: PageRequest) -> HttpResponse:
    with refusals_as_messages(request):
        return redirect("group", create_group(request.user, request.POST.get("name", "")).pk)
    return redirect("groups")


@require_safe
def group_detail(request: PageRequest, pk: int) -> HttpResponse:
    group = get_object_or_404(PeopleGroup, pk=pk)
    memberships = list(list_memberships(group))
    cards = get_person_cards(request.user, [row.person for row in memberships])
    context = {
        "group": group,
        "members": list(zip(cards, memberships, strict=True)),
        "names": list_person_labels(request.user) if request.user.is_curator else [],
    }
    return render(request, "gallery/group.html", context)


@curator_required
@require_POST
def group_act(request: PageRequest, pk: int) -> HttpResponse:
    """One act on a group: `do` is rename, add, days, leave or remove."""
    group = get_object_or_404(PeopleGroup, pk=pk)
    if request.POST.get("do") not in ("rename", "add", "days", "leave", "remove"):
        return HttpResponseBadRequest()
    with refusals_as_messages(request):
        add_event_message(request, _apply_group_act(request, group))
    return redirect("groups") if request.POST["do"] == "remove" else redirect("group", group.pk)


def _apply_group_act(request: PageRequest, group: PeopleGroup) -> Event | None:
    user, said = request.user, request.POST
    match said["do"]:
        case "rename":
            return change_group(user, group, said.get("name", ""), said.get("note", ""))
        case "remove":
            return remove_group(user, group)
        case "add":
            person = find_person_by_name(said.get("name", ""), user)
            if person is None:
                raise ActionRefused(_("Choose somebody from the people there are."))
            return add_members(user, group, [person])
    membership = get_object_or_404(group.memberships, pk=parse_id(said.get("membership")) or 0)
    if said["do"] == "leave":
        return remove_member(user, membership)
    return set_membership_days(user, membership, _read_day(said.get("since")), _read_day(said.get("until")))


def _read_day(text: str | None) -> date | None:
    try:
        day = parse_date(text or "")
    except ValueError:
        day = None
    if text and day is None:
        raise ActionRefused(_("“%(text)s” is no date. Write it as 2026-11-24.") % {"text": text})
    return day

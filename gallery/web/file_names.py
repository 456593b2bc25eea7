"""The page of names that other programs wrote into photos: what taking them would do, and taking them."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from gallery.core.pagination import parse_id, parse_ids
from gallery.core.permissions import PageRequest, contributor_required
from gallery.curation.name_acts import NameAnswer, start_taking_names
from gallery.history.descriptions import add_event_message
from gallery.models import Person
from gallery.people.names_in_files import PlannedName, forget_names, plan_names
from gallery.web.responses import refusals_as_messages

NEW = "new"  # the answer that a name is of nobody who is here


@contributor_required
@require_safe
def file_names_page(request: PageRequest) -> HttpResponse:
    return render(request, "curation/file_names.html", {"plan": plan_names(request.user)})


@contributor_required
@require_POST
def file_names_act(request: PageRequest) -> HttpResponse:
    chosen = set(parse_ids(request.POST.getlist("name")))
    entries = [entry for entry in plan_names(request.user).names if entry.number in chosen]
    with refusals_as_messages(request):
        if "forget" in request.POST:
            event = forget_names(request.user, [pk for entry in entries for pk in entry.tags])
            add_event_message(request, event)
            return redirect("file_names")
        open_names = [
            entry.name for entry in entries if entry.is_ambiguous and not _get_answer(request, entry)
        ]
        if open_names:
            messages.error(request, _("Say who this is: %(names)s.") % {"names": ", ".join(open_names[:5])})
            return redirect("file_names")
        act = start_taking_names(request.user, [_read_answer(request, entry) for entry in entries])
        text = _("A worker takes the names now; undo it when it is through.") if act.is_running else ""
        add_event_message(request, act.event, text)
    return redirect("file_names")


def _get_answer(request: PageRequest, entry: PlannedName) -> str:
    return request.POST.get(f"who-{entry.number}", "")


def _read_answer(request: PageRequest, entry: PlannedName) -> NameAnswer:
    said = _get_answer(request, entry)
    people: dict[int | None, Person] = {person.pk: person for person in (*entry.people, *entry.alike)}
    person = None if said == NEW else people.get(parse_id(said)) or entry.person
    return NameAnswer(entry, person, f"all-{entry.number}" in request.POST)

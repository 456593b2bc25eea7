"""People: the list, one person, and merging and splitting people, with undo."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from gallery.core.exceptions import ActionRefused, NameAmbiguous, NameTaken, translate_error
from gallery.core.limits import get_upload_limits
from gallery.core.pagination import PageCursor, find_by_id, parse_id
from gallery.core.permissions import PageRequest, contributor_required, curator_required, takes_files
from gallery.curation.bulk import create_bulk_draft
from gallery.faces.namesakes import find_person_by_name, tell_namesakes_apart
from gallery.faces.selectors import list_least_similar_faces
from gallery.history.audit import record_view
from gallery.history.descriptions import add_event_message
from gallery.history.switches import are_face_lookups_on
from gallery.models import BulkAct, Event, Face, PeopleGroup, Person, Reference, Status, User
from gallery.models.labels import LabelParts
from gallery.people.forms import PersonNameForm
from gallery.people.groups import add_members, list_groups
from gallery.people.references import add_reference
from gallery.people.selectors import (
    find_people_seen_with,
    get_people_page,
    get_person_cards,
    get_person_timeline,
    list_people,
    list_photos_of_person,
)
from gallery.people.services import (
    create_person,
    merge_people,
    preview_merge,
    rename_person,
    set_favourite,
    set_other_names,
    set_person_born,
    set_person_cover,
    set_person_hidden,
    set_person_note,
    split_person,
)
from gallery.photos.selectors import get_photo_grid
from gallery.web.faces import parse_ticked_faces
from gallery.web.navigation import person_navigation_key
from gallery.web.responses import get_next_url, is_same_site_url
from recognition.errors import ImageError

MAX_SHOWN_REFERENCES = 24  # references
MAX_FAVOURITES = 24  # people
MAX_NAMED_REFUSALS = 5  # refused files named in a message


@require_safe
def person_list(request: PageRequest) -> HttpResponse:
    user, text = request.user, request.GET.get("name", "").strip()
    is_hidden = "hidden" in request.GET and user.is_curator
    after = PageCursor.read(request.GET.get("after", ""))
    group = find_by_id(PeopleGroup.objects.all(), request.GET.get("group"))
    rows, following = get_people_page(list_people(hidden=is_hidden, text=text, group=group), after)
    is_start = not (text or is_hidden or after or group)
    context = {
        "favourites": get_person_cards(user, list_people(favourite_of=user)[:MAX_FAVOURITES])
        if is_start
        else [],
        "group": group,
        "people_groups": list_groups(),
        "is_choosing": "choose" in request.GET and user.is_curator,
        "portraits": get_person_cards(user, rows, text=text),
        "next": following,
        "name": text,
        "is_hidden": is_hidden,
        "are_face_lookups_on": are_face_lookups_on(),
        "has_hidden": user.is_curator and Person.objects.filter(is_hidden=True).exists(),
    }
    return render(request, "gallery/people.html", context)


PEOPLE_ACTS = {"merge": BulkAct.Kind.MERGE, "hide": BulkAct.Kind.HIDE}


@curator_required
@require_POST
def people_act(request: PageRequest) -> HttpResponse:
    """Put the chosen people (`person`, ids) into a group, or show what would be done to them before it is."""
    ids = [pk for pk in map(parse_id, request.POST.getlist("person")) if pk is not None]
    back = get_next_url(request)
    chosen = Person.objects.filter(pk__in=ids).values_list("pk", flat=True)
    if request.POST.get("act") == "group":
        group = get_object_or_404(PeopleGroup, pk=parse_id(request.POST.get("group")) or 0)
        add_event_message(request, add_members(request.user, group, Person.objects.filter(pk__in=ids)))
        return redirect("group", group.pk)
    kind = PEOPLE_ACTS.get(request.POST.get("act", ""))
    if kind is None:
        return HttpResponseBadRequest()
    try:
        act = create_bulk_draft(request.user, kind, chosen, back)
    except ActionRefused as refusal:
        messages.error(request, str(refusal))
        return redirect(back)
    return redirect("admin:gallery_bulkact_change", act.pk)


@require_POST
def person_favourite(request: PageRequest, pk: int) -> HttpResponse:
    """Mark a person as a favourite of whoever asks (`on`: 1), or no longer."""
    person = get_object_or_404(Person, pk=pk)
    set_favourite(request.user, person, request.POST.get("on") == "1")
    return redirect("person", person.pk)


@require_safe
def person_detail(request: PageRequest, pk: int) -> HttpResponse:
    user, part = request.user, request.htmx.target
    person = get_object_or_404(Person.objects.select_related("cover"), pk=pk)
    if part == "references":  # that are looked at just now
        context = {"person": person, **_references_context(user, person)}
        return render(request, "gallery/_references.html", context)
    companions = None  # asked for by the page, once that part of it is seen
    if part == "together" or "together" in request.GET:
        companions = get_person_cards(user, find_people_seen_with(user, person))
    if part == "together":
        return render(request, "gallery/_together.html", {"companions": companions})
    record_view(user, person)
    year, photos = parse_id(request.GET.get("year")), list_photos_of_person(user, person)
    if year and 1 <= year <= 9999:
        photos = photos.filter(taken_at__year=year)
    context = {
        "page": get_photo_grid(
            photos, request.GET.get("after"), order=user.photo_order, at=request.GET.get("at")
        ),
        "walk": person_navigation_key(person, year),
        "is_followed": True,  # by what else there is of the person
    }
    if part == "more":
        return render(request, "gallery/_tiles.html", context)
    timeline = get_person_timeline(user, person)
    person.times = timeline.photos  # type: ignore[attr-defined]  # as an annotation would
    context |= {
        "person": person,
        "portrait": get_person_cards(user, [person])[0],
        "people_groups": PeopleGroup.objects.filter(memberships__person=person),
        "is_favourite": user.favourite_people.filter(pk=person.pk).exists(),
        "other_names": person.other_names.values_list("name", flat=True),
        "year": year,
        "years": timeline.years,
        "companions": companions,
        **_references_context(user, person),
    }
    return render(request, "gallery/person.html", context)


def _references_context(user: User, person: Person) -> dict[str, object]:
    rows = (
        Reference.objects.visible_to(user).filter(person=person).exclude(status=Reference.Judgement.REJECTED)
    )
    found = list(rows.order_by("-pk").defer("box", "landmarks")[: MAX_SHOWN_REFERENCES + 1])
    is_all = len(found) <= MAX_SHOWN_REFERENCES  # else the newest, among them those just added
    shown = sorted(found[:MAX_SHOWN_REFERENCES], key=lambda reference: (reference.status, reference.pk))
    used = sum(reference.work != Status.FAILED for reference in shown)
    return {
        "references": shown,
        "used": used if is_all else rows.exclude(work=Status.FAILED).count(),
        "has_more": not is_all,
        "is_looking": any(reference.is_unfinished for reference in shown),
    }


class PersonForm(PersonNameForm):
    class Meta:
        model = Person
        fields: ClassVar = ["name", "distinction", "born", "note"]

    name = forms.CharField(label=gettext_lazy("Name"), max_length=200)
    note = forms.CharField(
        label=gettext_lazy("Note"), required=False, widget=forms.Textarea(attrs={"rows": 3})
    )


@contributor_required
@require_http_methods(["GET", "POST"])
def person_create(request: PageRequest) -> HttpResponse:
    """A new person, with pictures of them if there are some at hand."""
    form = PersonForm(request.POST or None)
    context: dict[str, object] = {"form": form}
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        parts = LabelParts(*(given[column] for column in LabelParts._fields))
        is_another = "another" in request.POST
        try:
            with transaction.atomic():
                person = create_person(request.user, parts, given["note"], is_another=is_another)
                set_other_names(request.user, person, given["other_names"])
        except ActionRefused as refusal:
            context |= _describe_name_refusal(request.user, form, refusal)
        else:
            _add_reference_pictures(request, person)
            return redirect("person", person.pk)
    return render(request, "gallery/person_form.html", context)


def _describe_name_refusal(user: User, form: PersonForm, refusal: ActionRefused) -> dict[str, object]:
    """The form with the reason, or the question whether one of those who have the name is meant."""
    form.add_error("name", str(refusal))
    return {"namesakes": get_person_cards(user, refusal.people)} if isinstance(refusal, NameTaken) else {}


@curator_required
@require_http_methods(["GET", "POST"])
@transaction.atomic
def person_edit(request: PageRequest, pk: int) -> HttpResponse:
    person = get_object_or_404(Person, pk=pk)
    form = PersonForm(request.POST or None, instance=Person.objects.get(pk=pk))
    context: dict[str, object] = {"form": form, "person": person}
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():  # both or neither
                done = list(_change_person(request, person, form))
        except ActionRefused as refusal:
            context |= _describe_name_refusal(request.user, form, refusal)
        else:
            for event in done:
                add_event_message(request, event)
            return redirect("person", person.pk)
    return render(request, "gallery/person_form.html", context)


def _change_person(request: PageRequest, person: Person, form: PersonForm) -> Iterator[Event | None]:
    given = form.get_changed_values()
    if "name" in given or "distinction" in given:
        name, word = given.get("name", person.name), given.get("distinction")
        is_another = "another" in request.POST
        yield rename_person(request.user, person, name, distinction=word, is_another=is_another)
    if "born" in given:
        yield set_person_born(request.user, person, given["born"])
    if "note" in given:
        yield set_person_note(request.user, person, given["note"])
    if "other_names" in form.changed_data:
        yield set_other_names(request.user, person, form.cleaned_data["other_names"])


@curator_required
@require_POST
def person_display_edit(request: PageRequest, pk: int) -> HttpResponse:
    """Hide or show a person (`hidden`), or choose their cover (`cover`, a reference's id)."""
    user, person = request.user, get_object_or_404(Person, pk=pk)
    if "hidden" in request.POST:
        add_event_message(request, set_person_hidden(user, person, request.POST["hidden"] == "1"))
    cover = parse_id(request.POST.get("cover"))
    if cover:
        reference = get_object_or_404(Reference.objects.visible_to(user), pk=cover, person=person)
        add_event_message(request, set_person_cover(user, person, reference))
    return redirect("person", person.pk)


@takes_files
@contributor_required
@require_POST
def person_add_pictures(request: PageRequest, pk: int) -> HttpResponse:
    """More pictures of a person, as references."""
    person = get_object_or_404(Person, pk=pk)
    _add_reference_pictures(request, person)
    return redirect("person", person.pk)


def _add_reference_pictures(request: PageRequest, person: Person) -> None:
    """Contributors' pictures wait for a curator's decision."""
    is_curator, added, refused = request.user.is_curator, 0, []
    status = Reference.Judgement.APPROVED if is_curator else Reference.Judgement.PENDING
    for file in request.FILES.getlist("pictures"):
        try:
            content = file.read(get_upload_limits().bytes + 1)
            added += add_reference(request.user, person, content, file.name or "", status) is not None
        except (ImageError, ActionRefused) as refusal:
            refused.append(f"{file.name}: {translate_error(refusal)}")
    if refused:
        messages.error(request, _refused_files_sentence(refused))
    if added:
        sentence = ngettext("%(count)s picture added.", "%(count)s pictures added.", added) % {"count": added}
        waits = "" if is_curator else " " + _("A curator looks at it before it is used.")
        messages.success(request, sentence + waits)


def _refused_files_sentence(files: list[str]) -> str:
    """One message, however many files were not taken."""
    if len(files) == 1:
        return files[0]
    count = ngettext("%(count)s file was not taken.", "%(count)s files were not taken.", len(files))
    named = [*files[:MAX_NAMED_REFUSALS], *(["…"] if len(files) > MAX_NAMED_REFUSALS else [])]
    return "\n".join([count % {"count": len(files)}, *named])


def _render_dialog(request: PageRequest, template: str, context: dict[str, object]) -> HttpResponse:
    """The form alone for a dialog, or a page around it."""
    if request.htmx:
        return render(request, template, context)
    return render(request, "curation/form_page.html", {**context, "form": template})


def _finish_person_act(request: PageRequest, event: Event | None, person: Person) -> HttpResponse:
    """To the person's page, or where they came from, with what was done and a button to undo it."""
    add_event_message(request, event)
    onward = get_next_url(request) if request.POST.get("next") else reverse("person", args=(person.pk,))
    if request.htmx:
        return HttpResponseClientRedirect(onward)
    return redirect(onward)


@curator_required
@require_http_methods(["GET", "HEAD", "POST"])
def person_merge(request: PageRequest, pk: int) -> HttpResponse:
    """Choose the other person (`into`, or a typed `name`), see what will change, do it."""
    user, person = request.user, get_object_or_404(Person, pk=pk)
    values = request.POST if request.method == "POST" else request.GET
    onward = values.get("next", "")
    context: dict[str, object] = {
        "person": person,
        "portrait": get_person_cards(user, [person])[0],
        "next": onward if is_same_site_url(request, onward) else "",
    }
    chosen, name = values.get("into") or values.get("person"), values.get("name", "")
    try:
        other = (
            find_by_id(Person.objects.all(), chosen) if parse_id(chosen) else find_person_by_name(name, user)
        )
    except NameAmbiguous as refusal:
        return _render_dialog(request, "curation/_merge_choose.html", context | {"refusal": refusal})
    tell_namesakes_apart(user, [person, other])
    if other is None or other == person:
        if name or other == person:
            context["refusal"] = _("Choose somebody else, from the people there are.")
        return _render_dialog(request, "curation/_merge_choose.html", context)
    context |= {
        "other": other,
        "other_portrait": get_person_cards(user, [other])[0],
        "preview": preview_merge(person, user),
    }
    if request.method == "POST":
        try:
            event = merge_people(user, person, other, parse_id(values.get("revision")))
            return _finish_person_act(request, event, other)
        except ActionRefused as refusal:
            context["refusal"] = refusal
    return _render_dialog(request, "curation/_merge.html", context)


@curator_required
@require_http_methods(["GET", "HEAD", "POST"])
def person_split(request: PageRequest, pk: int) -> HttpResponse:
    """Tick the faces of somebody else (`face`, each "id:revision"), and say who that is."""
    user, person, refusal = request.user, get_object_or_404(Person, pk=pk), None
    if request.method == "POST":
        seen = parse_ticked_faces(request)
        chosen = list(Face.objects.visible_to(user).filter(pk__in=list(seen), person=person))
        target = find_by_id(Person.objects.all(), request.POST.get("person"))
        try:
            if not chosen:
                raise ActionRefused(_("Tick the faces that are somebody else."))
            event = split_person(user, chosen, target or request.POST.get("name", ""), seen)
            return _finish_person_act(request, event, get_object_or_404(Person, pk=event.object_id))
        except ActionRefused as error:
            refusal = error
    context = {"person": person, "faces": list_least_similar_faces(user, person), "refusal": refusal}
    return render(request, "curation/split.html", context)

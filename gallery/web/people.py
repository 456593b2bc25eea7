"""People: the list, one person, and merging and splitting people, with undo."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from gallery.core.exceptions import ActionRefused, NameTaken, translate_error
from gallery.core.limits import get_upload_limits
from gallery.core.pagination import PageCursor, parse_id
from gallery.core.permissions import contributor_required, curator_required, current_user
from gallery.core.requests import HtmxHttpRequest
from gallery.faces.clusters import list_least_similar_faces
from gallery.history.audit import record_view
from gallery.history.messages import add_event_message
from gallery.models import Event, Face, Person, Reference, Status, User
from gallery.people.references import upload_reference
from gallery.people.selectors import (
    PersonCard,
    find_people_seen_with,
    find_person_by_name,
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
    set_person_cover,
    set_person_hidden,
    set_person_note,
    split_person,
)
from gallery.photos.selectors import get_photo_grid
from gallery.web.forms import PersonForm
from gallery.web.navigation import person_navigation_key
from gallery.web.redirects import get_next_url, is_same_site_url
from recognition.errors import ImageError

MAX_SHOWN_REFERENCES = 24  # references
UNFINISHED_STATUSES = (Status.QUEUED, Status.PROCESSING)
MAX_NAMED_REFUSALS = 5  # refused files named in a message


@require_safe
def person_list(request: HttpRequest) -> HttpResponse:
    user, text = current_user(request), request.GET.get("name", "").strip()
    is_hidden = "hidden" in request.GET and user.is_curator
    after = PageCursor.read(request.GET.get("after", ""))
    rows, following = get_people_page(list_people(hidden=is_hidden, text=text), after)
    context = {
        "portraits": get_person_cards(user, rows),
        "next": following,
        "name": text,
        "is_hidden": is_hidden,
        "has_hidden": user.is_curator and Person.objects.filter(is_hidden=True).exists(),
    }
    return render(request, "gallery/people.html", context)


@require_safe
def person_detail(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    user = current_user(request)
    person = get_object_or_404(Person.objects.select_related("cover"), pk=pk)
    part = request.htmx.target
    if part == "references":  # that are looked at just now
        return render(
            request, "gallery/_references.html", {"person": person, **_references_context(user, person)}
        )
    if part == "together":
        return render(request, "gallery/_together.html", {"companions": _get_companions(user, person)})
    record_view(user, person)
    year = parse_id(request.GET.get("year"))
    seen = list_photos_of_person(user, person)
    if year and 1 <= year <= 9999:
        seen = seen.filter(taken_at__year=year)
    walk = person_navigation_key(person, year)
    page = get_photo_grid(seen, parse_id(request.GET.get("after")))
    shown = {"page": page, "walk": walk, "is_followed": True}  # by what else there is of the person
    if part == "more":
        return render(request, "gallery/_tiles.html", shown)
    # else asked for by the page, once that part of it is seen
    companions = _get_companions(user, person) if "together" in request.GET else None
    context = {**shown, "year": year, "companions": companions, **_person_context(user, person)}
    return render(request, "gallery/person.html", context)


def _person_context(user: User, person: Person) -> dict[str, object]:
    found = get_person_timeline(user, person)
    person.times = found.photos  # type: ignore[attr-defined]  # as an annotation would
    return {
        "person": person,
        "portrait": get_person_cards(user, [person])[0],
        **_references_context(user, person),
        "years": found.years,
    }


def _get_companions(user: User, person: Person) -> list[PersonCard]:
    return get_person_cards(user, find_people_seen_with(user, person))


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
        "is_looking": any(reference.work in UNFINISHED_STATUSES for reference in shown),
    }


@contributor_required
@require_http_methods(["GET", "POST"])
def person_create(request: HttpRequest) -> HttpResponse:
    """A new person, with pictures of them if there are some at hand."""
    form = PersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        user = current_user(request)
        try:
            person = create_person(user, form.cleaned_data["name"], form.cleaned_data["note"])
        except ActionRefused as refusal:
            form.add_error("name", str(refusal))
        else:
            _add_reference_pictures(request, user, person)
            return redirect("person", person.pk)
    return render(request, "gallery/person_form.html", {"form": form})


@curator_required
@require_http_methods(["GET", "POST"])
@transaction.atomic
def person_edit(request: HttpRequest, pk: int) -> HttpResponse:
    person = get_object_or_404(Person, pk=pk)
    form = PersonForm(request.POST or None, instance=Person.objects.get(pk=pk))
    context: dict[str, object] = {"form": form, "person": person}
    if request.method == "POST" and form.is_valid():
        try:
            events = _save_person_form(request, person, form)
        except ActionRefused as refusal:
            form.add_error("name", str(refusal))
            context["other"] = refusal.person if isinstance(refusal, NameTaken) else None
        else:
            for event in events:
                add_event_message(request, event)
            return redirect("person", person.pk)
    return render(request, "gallery/person_form.html", context)


@transaction.atomic
def _save_person_form(request: HttpRequest, person: Person, form: PersonForm) -> list[Event]:
    """Both or neither, and only what this person has changed."""
    user, given = current_user(request), form.get_changed_values()
    renamed = rename_person(user, person, given["name"]) if "name" in given else None
    noted = set_person_note(user, person, given["note"]) if "note" in given else None
    return [event for event in (renamed, noted) if event]


@curator_required
@require_POST
def person_display_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Hide or show a person (`hidden`), or choose their cover (`cover`, a reference's id)."""
    user, person = current_user(request), get_object_or_404(Person, pk=pk)
    if "hidden" in request.POST:
        add_event_message(request, set_person_hidden(user, person, request.POST["hidden"] == "1"))
    cover = parse_id(request.POST.get("cover"))
    if cover:
        reference = get_object_or_404(Reference.objects.visible_to(user), pk=cover, person=person)
        add_event_message(request, set_person_cover(user, person, reference))
    return redirect("person", person.pk)


@contributor_required
@require_POST
def person_add_pictures(request: HttpRequest, pk: int) -> HttpResponse:
    """More pictures of a person, as references."""
    person = get_object_or_404(Person, pk=pk)
    _add_reference_pictures(request, current_user(request), person)
    return redirect("person", person.pk)


def _refused_files_sentence(files: list[str]) -> str:
    """One message, however many files were not taken."""
    if len(files) == 1:
        return files[0]
    count = ngettext("%(count)s file was not taken.", "%(count)s files were not taken.", len(files))
    named = [*files[:MAX_NAMED_REFUSALS], *(["…"] if len(files) > MAX_NAMED_REFUSALS else [])]
    return "\n".join([count % {"count": len(files)}, *named])


def _add_reference_pictures(request: HttpRequest, user: User, person: Person) -> None:
    """Contributors' pictures wait for a curator's word."""
    status = Reference.Judgement.APPROVED if user.is_curator else Reference.Judgement.PENDING
    added, refused = 0, []
    for file in request.FILES.getlist("pictures"):
        try:
            content = file.read(get_upload_limits().bytes + 1)
            added += not upload_reference(user, person, content, file.name or "", status).is_duplicate
        except (ImageError, ActionRefused) as refusal:
            refused.append(f"{file.name}: {translate_error(refusal)}")
    if refused:
        messages.error(request, _refused_files_sentence(refused))
    if added:
        sentence = ngettext("%(count)s picture added.", "%(count)s pictures added.", added) % {"count": added}
        waits = "" if user.is_curator else " " + _("A curator looks at it before it is used.")
        messages.success(request, sentence + waits)


def _get_person(pk: int) -> Person:
    return get_object_or_404(Person, pk=pk)


def _render_dialog(
    request: HtmxHttpRequest, name: str, context: dict[str, object], status: int = 200
) -> HttpResponse:
    """The form alone for a dialog, or a page around it."""
    is_dialog = request.htmx
    template = f"curation/_{name}.html" if is_dialog else "curation/form_page.html"
    return render(request, template, {**context, "form": f"curation/_{name}.html"}, status=status)


def _finish_person_act(request: HtmxHttpRequest, event: Event | None, person: Person) -> HttpResponse:
    """To the person's page, or where they came from, with what was done and a button to undo it."""
    add_event_message(request, event)
    onward = get_next_url(request) if request.POST.get("next") else reverse("person", args=(person.pk,))
    if request.htmx:
        return HttpResponseClientRedirect(onward)
    return redirect(onward)


@curator_required
@require_http_methods(["GET", "HEAD", "POST"])
def person_merge(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    """Choose the other person (`into`, or a typed `name`), see what will change, do it."""
    user, person = current_user(request), _get_person(pk)
    values = request.POST if request.method == "POST" else request.GET
    other = _find_other_person(values.get("into") or values.get("person"), values.get("name", ""))
    context: dict[str, object] = {"person": person, "portrait": _get_portrait(user, person)}
    onward = values.get("next", "")
    context["next"] = onward if is_same_site_url(request, onward) else ""
    if other is None or other == person:
        if values.get("name") or other == person:
            context["refusal"] = _("Choose somebody else, from the people there are.")
        return _render_dialog(request, "merge_choose", context)
    context |= {
        "other": other,
        "other_portrait": _get_portrait(user, other),
        "preview": preview_merge(person, user),
    }
    if request.method != "POST":
        return _render_dialog(request, "merge", context)
    try:
        return _finish_person_act(
            request, merge_people(user, person, other, parse_id(values.get("revision"))), other
        )
    except ActionRefused as refusal:
        return _render_dialog(request, "merge", {**context, "refusal": refusal})


def _find_other_person(pk: str | None, name: str) -> Person | None:
    found = parse_id(pk)
    return Person.objects.filter(pk=found).first() if found else find_person_by_name(name)


def _get_portrait(user: User, person: Person) -> PersonCard | None:
    found = get_person_cards(user, [person])
    return found[0] if found else None


@curator_required
@require_http_methods(["GET", "HEAD", "POST"])
def person_split(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    """Tick the faces of somebody else, and say who that is."""
    user, person = current_user(request), _get_person(pk)
    refusal = None
    if request.method == "POST":
        try:
            event, other = _split_ticked_faces(request, user, person)
            return _finish_person_act(request, event, other)
        except ActionRefused as error:
            refusal = error
    context = {"person": person, "faces": list_least_similar_faces(user, person), "refusal": refusal}
    return render(request, "curation/split.html", context)


def _split_ticked_faces(request: HttpRequest, user: User, person: Person) -> tuple[Event, Person]:
    pairs = [entry.partition(":") for entry in request.POST.getlist("face")]
    seen = {int(pk): int(revision) for pk, _sep, revision in pairs if parse_id(pk) and revision.isdecimal()}
    ids = [parse_id(pk) for pk, _sep, _revision in pairs]
    chosen = list(Face.objects.visible_to(user).filter(pk__in=[pk for pk in ids if pk], person=person))
    if not chosen:
        raise ActionRefused(_("Tick the faces that are somebody else."))
    target = _find_other_person(request.POST.get("person"), "")
    event = split_person(user, chosen, target.name if target else request.POST.get("name", ""), seen)
    return event, get_object_or_404(Person, pk=event.object_id)

"""People: everybody, and one of them."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gallery import audit
from gallery.access import contributor_required, curator_required, current_user
from gallery.browse import people, photos, timeline, walks
from gallery.browse.paging import Mark, as_id
from gallery.forms import PersonForm
from gallery.limits import limits
from gallery.models import Event, Person, Reference, Status, User
from gallery.refusals import in_words
from gallery.services import people as acts
from gallery.services.errors import NameTaken, Refused
from gallery.services.references import upload_reference
from gallery.views.saying import tell
from gallery.visibility import visible_references
from recognition.types import ImageError

SHOWN = 24  # references
LOOKING = (Status.QUEUED, Status.PROCESSING)
TOLD = 5  # refused files named in a message


@require_safe
def people_list(request: HttpRequest) -> HttpResponse:
    user, text = current_user(request), request.GET.get("name", "").strip()
    is_hidden = "hidden" in request.GET and user.is_curator
    after = Mark.read(request.GET.get("after", ""))
    rows, following = people.page(people.people(hidden=is_hidden, text=text), after)
    context = {
        "portraits": people.portraits(user, rows),
        "next": following,
        "name": text,
        "is_hidden": is_hidden,
        "has_hidden": user.is_curator and Person.objects.filter(is_hidden=True).exists(),
    }
    return render(request, "gallery/people.html", context)


@require_safe
def person_page(request: HttpRequest, pk: int) -> HttpResponse:
    user = current_user(request)
    person = get_object_or_404(Person.objects.select_related("cover"), pk=pk)
    part = request.headers.get("HX-Target")
    if part == "references":  # that are looked at just now
        return render(request, "gallery/_references.html", {"person": person, **_references(user, person)})
    if part == "together":
        return render(request, "gallery/_together.html", {"companions": _companions(user, person)})
    audit.saw(user, person)
    year = as_id(request.GET.get("year"))
    seen = people.photos_of(user, person)
    if year and 1 <= year <= 9999:
        seen = seen.filter(taken_at__year=year)
    walk = walks.of_person(person, year)
    page = photos.grid(seen, as_id(request.GET.get("after")))
    shown = {"page": page, "walk": walk, "is_followed": True}  # by what else there is of the person
    if part == "more":
        return render(request, "gallery/_tiles.html", shown)
    # else asked for by the page, once that part of it is seen
    companions = _companions(user, person) if "together" in request.GET else None
    context = {**shown, "year": year, "companions": companions, **_about(user, person)}
    return render(request, "gallery/person.html", context)


def _about(user: User, person: Person) -> dict[str, object]:
    found = timeline.timeline(user, person)
    person.times = found.photos  # type: ignore[attr-defined]  # as an annotation would
    return {
        "person": person,
        "portrait": people.portraits(user, [person])[0],
        **_references(user, person),
        "years": found.years,
    }


def _companions(user: User, person: Person) -> list[people.Portrait]:
    return people.portraits(user, people.appears_with(user, person))


def _references(user: User, person: Person) -> dict[str, object]:
    rows = visible_references(user).filter(person=person).exclude(status=Reference.Judgement.REJECTED)
    found = list(rows.order_by("-pk").defer("box", "landmarks")[: SHOWN + 1])
    is_all = len(found) <= SHOWN  # else the newest, among them those just added
    shown = sorted(found[:SHOWN], key=lambda reference: (reference.status, reference.pk))
    used = sum(reference.work != Status.FAILED for reference in shown)
    return {
        "references": shown,
        "used": used if is_all else rows.exclude(work=Status.FAILED).count(),
        "has_more": not is_all,
        "is_looking": any(reference.work in LOOKING for reference in shown),
    }


@contributor_required
@require_http_methods(["GET", "POST"])
def person_new(request: HttpRequest) -> HttpResponse:
    """A new person, with pictures of them if there are some at hand."""
    form = PersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        user = current_user(request)
        try:
            person = acts.create(user, form.cleaned_data["name"], form.cleaned_data["note"])
        except Refused as refusal:
            form.add_error("name", str(refusal))
        else:
            _add_pictures(request, user, person)
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
            events = _edit(request, person, form)
        except Refused as refusal:
            form.add_error("name", str(refusal))
            context["other"] = refusal.person if isinstance(refusal, NameTaken) else None
        else:
            for event in events:
                tell(request, event)
            return redirect("person", person.pk)
    return render(request, "gallery/person_form.html", context)


@transaction.atomic
def _edit(request: HttpRequest, person: Person, form: PersonForm) -> list[Event]:
    """Both or neither, and only what this person has changed."""
    user, given = current_user(request), form.given()
    renamed = acts.rename(user, person, given["name"]) if "name" in given else None
    noted = acts.set_note(user, person, given["note"]) if "note" in given else None
    return [event for event in (renamed, noted) if event]


@curator_required
@require_POST
def person_set(request: HttpRequest, pk: int) -> HttpResponse:
    """Hide or show a person (`hidden`), or choose their cover (`cover`, a reference's id)."""
    user, person = current_user(request), get_object_or_404(Person, pk=pk)
    if "hidden" in request.POST:
        tell(request, acts.set_hidden(user, person, request.POST["hidden"] == "1"))
    cover = as_id(request.POST.get("cover"))
    if cover:
        reference = get_object_or_404(visible_references(user), pk=cover, person=person)
        tell(request, acts.set_cover(user, person, reference))
    return redirect("person", person.pk)


@contributor_required
@require_POST
def person_pictures(request: HttpRequest, pk: int) -> HttpResponse:
    """More pictures of a person, as references."""
    person = get_object_or_404(Person, pk=pk)
    _add_pictures(request, current_user(request), person)
    return redirect("person", person.pk)


def _refused(files: list[str]) -> str:
    """One message, however many files were not taken."""
    if len(files) == 1:
        return files[0]
    count = ngettext("%(count)s file was not taken.", "%(count)s files were not taken.", len(files))
    told = [*files[:TOLD], *(["…"] if len(files) > TOLD else [])]
    return "\n".join([count % {"count": len(files)}, *told])


def _add_pictures(request: HttpRequest, user: User, person: Person) -> None:
    """Contributors' pictures wait for a curator's word."""
    status = Reference.Judgement.APPROVED if user.is_curator else Reference.Judgement.PENDING
    added, refused = 0, []
    for file in request.FILES.getlist("pictures"):
        try:
            content = file.read(limits().bytes + 1)
            added += not upload_reference(user, person, content, file.name or "", status).is_duplicate
        except (ImageError, Refused) as refusal:
            refused.append(f"{file.name}: {in_words(refusal)}")
    if refused:
        messages.error(request, _refused(refused))
    if added:
        sentence = ngettext("%(count)s picture added.", "%(count)s pictures added.", added) % {"count": added}
        waits = "" if user.is_curator else " " + _("A curator looks at it before it is used.")
        messages.success(request, sentence + waits)

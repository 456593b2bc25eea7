"""New references of a person in the admin: pictures or a ZIP, each with the face that was found, then saved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gallery import derived, storage
from gallery.access import current_user
from gallery.admin.telling import TellingAdmin, told
from gallery.limits import limits
from gallery.models import Person, ReferenceDraft, User
from gallery.services import drafts
from gallery.services.drafts import Sent
from gallery.services.errors import Refused
from recognition.images import archive, sandbox
from recognition.types import ImageError

SHOWN_SIDE = 640  # pixels of a draft's picture on the page


class PicturesAdmin(TellingAdmin):
    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("<int:pk>/pictures/", wrap(self.pictures), name="gallery_person_pictures"),
            path("<int:pk>/pictures/save", wrap(self.save_pictures), name="gallery_person_pictures_save"),
            path("draft/<int:pk>/", wrap(self.draft), name="gallery_person_draft"),
            path("draft/<int:pk>/image", wrap(self.draft_image), name="gallery_person_draft_image"),
        ]
        return own + super().get_urls()

    @method_decorator(require_http_methods(["GET", "HEAD", "POST"]))
    def pictures(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """What was sent and not yet saved, and the place to send more."""
        person = get_object_or_404(Person, pk=pk)
        if request.method == "POST":
            _receive(request, person)
            return redirect("admin:gallery_person_pictures", person.pk)
        mine = ReferenceDraft.objects.filter(person=person, added_by=current_user(request))
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": _("New references of %(name)s") % {"name": person.name},
            "opts": self.opts,
            "person": person,
            "drafts": mine,
        }
        return TemplateResponse(request, "admin/gallery/person/pictures.html", context)

    @method_decorator(require_http_methods(["GET", "HEAD", "POST"]))
    def draft(self, request: HttpRequest, pk: int) -> HttpResponse:
        """One picture with its faces; a box that was drawn on it comes by POST."""
        draft = _own(current_user(request), pk)
        refusal = ""
        if request.method == "POST":
            try:
                drafts.draw(draft, _box(request))
            except Refused as error:
                refusal = str(error)
            draft.refresh_from_db()
        context = {"draft": draft, "refusal": refusal}
        return TemplateResponse(request, "admin/gallery/person/_draft.html", context)

    @method_decorator(require_safe)
    def draft_image(self, request: HttpRequest, pk: int) -> HttpResponse:
        draft = _own(current_user(request), pk)
        content = sandbox.derive(storage.path(draft.image), SHOWN_SIDE, derived.LIMITS)
        response = HttpResponse(content, content_type="image/webp")
        response["Cache-Control"] = "private, max-age=86400, immutable"
        return response

    @method_decorator(require_POST)
    def save_pictures(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Save the chosen faces as references, and leave out the rest of what was shown."""
        person, user = get_object_or_404(Person, pk=pk), current_user(request)
        rows = ReferenceDraft.objects.filter(person=person, added_by=user)
        chosen: dict[ReferenceDraft, int | None] = {}
        for draft in rows:
            answer = request.POST.get(f"face-{draft.pk}")
            if answer is not None and not draft.is_waiting:
                chosen[draft] = int(answer) if answer.isdecimal() else None
        try:
            with told(request):
                drafts.save(user, person, chosen)
        except (Refused, ImageError, OSError) as error:
            messages.error(request, str(error))
            return redirect("admin:gallery_person_pictures", person.pk)
        if ReferenceDraft.objects.filter(person=person, added_by=user).exists():
            return redirect("admin:gallery_person_pictures", person.pk)
        return redirect("admin:gallery_person_change", person.pk)


def _own(user: User, pk: int) -> ReferenceDraft:
    return get_object_or_404(ReferenceDraft, pk=pk, added_by=user)


def _box(request: HttpRequest) -> tuple[float, float, float, float]:
    try:
        left, top, width, height = (float(request.POST[side]) for side in ("left", "top", "width", "height"))
    except (KeyError, ValueError):
        raise Refused(_("The box is too small. Draw it around the whole face.")) from None
    return left, top, width, height


def _receive(request: HttpRequest, person: Person) -> None:
    user = current_user(request)
    for file in request.FILES.getlist("pictures"):
        for sent in _take(user, person, file):
            if sent.says:
                messages.warning(request, sent.says)


def _take(user: User, person: Person, file: UploadedFile[bytes]) -> Iterator[Sent]:
    """The file itself, or the pictures in it if it is a ZIP."""
    name = file.name or _("picture")
    is_zip = archive.is_archive(file.read(8))
    file.seek(0)
    if not is_zip:
        yield drafts.add(user, person, file.read(limits().bytes + 1), name)
        return
    try:
        for member in archive.photos(cast("BinaryIO", file), limits()):
            if member.refused:
                yield Sent(None, f"{member.name}: {member.refused}")
            else:
                yield drafts.add(user, person, member.data, member.name.rpartition("/")[2])
    except ImageError as refusal:
        yield Sent(None, f"{name}: {refusal}")

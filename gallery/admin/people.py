"""People in the admin: the form, their references and new pictures, import and export as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Count, F, Min, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gallery.admin.base import (
    ErasableAdminMixin,
    SearchKeyAdmin,
    ServiceAdmin,
    page_link,
    render_link,
    render_picture,
    report_events,
)
from gallery.admin.bulk import make_bulk_action
from gallery.admin.filters import (
    ConsentFilter,
    InPhotosFilter,
    PendingReferencesFilter,
    PersonHealthFilter,
    ReferenceCountFilter,
)
from gallery.core.downloads import as_download
from gallery.core.exceptions import ActionRefused, translate_error
from gallery.core.limits import get_upload_limits
from gallery.core.permissions import current_user, gives_file
from gallery.history.audit import record_export
from gallery.models import BulkAct, Face, Person, Reference, ReferenceDraft, User
from gallery.models.labels import LabelParts
from gallery.models.people import clean_name
from gallery.people.drafts import add_draft, draw_draft_face, save_drafts
from gallery.people.forms import PersonNameForm
from gallery.people.list_files import MAX_CSV_BYTES
from gallery.people.member_lists import draft_people_import, write_people_csv
from gallery.people.services import (
    check_person_name,
    create_person,
    rename_person,
    set_other_names,
    set_person_born,
    set_person_consent,
    set_person_hidden,
    set_person_note,
    set_person_recognised,
)
from gallery.photos.renditions import RENDITION_LIMITS
from gallery.templatetags.media import reference_src
from recognition.errors import ImageError
from recognition.images.archive import Member, is_archive, read_archive_members
from recognition.images.sandbox import make_rendition

BulkActKind = BulkAct.Kind
MAX_GRID_REFERENCES = 48
MAX_DRAFT_PIXELS = 640  # of a draft's picture on the page
EXPORT_CHUNK_SIZE = 1_000  # people in one query
JUDGEMENT_ORDER = [Reference.Judgement.PENDING, Reference.Judgement.APPROVED, Reference.Judgement.REJECTED]


class ReferenceDraftsAdmin(ServiceAdmin):
    """The pages on which pictures are sent for a person, and faces in them chosen as references."""

    @method_decorator(require_http_methods(["GET", "HEAD", "POST"]))
    def pictures_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """What was sent and not yet saved, and the place to send more."""
        person, user = get_object_or_404(Person, pk=pk), current_user(request)
        if request.method == "POST":
            for file in request.FILES.getlist("pictures"):
                for refusal in _add_drafts(user, person, file):
                    messages.warning(request, refusal)
            return redirect("admin:gallery_person_pictures", person.pk)
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": _("New references of %(name)s") % {"name": person.label},
            "opts": self.opts,
            "person": person,
            "drafts": ReferenceDraft.objects.filter(person=person, added_by=user),
        }
        return TemplateResponse(request, "admin/gallery/person/pictures.html", context)

    @method_decorator(require_http_methods(["GET", "HEAD", "POST"]))
    def draft_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """One picture with its faces; a box that was drawn on it comes by POST."""
        draft = get_object_or_404(ReferenceDraft, pk=pk, added_by=current_user(request))
        refusal = ""
        if request.method == "POST":
            try:
                draw_draft_face(draft, _read_box(request))
            except ActionRefused as error:
                refusal = str(error)
            draft.refresh_from_db()
        context = {"draft": draft, "refusal": refusal}
        return TemplateResponse(request, "admin/gallery/person/_draft.html", context)

    @method_decorator(require_safe)
    def draft_image_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        draft = get_object_or_404(ReferenceDraft, pk=pk, added_by=current_user(request))
        content = make_rendition(draft.image.path, MAX_DRAFT_PIXELS, RENDITION_LIMITS)
        response = HttpResponse(content, content_type="image/webp")
        response["Cache-Control"] = "private, max-age=86400, immutable"
        return response

    @method_decorator(require_POST)
    def save_pictures_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Save the chosen faces as references, and leave out the rest of what was shown."""
        person, user = get_object_or_404(Person, pk=pk), current_user(request)
        rows = ReferenceDraft.objects.filter(person=person, added_by=user)
        chosen: dict[ReferenceDraft, int | None] = {}
        for draft in rows:
            answer = request.POST.get(f"face-{draft.pk}")
            if answer is not None and not draft.is_unfinished:
                chosen[draft] = int(answer) if answer.isdecimal() else None
        try:
            with report_events(request):
                save_drafts(user, person, chosen)
        except (ActionRefused, ImageError, OSError) as error:
            messages.error(request, translate_error(error))
            return redirect("admin:gallery_person_pictures", person.pk)
        if ReferenceDraft.objects.filter(person=person, added_by=user).exists():
            return redirect("admin:gallery_person_pictures", person.pk)
        return redirect("admin:gallery_person_change", person.pk)


def _read_box(request: HttpRequest) -> tuple[float, float, float, float]:
    try:
        left, top, width, height = (float(request.POST[side]) for side in ("left", "top", "width", "height"))
    except (KeyError, ValueError):
        raise ActionRefused(_("The box is too small. Draw it around the whole face.")) from None
    return left, top, width, height


def _add_drafts(user: User, person: Person, file: UploadedFile[bytes]) -> Iterator[str]:
    """Keep the file itself, or the pictures in it if it is a ZIP; gives why one is not kept."""
    name = file.name or _("picture")
    is_zip = is_archive(file.read(8))
    file.seek(0)
    limits = get_upload_limits()
    try:
        for member in (
            read_archive_members(cast("BinaryIO", file), limits, system_folders=settings.SYSTEM_FOLDERS)
            if is_zip
            else [Member(name, file.read(limits.bytes + 1))]
        ):
            if member.refused:
                yield f"{member.name}: {translate_error(member.refused)}"
                continue
            try:
                add_draft(user, person, member.data, member.name.rpartition("/")[2])
            except ActionRefused as refusal:
                yield str(refusal)
    except ImageError as refusal:
        yield f"{name}: {translate_error(refusal)}"


class PeopleCsvAdmin(ServiceAdmin):
    """The list of people as a CSV file, and people from one."""

    @method_decorator(gives_file)
    @method_decorator(require_safe)
    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """The people of the list as it is filtered, searched and ordered."""
        found = self.get_changelist_instance(request).queryset
        people = found.prefetch_related("other_names", "memberships__group").annotate(
            approved=F("approved"), times=F("times")
        )  # the list's own are for one page
        record_export(current_user(request), people=people.count())
        response = HttpResponse(
            "".join(write_people_csv(people.iterator(chunk_size=EXPORT_CHUNK_SIZE))),
            content_type="text/csv; charset=utf-8",
        )
        day = timezone.localdate().isoformat()
        return as_download(response, f"people-{day}.csv")

    @method_decorator(require_http_methods(["GET", "HEAD", "POST"]))
    def import_view(self, request: HttpRequest) -> HttpResponseBase:
        """Choose a file; then the page of the act shows what each line would do."""
        file = request.FILES.get("file")
        if request.method == "POST":
            try:
                if file is None:
                    raise ActionRefused(_("Choose a file first."))
                content = file.read(MAX_CSV_BYTES + 1)
                back = reverse("admin:gallery_person_changelist")
                act = draft_people_import(current_user(request), content, back)
                return redirect("admin:gallery_bulkact_change", act.pk)
            except ActionRefused as refusal:
                messages.error(request, str(refusal))
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": _("People from a CSV file"),
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/gallery/person/import.html", context)


class PersonForm(PersonNameForm):
    class Meta:
        model = Person
        fields = (
            "name",
            "distinction",
            "born",
            "note",
            "is_hidden",
            "is_recognised",
            "consent_note",
            "consent_until",
        )

    is_another = forms.BooleanField(
        label=gettext_lazy("another of that name"),
        required=False,
        help_text=gettext_lazy(
            "Tick this for somebody who has the same name as a person that is here already."
        ),
    )

    def clean_name(self) -> str:
        name = clean_name(self.cleaned_data["name"])
        if not name:
            raise ValidationError(_("A name needs at least one letter."))
        return name

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        given = self.cleaned_data
        if "name" in given and "distinction" in given:
            own = self.instance if self.instance.pk else None
            try:
                check_person_name(given["name"], given["distinction"], own, is_another=given["is_another"])
            except ActionRefused as refusal:
                self.add_error("name", str(refusal))
        return cleaned


def _count_by_person(rows: QuerySet[Any]) -> Coalesce:
    counted = rows.filter(person=OuterRef("pk")).order_by().values("person").annotate(times=Count("*"))
    return Coalesce(Subquery(counted.values("times")), 0)


@admin.register(Person)
class PersonAdmin(ErasableAdminMixin, SearchKeyAdmin, PeopleCsvAdmin, ReferenceDraftsAdmin):
    erase_page = "person_erase"
    form = PersonForm
    list_display = (
        "person_picture",
        "label",
        "approved_count",
        "face_count",
        "is_hidden",
        "is_recognised",
        page_link,
    )
    list_display_links = ("person_picture", "label")
    list_filter = (
        PersonHealthFilter,
        ReferenceCountFilter,
        PendingReferencesFilter,
        InPhotosFilter,
        ConsentFilter,
        "is_hidden",
        "is_recognised",
    )
    search_fields = ("search__contains",)
    search_help_text = gettext_lazy("A name, with or without accents")
    actions = (
        make_bulk_action("hide", BulkActKind.HIDE, gettext_lazy("Hide")),
        make_bulk_action("show", BulkActKind.SHOW, gettext_lazy("Show again")),
        make_bulk_action("merge", BulkActKind.MERGE, gettext_lazy("Merge into one")),
        "erase_for_good",
    )
    readonly_fields = ("privacy_links",)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("export.csv", wrap(self.export_view), name="gallery_person_export"),
            path("import/", wrap(self.import_view), name="gallery_person_import"),
            path("<int:pk>/pictures/", wrap(self.pictures_view), name="gallery_person_pictures"),
            path(
                "<int:pk>/pictures/save",
                wrap(self.save_pictures_view),
                name="gallery_person_pictures_save",
            ),
            path("draft/<int:pk>/", wrap(self.draft_view), name="gallery_person_draft"),
            path("draft/<int:pk>/image", wrap(self.draft_image_view), name="gallery_person_draft_image"),
        ]
        return own + super().get_urls()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Person]:
        user = current_user(request)
        approved = Reference.objects.visible_to(user).approved()
        rows = super().get_queryset(request)
        # Worked out only where a list is ordered by them; for what a page shows, see get_changelist_instance.
        found: QuerySet[Person] = rows.alias(
            approved=_count_by_person(approved), times=_count_by_person(Face.objects.visible_to(user))
        )
        return found

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The counts and pictures of one page of people, in three queries."""
        changes = super().get_changelist_instance(request)
        user, rows = current_user(request), list(changes.result_list)
        visible = Reference.objects.visible_to(user).filter(person__in=[row.pk for row in rows]).order_by()
        approved = visible.approved().values_list("person")
        counts = {
            pk: (number, first) for pk, number, first in approved.annotate(number=Count("*"), first=Min("pk"))
        }
        faces = Face.objects.visible_to(user).filter(person__in=[row.pk for row in rows]).order_by()
        times = dict(faces.values_list("person").annotate(number=Count("*")))
        firsts = {row.pk: row.cover_id or counts.get(row.pk, (0, None))[1] for row in rows}
        pictures = Reference.objects.visible_to(user).only("sha256")
        found = pictures.in_bulk([pk for pk in firsts.values() if pk])
        for row in rows:
            row.approved, row.times = counts.get(row.pk, (0, None))[0], times.get(row.pk, 0)
            row.shown = found.get(firsts[row.pk])
        changes.result_list = rows
        return changes

    @admin.display(description=gettext_lazy("picture"))
    def person_picture(self, person: Person) -> SafeString | str:
        reference = getattr(person, "shown", None)
        return render_picture(reference_src(reference, 128), alt=person.label) if reference else "–"

    @admin.display(description=gettext_lazy("name"), ordering="search")
    def label(self, person: Person) -> str:
        return person.label

    @admin.display(description=gettext_lazy("references"), ordering="approved")
    def approved_count(self, person: Any) -> SafeString:
        return format_html('<a href="../reference/?person__id__exact={}">{}</a>', person.pk, person.approved)

    @admin.display(description=gettext_lazy("faces"), ordering="times")
    def face_count(self, person: Any) -> SafeString:
        return format_html('<a href="../face/?person__id__exact={}">{}</a>', person.pk, person.times)

    @admin.display(description=gettext_lazy("privacy"))
    def privacy_links(self, person: Person) -> SafeString | str:
        """Where they stand, and the pages on which it is changed."""
        if not person.pk:
            return "–"
        said = _("recognised in photos") if person.may_be_recognised else _("not recognised in photos")
        if person.is_expired:
            said = _("consent has run out, not recognised in photos")
        pages = [
            render_link(_("Consent"), "person_consent", person.pk),
            render_link(_("All that is known (for administrators)"), "person_export", person.pk),
        ]
        return format_html("{} · {} · {}", said, *pages)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **named: Any
    ) -> HttpResponse:
        """With the person's references: what is to be judged first, then what is searched, then what was rejected."""
        if person := context["original"]:
            user = current_user(request)
            shown: list[Reference] = []
            rows = Reference.objects.visible_to(user).filter(person=person)
            for status in JUDGEMENT_ORDER:
                shown += rows.filter(status=status).order_by("-pk")[: MAX_GRID_REFERENCES - len(shown)]
            context |= {
                "references": shown,
                "reference_count": rows.count(),
                "face_count": Face.objects.visible_to(user).filter(person=person).count(),
                "checkbox": ACTION_CHECKBOX_NAME,
            }
        return super().render_change_form(request, context, *args, **named)

    def save_model(self, request: HttpRequest, obj: Person, form: Any, change: bool) -> None:
        user, given = current_user(request), form.cleaned_data
        with report_events(request):
            if not change:
                parts = LabelParts(*(given[column] for column in LabelParts._fields))
                obj.pk = create_person(user, parts, given["note"], is_another=given["is_another"]).pk
                obj.refresh_from_db()
            stored = Person.objects.get(pk=obj.pk)
            word, is_another = given["distinction"], given["is_another"]
            rename_person(user, stored, given["name"], distinction=word, is_another=is_another)
            set_person_born(user, stored, given["born"])
            set_other_names(user, stored, given["other_names"])
            set_person_note(user, stored, given["note"])
            set_person_hidden(user, stored, given["is_hidden"])
            set_person_recognised(user, stored, given["is_recognised"])
            set_person_consent(user, stored, given["consent_note"], given["consent_until"])
        obj.refresh_from_db()

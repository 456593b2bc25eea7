"""Photos in the admin: one at a time by a guarded form, many at a time by acts that are looked at first."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.access import current_user
from gallery.admin.bulk import choose
from gallery.admin.choices import LongSelect, Named
from gallery.admin.erasing import Erasable
from gallery.admin.filters import OnPhoto
from gallery.admin.paging import how_far, ids_of, link, picture, searched
from gallery.admin.telling import TellingAdmin, told
from gallery.admin.visible import VisibleAdmin
from gallery.browse.onphoto import faces_of
from gallery.browse.paging import as_id
from gallery.guard import GuardedForm
from gallery.models import BulkAct, Decision, Photo
from gallery.services import albums, photos
from gallery.templatetags.media import photo_src
from gallery.visibility import viewable_photos, visible_albums

Kind = BulkAct.Kind
TO_THE_SECOND = "%Y-%m-%dT%H:%M:%S"


class PhotoForm(GuardedForm):
    taken_at = forms.DateTimeField(
        label=gettext_lazy("Taken"),
        required=False,
        widget=forms.DateTimeInput({"type": "datetime-local", "step": "1"}, format=TO_THE_SECOND),
    )

    class Meta:
        model = Photo
        fields = ("as_seen", "album", "taken_at", "is_recognised")


@admin.register(Photo)
class PhotoAdmin(Erasable, VisibleAdmin, TellingAdmin):
    erase_page = "photo_erase"
    form = PhotoForm
    list_display = ("shown", "name", "album", "reached", "faces", "is_recognised", "added_at", "page")
    list_display_links = ("shown", "name")
    list_filter = (
        "work",
        "is_recognised",
        ("trashed_at", admin.EmptyFieldListFilter),
        ("album", admin.EmptyFieldListFilter),
        "added_at",
        OnPhoto,
    )
    list_select_related = ("album",)
    list_columns = (
        "sha256",
        "name",
        "work",
        "failure",
        "is_recognised",
        "added_at",
        "trashed_at",
        "album__name",
    )
    search_fields = ("search",)
    search_help_text = gettext_lazy("A file's name, with or without accents")
    ordering = ("-pk",)
    fields = (
        "as_seen",
        "large",
        "name",
        "album",
        "taken_at",
        "is_recognised",
        "work",
        "failure",
        "added_at",
        "sender",
        "pixels",
        "thrown",
    )
    readonly_fields = (
        "large",
        "name",
        "work",
        "failure",
        "added_at",
        "sender",
        "pixels",
        "thrown",
    )
    actions = (
        "try_again",
        "stop_recognising",
        "recognise",
        "put",
        "take_out",
        "trash",
        "restore",
        "erase_for_good",
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Photo], search_term: str
    ) -> tuple[QuerySet[Photo], bool]:
        return searched(queryset, "search", search_term), False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """How many faces each photo of the page has, in one query."""
        changes = super().get_changelist_instance(request)
        are_faces = Count("faces", filter=~Q(faces__decision=Decision.NOT_A_FACE))
        ids = [row.pk for row in changes.result_list]
        counts = dict(Photo.objects.filter(pk__in=ids).order_by().values_list("pk").annotate(times=are_faces))
        for row in changes.result_list:
            row.times = counts.get(row.pk, 0)
        return changes

    @admin.display(description=gettext_lazy("work"), ordering="work")
    def reached(self, photo: Photo) -> SafeString | str:
        return how_far(photo)

    @admin.display(description=gettext_lazy("picture"))
    def shown(self, photo: Photo) -> SafeString:
        return picture(photo_src(photo, 320), 64, photo.name)

    @admin.display(description=gettext_lazy("picture"))
    def large(self, photo: Photo) -> SafeString:
        html = '<a href="{}"><img src="{}" width="320" loading="lazy" alt="{}"></a>'
        return format_html(html, photo_src(photo, 1280), photo_src(photo, 320), photo.name)

    @admin.display(description=gettext_lazy("added by"))
    def sender(self, photo: Photo) -> str:
        return str(photo.uploaded_by or "–")

    @admin.display(description=gettext_lazy("in the trash since"))
    def thrown(self, photo: Photo) -> str:
        if photo.trashed_at is None:
            return "–"
        return date_format(timezone.localtime(photo.trashed_at), "SHORT_DATETIME_FORMAT")

    @admin.display(description=gettext_lazy("pixels"))
    def pixels(self, photo: Photo) -> str:
        return f"{photo.width} × {photo.height}"

    @admin.display(description=gettext_lazy("faces"))
    def faces(self, photo: Any) -> SafeString:
        return format_html('<a href="../face/?photo__id__exact={}">{}</a>', photo.pk, photo.times)

    @admin.display(description=gettext_lazy("page"))
    def page(self, photo: Photo) -> SafeString | str:
        return link(_("on the site"), "photo", photo.pk) if photo.trashed_at is None else _("in the trash")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # photos are added on the site, where one sees how far they are

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # the trash is an act that can be undone; erasing has a page of its own

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **named: Any) -> Any:
        """Nobody puts a photo into an album that they may not see."""
        if db_field.name == "album":
            named["queryset"] = visible_albums(current_user(request)).only("name").order_by("search", "pk")
            named["empty_label"] = _("in no album")
            named["widget"] = LongSelect
        field: Any = super().formfield_for_foreignkey(db_field, request, **named)
        if db_field.name == "album":
            field.iterator = Named
        return field

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        user = current_user(request)
        photo = viewable_photos(user).filter(pk=as_id(object_id) or 0).first()
        more = {"found_faces": faces_of(user, photo)} if photo else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def save_model(self, request: HttpRequest, obj: Photo, form: Any, change: bool) -> None:
        user, given = current_user(request), form.cleaned_data
        with told(request):
            stored = Photo.objects.get(pk=obj.pk)
            albums.put(user, stored, given["album"])
            if "taken_at" in form.changed_data:
                photos.set_taken(user, stored, given["taken_at"])
            photos.set_recognised(user, stored, given["is_recognised"])
        obj.refresh_from_db()

    @admin.action(description=gettext_lazy("Process again"))
    def try_again(self, request: HttpRequest, queryset: QuerySet[Photo]) -> HttpResponse | None:
        return choose(request, Kind.PROCESS, ids_of(queryset))

    @admin.action(
        description=gettext_lazy("Stop recognising anybody: removes the machine's names and all vectors")
    )
    def stop_recognising(self, request: HttpRequest, queryset: QuerySet[Photo]) -> HttpResponse | None:
        return choose(request, Kind.STOP_RECOGNISING, ids_of(queryset))

    @admin.action(description=gettext_lazy("Recognise again"))
    def recognise(self, request: HttpRequest, queryset: QuerySet[Photo]) -> HttpResponse | None:
        return choose(request, Kind.RECOGNISE, ids_of(queryset))

    @admin.action(description=gettext_lazy("Put into an album"))
    def put(self, request: HttpRequest, queryset: QuerySet[Photo]) -> HttpResponse | None:
        return choose(request, Kind.ALBUM, ids_of(queryset))

    @admin.action(description=gettext_lazy("Take out of their albums"))
    def take_out(self, request: HttpRequest, queryset: QuerySet[Photo]) -> HttpResponse | None:
        return choose(request, Kind.NO_ALBUM, ids_of(queryset))

    @admin.action(description=gettext_lazy("Put into the trash"))
    def trash(self, request: HttpRequest, queryset: QuerySet[Photo]) -> HttpResponse | None:
        return choose(request, Kind.TRASH, ids_of(queryset))

    @admin.action(description=gettext_lazy("Take out of the trash"))
    def restore(self, request: HttpRequest, queryset: QuerySet[Photo]) -> HttpResponse | None:
        return choose(request, Kind.RESTORE, ids_of(queryset))

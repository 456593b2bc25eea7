"""Photos and albums in the admin: one at a time by a guarded form, many at a time by bulk acts."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, F, Max, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from gallery.admin.base import (
    ErasableAdminMixin,
    SearchKeyAdmin,
    ServiceAdmin,
    VisibleAdmin,
    job_status,
    page_link,
    render_picture,
    report_events,
)
from gallery.admin.bulk import make_bulk_action
from gallery.admin.filters import AlbumFilter, PersonOnPhotoFilter
from gallery.core.exceptions import ActionRefused
from gallery.core.permissions import current_user
from gallery.faces.selectors import list_faces_with_references
from gallery.history.locking import OptimisticLockForm
from gallery.models import Album, BulkAct, Decision, Photo
from gallery.photos.albums import change_album, create_album
from gallery.photos.services import set_photo_recognition, set_taken_at
from gallery.templatetags.media import photo_src


@admin.register(Album)
class AlbumAdmin(VisibleAdmin, SearchKeyAdmin, ServiceAdmin):
    form = OptimisticLockForm
    fields = ("name", "date", "note", "order", "is_limited", "members", "is_recognised")
    list_display = ("album_picture", "name", "date", "photo_count", "is_limited", "is_recognised", page_link)
    list_display_links = ("album_picture", "name")
    list_filter = ("is_limited", "is_recognised", "date")
    search_fields = ("search__contains",)
    search_help_text = gettext_lazy("A name, with or without accents")
    filter_horizontal = ()
    ordering = ("-date", "-pk")  # counting by groups takes the model's away

    def get_queryset(self, request: HttpRequest) -> QuerySet[Album]:
        kept = Count("photos", filter=Q(photos__trashed_at__isnull=True))
        rows: QuerySet[Album] = super().get_queryset(request).annotate(kept=kept)
        return rows

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """A picture for each album of the page, in two queries."""
        changes = super().get_changelist_instance(request)
        seen = Photo.objects.visible_to(current_user(request))
        own = seen.filter(albums__in=[row.pk for row in changes.result_list]).order_by()
        newest = dict(own.values_list("albums").annotate(Max("pk")))
        pictures = seen.only("sha256", "format", "turn").in_bulk(newest.values())
        for row in changes.result_list:
            row.picture = pictures.get(newest.get(row.pk))
        return changes

    @admin.display(description=gettext_lazy("picture"))
    def album_picture(self, album: Any) -> SafeString | str:
        photo: Photo | None = getattr(album, "picture", None)
        return render_picture(photo_src(photo, 320), 64, album.name) if photo else "–"

    @admin.display(description=gettext_lazy("photos"), ordering="kept")
    def photo_count(self, album: Any) -> SafeString:
        return format_html('<a href="../photo/?album={}">{}</a>', album.pk, album.kept)

    def save_model(self, request: HttpRequest, obj: Album, form: Any, change: bool) -> None:
        user = current_user(request)
        try:
            with report_events(request):
                if not change:
                    obj.pk = create_album(user, **form.get_row_values()).pk
                elif given := form.get_changed_values():
                    change_album(user, Album.objects.get(pk=obj.pk), given)
        except ActionRefused as refusal:
            messages.error(request, str(refusal))
        if obj.pk:
            obj.refresh_from_db()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The members were saved with the rest."""


BulkActKind = BulkAct.Kind
DATETIME_LOCAL_FORMAT = "%Y-%m-%dT%H:%M:%S"


class PhotoForm(OptimisticLockForm):
    taken_at = forms.DateTimeField(
        label=gettext_lazy("Taken"),
        required=False,
        widget=forms.DateTimeInput({"type": "datetime-local", "step": "1"}, format=DATETIME_LOCAL_FORMAT),
    )


@admin.register(Photo)
class PhotoAdmin(ErasableAdminMixin, VisibleAdmin, SearchKeyAdmin, ServiceAdmin):
    erase_page = "photo_erase"
    form = PhotoForm
    list_display = (
        "photo_picture",
        "name",
        "album_names",
        job_status,
        "face_count",
        "is_recognised",
        "added_at",
        page_link,
    )
    list_display_links = ("photo_picture", "name")
    list_filter = (
        "work",
        "is_recognised",
        ("trashed_at", admin.EmptyFieldListFilter),
        AlbumFilter,
        "added_at",
        PersonOnPhotoFilter,
    )
    search_fields = ("search__contains",)
    search_help_text = gettext_lazy("A file's name, with or without accents")
    ordering = ("-pk",)
    readonly_fields = (
        "large_picture",
        "name",
        "album_links",
        "work",
        "failure_text",
        "added_at",
        "uploader_name",
        "pixel_size",
        "trashed_since",
    )
    fields = (*readonly_fields[:3], "taken_at", "is_recognised", *readonly_fields[3:])
    actions = (
        make_bulk_action("try_again", BulkActKind.PROCESS, gettext_lazy("Process again")),
        make_bulk_action(
            "stop_recognising",
            BulkActKind.STOP_RECOGNISING,
            gettext_lazy("Stop recognising anybody: removes the machine's names and all vectors"),
        ),
        make_bulk_action("recognise", BulkActKind.RECOGNISE, gettext_lazy("Recognise again")),
        make_bulk_action("put", BulkActKind.ALBUM, gettext_lazy("Put into an album")),
        make_bulk_action("take_out", BulkActKind.NO_ALBUM, gettext_lazy("Take out of their albums")),
        make_bulk_action("trash", BulkActKind.TRASH, gettext_lazy("Put into the trash")),
        make_bulk_action("restore", BulkActKind.RESTORE, gettext_lazy("Take out of the trash")),
        "erase_for_good",
    )

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The albums of each photo of the page, and how many faces it has; in two queries."""
        changes = super().get_changelist_instance(request)
        are_faces = Count("faces", filter=~Q(faces__decision=Decision.NOT_A_FACE))
        ids = [row.pk for row in changes.result_list]
        counts = dict(Photo.objects.filter(pk__in=ids).order_by().values_list("pk").annotate(times=are_faces))
        albums = Album.objects.visible_to(current_user(request)).filter(photos__in=ids)
        found: dict[int, list[Any]] = defaultdict(list)
        for album in albums.annotate(photo=F("photos")).order_by("search"):
            found[album.photo].append(album)  # type: ignore[attr-defined]  # annotated
        for row in changes.result_list:
            row.times, row.in_albums = counts.get(row.pk, 0), found[row.pk]
        return changes

    @admin.display(description=gettext_lazy("albums"))
    def album_names(self, photo: Any) -> str:
        return ", ".join(album.name for album in photo.in_albums) or "–"

    @admin.display(description=gettext_lazy("albums"))
    def album_links(self, photo: Any) -> SafeString | str:
        """Put into them on the photo's page, where it is said who sees it then."""
        links = ((album.pk, album.name) for album in photo.in_albums)
        return format_html_join(", ", '<a href="../../../album/{}/change/">{}</a>', links) or "–"

    @admin.display(description=gettext_lazy("picture"))
    def photo_picture(self, photo: Photo) -> SafeString:
        return render_picture(photo_src(photo, 320), 64, photo.name)

    @admin.display(description=gettext_lazy("picture"))
    def large_picture(self, photo: Photo) -> SafeString:
        html = '<a href="{}"><img src="{}" width="320" loading="lazy" alt="{}"></a>'
        return format_html(html, photo_src(photo, 1280), photo_src(photo, 320), photo.name)

    @admin.display(description=gettext_lazy("added by"))
    def uploader_name(self, photo: Photo) -> str:
        return str(photo.uploaded_by or "–")

    @admin.display(description=gettext_lazy("in the trash since"))
    def trashed_since(self, photo: Photo) -> str:
        if photo.trashed_at is None:
            return "–"
        return date_format(timezone.localtime(photo.trashed_at), "SHORT_DATETIME_FORMAT")

    @admin.display(description=gettext_lazy("pixels"))
    def pixel_size(self, photo: Photo) -> str:
        return f"{photo.width} × {photo.height}"

    @admin.display(description=gettext_lazy("faces"))
    def face_count(self, photo: Any) -> SafeString:
        return format_html('<a href="../face/?photo__id__exact={}">{}</a>', photo.pk, photo.times)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # photos are added on the site, where one sees how far they are

    def get_object(self, request: HttpRequest, *args: Any, **named: Any) -> Any:
        photo: Any = super().get_object(request, *args, **named)
        if photo is not None:
            albums = Album.objects.visible_to(current_user(request)).filter(photos=photo)
            photo.in_albums = list(albums.order_by("search"))
        return photo

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **named: Any
    ) -> HttpResponse:
        context["found_faces"] = list_faces_with_references(current_user(request), context["original"])
        return super().render_change_form(request, context, *args, **named)

    def save_model(self, request: HttpRequest, obj: Photo, form: Any, change: bool) -> None:
        user, given = current_user(request), form.cleaned_data
        with report_events(request):
            stored = Photo.objects.get(pk=obj.pk)
            if "taken_at" in form.changed_data:
                set_taken_at(user, stored, given["taken_at"])
            set_photo_recognition(user, stored, given["is_recognised"])
        obj.refresh_from_db()

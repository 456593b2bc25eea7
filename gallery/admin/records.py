"""What the admin shows of photos, builds and calibrations: to look at and filter."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from gallery.access import current_user
from gallery.admin.erasing import Erasable
from gallery.admin.looking import LookedAt
from gallery.admin.paging import link, picture, searched
from gallery.admin.visible import VisibleAdmin
from gallery.models import Build, Calibration, Photo
from gallery.services import photos
from gallery.templatetags.media import photo_src


@admin.register(Photo)
class PhotoAdmin(Erasable, VisibleAdmin, LookedAt):
    erase_page = "photo_erase"
    list_display = (
        "shown",
        "name",
        "album",
        "work",
        "failure",
        "faces",
        "width",
        "height",
        "added_at",
        "page",
    )
    list_display_links = ("shown", "name")
    list_filter = ("work", "is_recognised", ("trashed_at", admin.EmptyFieldListFilter), "added_at")
    list_select_related = ("album",)
    search_fields = ("search",)
    fields = (
        "large",
        "name",
        "album",
        "faces",
        "page",
        "taken_at",
        "added_at",
        "uploaded_by",
        "width",
        "height",
        "work",
        "failure",
        "is_recognised",
        "trashed_at",
    )
    readonly_fields = ("large", "faces", "page")
    actions = ("try_again", "stop_recognising", "recognise", "erase_for_good")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Photo], search_term: str
    ) -> tuple[QuerySet[Photo], bool]:
        return searched(queryset, "search", search_term), False

    @admin.display(description=gettext_lazy("picture"))
    def shown(self, photo: Photo) -> SafeString:
        return picture(photo_src(photo, 320), 64, photo.name)

    @admin.display(description=gettext_lazy("picture"))
    def large(self, photo: Photo) -> SafeString:
        return picture(photo_src(photo, 320), 240, photo.name)

    @admin.display(description=gettext_lazy("faces"))
    def faces(self, photo: Photo) -> SafeString:
        address = reverse("admin:gallery_face_changelist")
        return format_html('<a href="{}?photo__id__exact={}">{}</a>', address, photo.pk, _("faces"))

    @admin.display(description=gettext_lazy("page"))
    def page(self, photo: Photo) -> SafeString:
        return link(_("on the site"), "photo", photo.pk)

    @admin.action(description=gettext_lazy("Process again"), permissions=("view",))
    def try_again(self, request: HttpRequest, queryset: QuerySet[Photo]) -> None:
        for photo in queryset:
            photos.retry_photo(current_user(request), photo)
        messages.success(request, _("They wait for the worker."))

    @admin.action(
        description=gettext_lazy("Stop recognising anybody: removes the machine's names and all vectors"),
        permissions=("view",),
    )
    def stop_recognising(self, request: HttpRequest, queryset: QuerySet[Photo]) -> None:
        self._set_recognised(request, queryset, False)

    @admin.action(description=gettext_lazy("Recognise again"), permissions=("view",))
    def recognise(self, request: HttpRequest, queryset: QuerySet[Photo]) -> None:
        self._set_recognised(request, queryset, True)

    def _set_recognised(self, request: HttpRequest, rows: QuerySet[Photo], is_recognised: bool) -> None:
        user = current_user(request)
        done = [photos.set_recognised(user, photo, is_recognised) for photo in rows]
        count = sum(event is not None for event in done)
        sentence = ngettext("%(count)s photo changed.", "%(count)s photos changed.", count)
        messages.success(request, sentence % {"count": count})


@admin.register(Build)
class BuildAdmin(LookedAt):
    list_display = (
        "pk",
        "embedder_id",
        "work",
        "is_active",
        "vectors",
        "index_key",
        "recall",
        "size",
        "milliseconds",
        "page",
    )
    list_filter = ("work", "is_active", "embedder_id")

    @admin.display(description=gettext_lazy("page"))
    def page(self, build: Build) -> SafeString:
        return link(_("on the site"), "build", build.pk)


@admin.register(Calibration)
class CalibrationAdmin(LookedAt):
    list_display = ("pk", "embedder_id", "false_name_rate", "applied_at", "created_at")
    list_filter = ("embedder_id",)

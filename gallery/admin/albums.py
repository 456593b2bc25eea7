"""Albums in the admin: changed through the services, so that it stands in the history."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Max, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.access import current_user
from gallery.admin.paging import link, picture, searched
from gallery.admin.telling import TellingAdmin, told
from gallery.admin.visible import VisibleAdmin
from gallery.guard import SEEN, GuardedForm
from gallery.models import Album, Photo
from gallery.services import albums
from gallery.services.errors import Refused
from gallery.templatetags.media import photo_src
from gallery.visibility import visible_photos


class AlbumForm(GuardedForm):
    class Meta:
        model = Album
        fields = ("as_seen", "name", "date", "note", "is_limited", "members", "is_recognised")


@admin.register(Album)
class AlbumAdmin(VisibleAdmin, TellingAdmin):
    form = AlbumForm
    list_display = ("shown", "name", "date", "photo_count", "is_limited", "is_recognised", "page")
    list_display_links = ("shown", "name")
    list_filter = ("is_limited", "is_recognised", "date")
    search_fields = ("search",)
    search_help_text = gettext_lazy("A name, with or without accents")
    filter_horizontal = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Album]:
        kept = Count("photos", filter=Q(photos__trashed_at__isnull=True))
        rows: QuerySet[Album] = super().get_queryset(request).annotate(kept=kept)
        return rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Album], search_term: str
    ) -> tuple[QuerySet[Album], bool]:
        return searched(queryset, "search", search_term), False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """A picture for each album of the page, in two queries."""
        changes = super().get_changelist_instance(request)
        seen = visible_photos(current_user(request))
        own = seen.filter(album__in=[row.pk for row in changes.result_list]).order_by()
        newest = dict(own.values_list("album").annotate(Max("pk")))
        pictures = seen.only("sha256").in_bulk(newest.values())
        for row in changes.result_list:
            row.picture = pictures.get(newest.get(row.pk))
        return changes

    @admin.display(description=gettext_lazy("picture"))
    def shown(self, album: Any) -> SafeString | str:
        photo: Photo | None = getattr(album, "picture", None)
        return picture(photo_src(photo, 320), 64, album.name) if photo else "–"

    @admin.display(description=gettext_lazy("photos"), ordering="kept")
    def photo_count(self, album: Any) -> SafeString:
        return format_html('<a href="../photo/?album__id__exact={}">{}</a>', album.pk, album.kept)

    @admin.display(description=gettext_lazy("page"))
    def page(self, album: Album) -> SafeString:
        return link(_("on the site"), "album", album.pk)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # taking an album away is done on its page, which says what becomes of its photos

    def save_model(self, request: HttpRequest, obj: Album, form: Any, change: bool) -> None:
        user, given = current_user(request), form.cleaned_data
        changed = [name for name in form.changed_data if name in form.cleaned_data and name != SEEN]
        try:
            with told(request):
                if not change:
                    obj.pk = albums.create(user, **form.fresh()).pk
                elif changed:
                    values = {name: given[name] for name in changed}
                    albums.change(user, Album.objects.get(pk=obj.pk), values)
        except Refused as refusal:
            messages.error(request, str(refusal))
        if obj.pk:
            obj.refresh_from_db()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The members were saved with the rest."""

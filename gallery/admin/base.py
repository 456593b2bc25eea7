"""What the admin's pages share: the site, base classes, messages with undo, and cells of lists."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin import AdminSite
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import Max, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.core.permissions import current_user
from gallery.history.descriptions import add_event_message
from gallery.models import Album, Event, Face, Photo, Reference, User
from gallery.models.people import get_search_key
from gallery.models.querysets import SOURCE_PHOTO_PATH, visible_photo_q

if TYPE_CHECKING:
    PaginatorBase = Paginator[Any]
    ModelAdminBase = admin.ModelAdmin[Any]
else:
    PaginatorBase = Paginator
    ModelAdminBase = admin.ModelAdmin


class GallerySite(AdminSite):
    """Open to curators and administrators."""

    site_header = gettext_lazy("Facesite: curating")
    site_title = gettext_lazy("Facesite")
    index_title = gettext_lazy("Gallery")

    def has_permission(self, request: HttpRequest) -> bool:
        return isinstance(request.user, User) and request.user.is_curator

    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """There is one way in: the site's own. Who is in already and comes here may not curate."""
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(request.GET.get(REDIRECT_FIELD_NAME, request.get_full_path()))


@cache
def get_site() -> GallerySite:
    """One site, although Django asks twice: importing this package registers its models, for which it asks again."""
    return GallerySite()


class IdsFirstPaginator(PaginatorBase):
    """Counts off ids before it joins rows: far pages of 100,000 rows take half of the time."""

    def page(self, number: int | str) -> Page[Any]:
        found = super().page(number)
        rows: Any = found.object_list
        all_rows: Any = self.object_list
        found.object_list = all_rows.filter(pk__in=list(rows.values_list("pk", flat=True)))
        return found


class GalleryModelAdmin(ModelAdminBase):
    paginator = IdsFirstPaginator
    list_per_page = 32
    show_full_result_count = False
    linked_lookups: ClassVar[tuple[str, ...]] = ()  # by which links of other pages narrow the list

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        return super().get_object(request, object_id, from_field or None)  # an empty one is a 500 in Django

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """What the list's filters and links ask: by other columns one could feel for what is hidden."""
        filters = [each[0] if isinstance(each, tuple) else each for each in self.get_list_filter(request)]
        whole = {*self.linked_lookups, *(getattr(each, "parameter_name", None) for each in filters)}
        is_ours = lookup in whole or lookup.partition("__")[0] in filters
        return is_ours and super().lookup_allowed(lookup, value, request)


class ReadOnlyAdmin(GalleryModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class SearchKeyAdmin(ModelAdminBase):
    """Finds names with or without accents: `search_fields` are columns that hold search keys."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return super().get_search_results(request, queryset, get_search_key(search_term))


class VisibleAdmin(ModelAdminBase):
    """Lists, pages, actions, filters and type-ahead of this model show only what the user may see.

    Put it first among the bases of an admin for Album, Photo, Face or Reference; extend `get_queryset` from here.
    """

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        user = current_user(request)
        if rows.model is Album:
            return rows.filter(pk__in=Album.objects.visible_to(user).order_by().values("pk"))
        paths = {Photo: "pk", Face: "photo", Reference: SOURCE_PHOTO_PATH}
        return rows.filter(visible_photo_q(user, paths[rows.model]))


REPORTED_ATTRIBUTE = "_are_events_reported"


@contextmanager
def report_events(request: HttpRequest) -> Iterator[None]:
    """Add a message for every act of this user in the block."""
    last = Event.objects.aggregate(last=Max("pk"))["last"] or 0
    yield
    done = Event.objects.filter(actor=current_user(request), pk__gt=last, batch__isnull=True)
    for event in done.order_by("pk"):
        add_event_message(request, event)
    if not done:
        messages.info(request, _("Nothing had to be changed."))
    setattr(request, REPORTED_ATTRIBUTE, True)


class ServiceAdmin(GalleryModelAdmin):
    """Rows that services write: messages say what was done, in place of the admin's own.

    Nothing is deleted here: taking a row away is an act that can be undone, or an erasure with a page of its own.
    """

    def message_user(self, request: HttpRequest, message: Any, *args: Any, **named: Any) -> None:
        if not getattr(request, REPORTED_ATTRIBUTE, False):
            super().message_user(request, message, *args, **named)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ErasableAdminMixin:
    """Put it first among the bases, name `erase_for_good` among the actions, and its page `erase_page`."""

    erase_page: ClassVar[str]

    def has_erase_permission(self, request: HttpRequest) -> bool:
        return current_user(request).is_administrator

    @admin.action(description=gettext_lazy("Erase for good"), permissions=["erase"])
    def erase_for_good(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            messages.error(request, _("Choose exactly one: what is erased can never come back."))
            return None
        return redirect(self.erase_page, chosen[0].pk)


def render_picture(address: str, size: int = 56, alt: str = "") -> SafeString:
    """A square picture; `alt` names it where a link has nothing else."""
    html = '<img src="{}" width="{}" height="{}" loading="lazy" alt="{}">'
    return format_html(html, address, size, size, alt)


def render_link(text: object, name: str, pk: int) -> SafeString:
    return format_html('<a href="{}">{}</a>', reverse(name, args=(pk,)), text)


@admin.display(description=gettext_lazy("page"))
def page_link(row: Any) -> SafeString | str:
    """The row's page on the site; a photo in the trash has none."""
    if getattr(row, "trashed_at", None):
        return _("in the trash")
    return render_link(_("on the site"), row._meta.model_name, row.pk)


@admin.display(description=gettext_lazy("person"))
def person_link(row: Any) -> SafeString | str:
    return render_link(row.person.label, "admin:gallery_person_change", row.person_id) if row.person else "–"


@admin.display(description=gettext_lazy("job status"), ordering="work")
def job_status(row: Any) -> SafeString | str:
    """How far the work on a row is, and why it failed."""
    reached, reason = row.get_work_display(), row.failure_text
    return format_html('{}<span class="reason">{}</span>', reached, reason) if reason else reached

"""Base classes of the admin's pages: read-only rows, rows the user may see, messages with undo, erasing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django.contrib import admin, messages
from django.db.models import Max, Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.admin.changelist import GalleryModelAdmin
from gallery.core.permissions import current_user
from gallery.history.descriptions import add_event_message
from gallery.models import Event
from gallery.models.querysets import visible_album_q


class ReadOnlyAdmin(GalleryModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


Row = TypeVar("Row", bound=Model)

# How a model's rows reach the album that may hide them.
ALBUM_PATHS = {
    "album": "",
    "photo": "album",
    "face": "photo__album",
    "reference": "source_face__photo__album",
}

if TYPE_CHECKING:
    ModelAdminBase = admin.ModelAdmin[Any]
else:
    ModelAdminBase = admin.ModelAdmin


class VisibleAdmin(ModelAdminBase):
    """Lists, pages, actions, filters and type-ahead of this model show only what the user may see.

    Put it first among the bases of an admin for Album, Photo, Face or Reference; extend `get_queryset` from here.
    """

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        path = ALBUM_PATHS[rows.model._meta.model_name or ""]
        return rows.filter(visible_album_q(current_user(request), path))


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


class EventMessagesAdmin(GalleryModelAdmin):
    """Messages about what was done, in place of the admin's own."""

    def message_user(self, request: HttpRequest, message: Any, *args: Any, **named: Any) -> None:
        if not getattr(request, REPORTED_ATTRIBUTE, False):
            super().message_user(request, message, *args, **named)


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

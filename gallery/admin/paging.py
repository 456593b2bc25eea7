"""What the project's lists in the admin share: pictures, and counting that stays quick in large tables."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

MOST_COUNTED = 10_000  # rows; a list that is longer has pages up to here, and filters for the rest


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # generic only in the stubs
    """Counts no further than MOST_COUNTED rows, so that a page costs the same at any size of the table."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        if isinstance(rows, QuerySet):
            return rows.order_by().values("pk")[:MOST_COUNTED].count()
        return len(rows)


def picture(address: str, size: int = 56) -> SafeString:
    return format_html('<img src="{}" width="{}" height="{}" loading="lazy" alt="">', address, size, size)


def link(text: object, name: str, *args: object) -> SafeString:
    return format_html('<a href="{}">{}</a>', reverse(name, args=args), text)


def said(request: HttpRequest, text: str) -> None:
    """What was done, and where it can be undone."""
    undo = format_html('{} <a href="{}">{}</a>', text, reverse("history"), _("Undo it in the history."))
    messages.success(request, undo)

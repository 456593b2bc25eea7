"""What the admin's lists share: their length, search without accents, pictures, links and progress in cells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from gallery.models.base import Work
from gallery.models.people import get_search_key

if TYPE_CHECKING:
    ModelAdminBase = admin.ModelAdmin[Any]
else:
    ModelAdminBase = admin.ModelAdmin


class GalleryModelAdmin(ModelAdminBase):
    list_per_page = 32
    show_full_result_count = False


class SearchKeyAdmin(ModelAdminBase):
    """Finds names with or without accents: `search_fields` are columns that hold search keys."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return super().get_search_results(request, queryset, get_search_key(search_term))


def render_picture(address: str, size: int = 56, alt: str = "") -> SafeString:
    """A square picture; `alt` names it where a link has nothing else."""
    html = '<img src="{}" width="{}" height="{}" loading="lazy" alt="{}">'
    return format_html(html, address, size, size, alt)


def render_link(text: object, name: str, pk: int) -> SafeString:
    return format_html('<a href="{}">{}</a>', reverse(name, args=(pk,)), text)


def render_progress(row: Work) -> SafeString | str:
    """How far the work on a row is, and why it failed."""
    reached = row.get_work_display()
    reason = row.failure_text
    return format_html('{}<span class="reason">{}</span>', reached, reason) if reason else reached


def iterate_ids(rows: QuerySet[Any]) -> Iterator[int]:
    """The ids of what was chosen in a list, however much it is."""
    return rows.order_by().values_list("pk", flat=True).iterator(chunk_size=5_000)

"""A base for all of the project's lists in the admin: quick in large tables, and on small machines.

Of a list's rows each has a box to tick, of which Django renders three templates, and a link to its page, for which it
asks the whole resolver: a third of the page's time. Here both are written as they would come out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.templatetags.admin_list import result_headers
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from gallery.admin.paging import BoundedPaginator
from gallery.admin.rows import rows
from gallery.paths import path_of

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:
    Base = admin.ModelAdmin


class Changes(ChangeList):
    """Rows lead to their pages with the list's filters, by which one comes back to it."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.filters = f"?{self.preserved_filters}" if self.preserved_filters else ""
        self.preserved_filters = ""  # which would else be added once more, to each row by itself

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        columns = self.model_admin.list_columns if isinstance(self.model_admin, Listing) else ()
        if columns and isinstance(self.result_list, QuerySet):
            self.result_list = self.result_list.only(*columns)

    @property
    def is_plain(self) -> bool:
        """Neither a popup nor edited in place."""
        return not (self.is_popup or self.formset or self.to_field)

    @cached_property
    def headers(self) -> list[dict[str, Any]]:
        return list(result_headers(self))

    @property
    def columns_sorted_by(self) -> int:
        return sum(header["sortable"] and header["sorted"] for header in self.headers)

    @property
    def rows(self) -> list[list[SafeString]]:
        return rows(self)

    def url_for_result(self, result: Model) -> str:
        page = f"{self.model_admin.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_change"
        return path_of(page, getattr(result, self.pk_attname)) + self.filters


class Listing(Base):
    # What a page of the list needs of a row; all of it where there are none
    list_columns: tuple[str, ...] = ()
    list_per_page = 32
    show_full_result_count = False
    paginator = BoundedPaginator

    def get_changelist(self, request: HttpRequest, **named: Any) -> type[ChangeList]:
        return Changes

    def action_checkbox(self, obj: Model) -> SafeString:
        html = '<input type="checkbox" name="{}" value="{}" class="action-select" aria-label="{}">'
        says = format_html(_("Select this object for an action - {}"), obj)
        return format_html(html, ACTION_CHECKBOX_NAME, obj.pk, says)

"""What the project's lists in the admin share: pictures, and counting that stays quick in large tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString

from gallery.models.people import search_key

FAR = 20  # pages, from which on
MOST_COUNTED = 200_000  # rows; a list that is longer has pages up to here, and filters for the rest


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # generic only in the stubs
    """Counts no further than MOST_COUNTED rows, so that a page costs the same at any size of the table."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        if isinstance(rows, QuerySet):
            return rows.order_by().values("pk")[:MOST_COUNTED].count()
        return len(rows)

    def page(self, number: Any) -> Any:
        """The page's ids first, out of an index alone; then the rows of these. So the last page is quick as well."""
        page = super().page(number)
        rows = self.object_list
        if isinstance(rows, QuerySet) and page.number > FAR:
            page.object_list = rows.filter(pk__in=self._ids(rows, (page.number - 1) * self.per_page))
        return page

    def _ids(self, rows: QuerySet[Any], bottom: int) -> list[int]:
        """Of a page that is past the middle from the end on, which is nearer then."""
        top = min(bottom + self.per_page, self.count)
        if bottom <= self.count // 2 or self.count >= MOST_COUNTED:
            return list(rows.values_list("pk", flat=True)[bottom:top])
        backwards = rows.reverse().values_list("pk", flat=True)
        return list(backwards[self.count - top : self.count - bottom])


def picture(address: str, size: int = 56, says: str = "") -> SafeString:
    """A square picture; `says` is what it is called where it is all that a link has."""
    html = '<img src="{}" width="{}" height="{}" loading="lazy" alt="{}">'
    return format_html(html, address, size, size, says)


def searched(rows: QuerySet[Any], column: str, term: str) -> QuerySet[Any]:
    """Rows whose search column has all words, with or without accents."""
    for word in search_key(term).split():
        rows = rows.filter(**{f"{column}__contains": word})
    return rows


def link(text: object, name: str, *args: object) -> SafeString:
    return format_html('<a href="{}">{}</a>', reverse(name, args=args), text)


def ids_of(rows: QuerySet[Any]) -> Iterator[int]:
    """The ids of what was chosen in a list, however much it is."""
    return rows.order_by().values_list("pk", flat=True).iterator(chunk_size=5_000)

"""The change list of the admin: counting, paging and rendering that stay quick in large tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache, lru_cache
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.templatetags.admin_list import result_headers
from django.contrib.admin.utils import display_for_field, display_for_value, lookup_field
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import FieldDoesNotExist, ObjectDoesNotExist
from django.core.paginator import Paginator
from django.db import connections
from django.db.models import (
    BooleanField,
    Count,
    DateField,
    Field,
    ForeignKey,
    Model,
    Q,
    QuerySet,
    TimeField,
    Value,
)
from django.db.models.constants import LOOKUP_SEP
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import get_format
from django.utils.functional import cached_property
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import get_current_timezone_name
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from gallery.models import Person
from gallery.models.base import Work
from gallery.models.people import get_search_key
from gallery.models.sql import among_ids

FAR_PAGE = 20  # pages, from which on
NARROWED_ANNOTATION = "is_narrowed"  # to rows that an index holds by themselves, which are then to be sorted
MAX_COUNTED_ROWS = 200_000  # rows; a list that is longer has pages up to here, and filters for the rest


@dataclass(frozen=True, slots=True)
class KnownCounts:
    """A quicker way to count rows, and those of each owner."""

    all: Callable[[], int]  # no further than MOST_COUNTED
    owner: str
    each: Callable[[], dict[int | None, int]]


def is_narrowed(rows: QuerySet[Any], whole: QuerySet[Any]) -> bool:
    """A filter or a search leaves less of the whole list."""
    return rows.query.is_sliced or len(rows.query.where.children) != len(whole.query.where.children)


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # generic only in the stubs
    """Counts no further than MOST_COUNTED rows, so that a page costs the same at any size of the table."""

    known: KnownCounts | None = (
        None  # of a list that shows all there is, where counting its rows takes longer
    )

    numbers: Callable[[], dict[int | None, int]] | None = None  # by row, that the list is first ordered by

    @cached_property
    def tally(self) -> dict[int | None, int] | None:
        return self.numbers() if self.numbers else None

    @cached_property
    def count(self) -> int:
        if self._by_owner:
            return min(MAX_COUNTED_ROWS, sum(self._by_owner.values()))
        if self.known:
            return self.known.all()
        rows = self.object_list
        if isinstance(rows, QuerySet):
            return rows.order_by().values("pk")[:MAX_COUNTED_ROWS].count()
        return len(rows)

    @cached_property
    def _by_owner(self) -> dict[int | None, int]:
        """How many rows each owner has, where the list is ordered by owners."""
        rows = self.object_list
        if not isinstance(rows, QuerySet) or not (owner := _leading_owner_column(rows)):
            return {}
        name, _column = owner.lstrip("-").split(LOOKUP_SEP, 1)
        if self.known and self.known.owner == name:
            return self.known.each()
        return dict(rows.order_by().values_list(name).annotate(number=Count("*")))

    def page(self, number: Any) -> Any:
        """The ids first where that is quicker, out of an index alone; so the last page is quick as well."""
        page = super().page(number)
        rows = self.object_list
        if isinstance(rows, QuerySet) and self.tally is not None:
            page.object_list = self._by_tally(rows, self.tally, (page.number - 1) * self.per_page)
            return page
        if isinstance(rows, QuerySet) and (
            page.number > FAR_PAGE
            or _leading_owner_column(rows)
            or NARROWED_ANNOTATION in rows.query.annotations
        ):
            page.object_list = rows.filter(pk__in=self._ids(rows, (page.number - 1) * self.per_page))
        return page

    def _by_tally(self, rows: QuerySet[Any], tally: dict[int | None, int], bottom: int) -> list[Any]:
        """Ordered here: to count for each row by itself takes the database longer than to count all at once."""
        first, *rest = rows.query.order_by
        pks = list(rows.order_by(*rest).values_list("pk", flat=True))
        pks.sort(key=lambda pk: tally.get(pk, 0), reverse=str(first).startswith("-"))
        some = pks[bottom : bottom + self.per_page]
        found = rows.order_by().in_bulk(some)
        return [found[pk] for pk in some if pk in found]

    def _ids(self, rows: QuerySet[Any], bottom: int) -> list[int]:
        """Of a page that is past the middle from the end on, which is nearer then."""
        top = min(bottom + self.per_page, self.count)
        count = self.count
        if owner := _leading_owner_column(rows):
            rows, before, count = _select_rows_of_owners(rows, owner, self._by_owner, bottom, top)
            bottom, top = bottom - before, top - before
        if bottom <= count // 2 or count >= MAX_COUNTED_ROWS:
            return list(rows.values_list("pk", flat=True)[bottom:top])
        backwards = rows.reverse().values_list("pk", flat=True)
        return list(backwards[count - top : count - bottom])


def _leading_owner_column(rows: QuerySet[Any]) -> str | None:
    """What the rows are ordered by first, where that is a column of what they belong to: "person__search", say."""
    first = str(rows.query.order_by[0]) if rows.query.order_by else ""
    return first if LOOKUP_SEP in first else None


def _select_rows_of_owners(
    rows: QuerySet[Any], order: str, counts: dict[int | None, int], bottom: int, top: int
) -> tuple[QuerySet[Any], int, int]:
    """The rows of those few owners that the slice lies in, how many rows come before these, and how many they are.

    Counting the rows of each owner is the work of an index; sorting all rows by a column of another table is not.
    """
    name, column = order.lstrip("-").split(LOOKUP_SEP, 1)
    owners = rows.model._meta.get_field(name).related_model._default_manager
    direction = "-" if order.startswith("-") else ""
    named = owners.order_by(f"{direction}{column}").values_list("pk", column)
    alike: list[list[int | None]] = [[pk for pk, _ in some] for _, some in groupby(named, itemgetter(1))]
    is_last = connections[rows.db].features.nulls_order_largest != bool(direction)
    alike.insert(len(alike) if is_last else 0, [None])
    chosen: list[int | None] = []
    before = passed = met = held = 0
    for pks in alike:
        count = sum(counts.get(pk, 0) for pk in pks)
        if count and passed < top and passed + count > bottom:
            before = before if chosen else passed
            chosen += pks
            met, held = met + 1, held + count
        passed += count
    theirs = Q(**{f"{name}__in": [pk for pk in chosen if pk is not None]})
    rows = rows.filter(theirs | Q(**{f"{name}__isnull": True}) if None in chosen else theirs)
    return (rows.order_by(*rows.query.order_by[1:]) if met == 1 else rows), before, held


def render_picture(address: str, size: int = 56, says: str = "") -> SafeString:
    """A square picture; `says` is what it is called where it is all that a link has."""
    html = '<img src="{}" width="{}" height="{}" loading="lazy" alt="{}">'
    return format_html(html, address, size, size, says)


def search_rows(rows: QuerySet[Any], column: str, term: str) -> QuerySet[Any]:
    """Rows whose search column has all words, with or without accents."""
    for word in get_search_key(term).split():
        rows = rows.filter(**{f"{column}__contains": word})
    return rows


def search_rows_of_people(rows: QuerySet[Any], term: str) -> QuerySet[Any]:
    """Rows of people whose names have all words: of few people, found first, whose rows an index then holds."""
    people = search_rows(Person.objects.order_by(), "search", term)
    if not term.strip():
        return rows
    theirs = rows.filter(person__in=among_ids(people.values_list("pk", flat=True)))
    found: QuerySet[Any] = theirs.alias(**{NARROWED_ANNOTATION: Value(1)})
    return found


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


CellRenderer = Callable[[Any], str]  # HTML of a row's cell
SECOND_FORMAT_LETTERS = set("sucrU")  # letters of a format that tell them
CellContent = tuple[str, bool]  # what stands in a cell, as HTML, and whether it may not be broken into lines


def render_rows(changes: ChangeList) -> list[list[SafeString]]:
    """Of each row the HTML of its cells, as one piece."""
    cells, is_first = [], True
    for name in changes.list_display:
        is_link = _is_link_column(changes, name, is_first)
        cells.append(
            _make_cell_renderer(changes, name, is_link=is_link, tag="th" if is_link and is_first else "td")
        )
        is_first = is_first and not is_link
    return [[mark_safe("".join([cell(row) for cell in cells]))] for row in changes.result_list]  # noqa: S308 -- each is escaped


def _is_link_column(changes: ChangeList, name: Any, is_first: bool) -> bool:
    if changes.list_display_links is None:
        return False
    return name in changes.list_display_links if changes.list_display_links else is_first


def _make_cell_renderer(changes: ChangeList, name: Any, *, is_link: bool, tag: str) -> CellRenderer:
    said = _make_column(changes, name, is_link)
    label = name if isinstance(name, str) else name.__name__
    kind = "action-checkbox" if name == "action_checkbox" else f"field-{label}"
    plain, unbroken = f'<{tag} class="{kind}">', f'<{tag} class="{kind} nowrap">'

    def cell(row: Model) -> str:
        html, is_unbroken = said(row)
        if is_link:
            html = f'<a href="{conditional_escape(changes.url_for_result(row))}">{html}</a>'
        return f"{unbroken if is_unbroken else plain}{html}</{tag}>"

    return cell


def _make_column(changes: ChangeList, name: Any, is_link: bool) -> Callable[[Any], CellContent]:
    """What a row says in this column."""
    empty = changes.model_admin.get_empty_value_display()
    field = _find_field(changes, name)
    if field is not None:
        return _make_field_column(field, empty, is_link)
    method = getattr(changes.model_admin, name, None) if isinstance(name, str) and name != "__str__" else None
    if method is None:
        return _make_lookup_column(changes, name, empty)
    empty = getattr(method, "empty_value_display", empty)
    icon = cache(_render_boolean_icon) if getattr(method, "boolean", False) else None

    def said(row: Model) -> CellContent:
        try:
            value = method(row)
        except ObjectDoesNotExist:
            return conditional_escape(changes.model_admin.get_empty_value_display()), False
        return _render_value(value, empty, icon)

    return said


def _find_field(changes: ChangeList, name: Any) -> Field[Any, Any] | None:
    try:
        found = changes.lookup_opts.get_field(name)
    except FieldDoesNotExist:
        return None
    if isinstance(found, Field) and not found.auto_created and found.name == name:
        return found
    return None


def _make_field_column(field: Field[Any, Any], empty: str, is_link: bool) -> Callable[[Any], CellContent]:
    name, is_unbroken = field.name, isinstance(field, DateField | TimeField | ForeignKey)
    if isinstance(field, ForeignKey):

        def of_other(row: Model) -> CellContent:
            value = getattr(row, name, None)
            return conditional_escape(empty if value is None else value), is_unbroken

        return of_other

    def shown(value: Any) -> str:
        if isinstance(value, datetime):
            return _render_datetime(value)
        value = "" if isinstance(value, str) and not value.strip() else value
        return conditional_escape(display_for_field(value, field, empty, avoid_link=is_link))

    if field.choices or isinstance(field, BooleanField):  # there are few
        shown = cache(shown)

    def of_field(row: Model) -> CellContent:
        return shown(getattr(row, name)), is_unbroken

    return of_field


def _make_lookup_column(changes: ChangeList, name: Any, empty: str) -> Callable[[Any], CellContent]:
    """A method or an attribute of the row, as Django looks for it."""

    def said(row: Model) -> CellContent:
        _field, where, value = lookup_field(name, row, changes.model_admin)
        icon = _render_boolean_icon if getattr(where, "boolean", False) else None
        return _render_value(value, getattr(where, "empty_value_display", empty), icon)

    return said


def _render_boolean_icon(value: bool | None) -> str:
    return display_for_value(value, "", boolean=True)


def _render_value(value: Any, empty: str, icon: Callable[[Any], str] | None) -> CellContent:
    if isinstance(value, str) and not icon:
        return conditional_escape(value if value.strip() else empty), False
    if isinstance(value, datetime):
        return _render_datetime(value), True
    html = icon(value) if icon else display_for_value(value, empty)
    return conditional_escape(html), isinstance(value, date | time)


def _render_datetime(value: datetime) -> str:
    """As Django writes it: of rows made in the same minute the same text, where it has no seconds."""
    form = get_format("DATETIME_FORMAT")
    if not SECOND_FORMAT_LETTERS.isdisjoint(form):
        return conditional_escape(display_for_value(value, ""))
    return _render_minute(
        value.replace(second=0, microsecond=0), form, get_language(), get_current_timezone_name()
    )


@lru_cache(maxsize=1_000)
def _render_minute(value: datetime, _form: str, _language: str | None, _zone: str) -> str:
    return conditional_escape(display_for_value(value, ""))


if TYPE_CHECKING:
    ModelAdminBase = admin.ModelAdmin[Any]
else:
    ModelAdminBase = admin.ModelAdmin


class GalleryChangeList(ChangeList):
    """Rows lead to their pages with the list's filters, by which one comes back to it."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.filters = f"?{self.preserved_filters}" if self.preserved_filters else ""
        self.preserved_filters = ""  # which would else be added once more, to each row by itself

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        columns = self.model_admin.list_columns if isinstance(self.model_admin, GalleryModelAdmin) else ()
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
        return render_rows(self)

    def url_for_result(self, result: Model) -> str:
        page = f"{self.model_admin.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_change"
        return reverse(page, args=(getattr(result, self.pk_attname),)) + self.filters


class GalleryModelAdmin(ModelAdminBase):
    # What a page of the list needs of a row; all of it where there are none
    list_columns: tuple[str, ...] = ()
    list_per_page = 32
    show_full_result_count = False
    paginator = BoundedPaginator

    def get_changelist(self, request: HttpRequest, **named: Any) -> type[ChangeList]:
        return GalleryChangeList

    def action_checkbox(self, obj: Model) -> SafeString:
        html = '<input type="checkbox" name="{}" value="{}" class="action-select" aria-label="{}">'
        says = format_html(_("Select this object for an action - {}"), obj)
        return format_html(html, ACTION_CHECKBOX_NAME, obj.pk, says)

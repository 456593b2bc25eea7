"""What the project's lists in the admin share: pictures, and counting that stays quick in large tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.core.paginator import Paginator
from django.db import connections
from django.db.models import Count, Q, QuerySet, Value
from django.db.models.constants import LOOKUP_SEP
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString

from gallery.compiled import among
from gallery.models import Person
from gallery.models.people import search_key
from gallery.models.work import Work
from gallery.paths import path_of
from gallery.refusals import in_words

FAR = 20  # pages, from which on
NARROWED = "is_narrowed"  # to rows that an index holds by themselves, which are then to be sorted
MOST_COUNTED = 200_000  # rows; a list that is longer has pages up to here, and filters for the rest


@dataclass(frozen=True, slots=True)
class Known:
    """A quicker way to count rows, and those of each owner."""

    all: Callable[[], int]  # no further than MOST_COUNTED
    owner: str
    each: Callable[[], dict[int | None, int]]


def is_narrowed(rows: QuerySet[Any], whole: QuerySet[Any]) -> bool:
    """A filter or a search leaves less of the whole list."""
    return rows.query.is_sliced or len(rows.query.where.children) != len(whole.query.where.children)


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # generic only in the stubs
    """Counts no further than MOST_COUNTED rows, so that a page costs the same at any size of the table."""

    known: Known | None = None  # of a list that shows all there is, where counting its rows takes longer

    numbers: Callable[[], dict[int | None, int]] | None = None  # by row, that the list is first ordered by

    @cached_property
    def tally(self) -> dict[int | None, int] | None:
        return self.numbers() if self.numbers else None

    @cached_property
    def count(self) -> int:
        if self._by_owner:
            return min(MOST_COUNTED, sum(self._by_owner.values()))
        if self.known:
            return self.known.all()
        rows = self.object_list
        if isinstance(rows, QuerySet):
            return rows.order_by().values("pk")[:MOST_COUNTED].count()
        return len(rows)

    @cached_property
    def _by_owner(self) -> dict[int | None, int]:
        """How many rows each owner has, where the list is ordered by owners."""
        rows = self.object_list
        if not isinstance(rows, QuerySet) or not (owner := _owner(rows)):
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
            page.number > FAR or _owner(rows) or NARROWED in rows.query.annotations
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
        if owner := _owner(rows):
            rows, before, count = _of_owners(rows, owner, self._by_owner, bottom, top)
            bottom, top = bottom - before, top - before
        if bottom <= count // 2 or count >= MOST_COUNTED:
            return list(rows.values_list("pk", flat=True)[bottom:top])
        backwards = rows.reverse().values_list("pk", flat=True)
        return list(backwards[count - top : count - bottom])


def _owner(rows: QuerySet[Any]) -> str | None:
    """What the rows are ordered by first, where that is a column of what they belong to: "person__search", say."""
    first = str(rows.query.order_by[0]) if rows.query.order_by else ""
    return first if LOOKUP_SEP in first else None


def _of_owners(
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


def picture(address: str, size: int = 56, says: str = "") -> SafeString:
    """A square picture; `says` is what it is called where it is all that a link has."""
    html = '<img src="{}" width="{}" height="{}" loading="lazy" alt="{}">'
    return format_html(html, address, size, size, says)


def searched(rows: QuerySet[Any], column: str, term: str) -> QuerySet[Any]:
    """Rows whose search column has all words, with or without accents."""
    for word in search_key(term).split():
        rows = rows.filter(**{f"{column}__contains": word})
    return rows


def of_people(rows: QuerySet[Any], term: str) -> QuerySet[Any]:
    """Rows of people whose names have all words: of few people, found first, whose rows an index then holds."""
    people = searched(Person.objects.order_by(), "search", term)
    if not term.strip():
        return rows
    theirs = rows.filter(person__in=among(people.values_list("pk", flat=True)))
    found: QuerySet[Any] = theirs.alias(**{NARROWED: Value(1)})
    return found


def link(text: object, name: str, pk: int) -> SafeString:
    return format_html('<a href="{}">{}</a>', path_of(name, pk), text)


def how_far(row: Work) -> SafeString | str:
    """How far the work on a row is, and why it failed."""
    reached = row.get_work_display()
    if not row.failure:
        return reached
    return format_html('{}<span class="reason">{}</span>', reached, in_words(row.failure))


def ids_of(rows: QuerySet[Any]) -> Iterator[int]:
    """The ids of what was chosen in a list, however much it is."""
    return rows.order_by().values_list("pk", flat=True).iterator(chunk_size=5_000)

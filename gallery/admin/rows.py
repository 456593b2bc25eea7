"""The rows of the admin's lists as Django writes them, in a third of the time.

For each cell of a table Django asks anew what its column is: a field or a method, a link or not, of which class. Here
that is found once for each column. Popups and lists that are edited in place are left to Django, see
templates/admin/change_list.html.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from functools import cache, lru_cache
from typing import Any

from django.contrib.admin.utils import display_for_field, display_for_value, lookup_field
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import FieldDoesNotExist, ObjectDoesNotExist
from django.db.models import BooleanField, DateField, Field, ForeignKey, Model, TimeField
from django.utils.formats import get_format
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import get_current_timezone_name
from django.utils.translation import get_language

Cell = Callable[[Any], str]  # HTML of a row's cell
SECONDS = set("sucrU")  # letters of a format that tell them
Said = tuple[str, bool]  # what stands in a cell, as HTML, and whether it may not be broken into lines


def rows(changes: ChangeList) -> list[list[SafeString]]:
    """Of each row the HTML of its cells, as one piece."""
    cells, is_first = [], True
    for name in changes.list_display:
        is_link = _is_link(changes, name, is_first)
        cells.append(_cell(changes, name, is_link=is_link, tag="th" if is_link and is_first else "td"))
        is_first = is_first and not is_link
    return [[mark_safe("".join([cell(row) for cell in cells]))] for row in changes.result_list]  # noqa: S308 -- each is escaped


def _is_link(changes: ChangeList, name: Any, is_first: bool) -> bool:
    if changes.list_display_links is None:
        return False
    return name in changes.list_display_links if changes.list_display_links else is_first


def _cell(changes: ChangeList, name: Any, *, is_link: bool, tag: str) -> Cell:
    said = _column(changes, name, is_link)
    label = name if isinstance(name, str) else name.__name__
    kind = "action-checkbox" if name == "action_checkbox" else f"field-{label}"
    plain, unbroken = f'<{tag} class="{kind}">', f'<{tag} class="{kind} nowrap">'

    def cell(row: Model) -> str:
        html, is_unbroken = said(row)
        if is_link:
            html = f'<a href="{conditional_escape(changes.url_for_result(row))}">{html}</a>'
        return f"{unbroken if is_unbroken else plain}{html}</{tag}>"

    return cell


def _column(changes: ChangeList, name: Any, is_link: bool) -> Callable[[Any], Said]:
    """What a row says in this column."""
    empty = changes.model_admin.get_empty_value_display()
    field = _field(changes, name)
    if field is not None:
        return _of_field(field, empty, is_link)
    method = getattr(changes.model_admin, name, None) if isinstance(name, str) and name != "__str__" else None
    if method is None:
        return _of_whatever(changes, name, empty)
    empty = getattr(method, "empty_value_display", empty)
    icon = cache(_icon) if getattr(method, "boolean", False) else None

    def said(row: Model) -> Said:
        try:
            value = method(row)
        except ObjectDoesNotExist:
            return conditional_escape(changes.model_admin.get_empty_value_display()), False
        return _html(value, empty, icon)

    return said


def _field(changes: ChangeList, name: Any) -> Field[Any, Any] | None:
    try:
        found = changes.lookup_opts.get_field(name)
    except FieldDoesNotExist:
        return None
    if isinstance(found, Field) and not found.auto_created and found.name == name:
        return found
    return None


def _of_field(field: Field[Any, Any], empty: str, is_link: bool) -> Callable[[Any], Said]:
    name, is_unbroken = field.name, isinstance(field, DateField | TimeField | ForeignKey)
    if isinstance(field, ForeignKey):

        def of_other(row: Model) -> Said:
            value = getattr(row, name, None)
            return conditional_escape(empty if value is None else value), is_unbroken

        return of_other

    def shown(value: Any) -> str:
        if isinstance(value, datetime):
            return _moment(value)
        value = "" if isinstance(value, str) and not value.strip() else value
        return conditional_escape(display_for_field(value, field, empty, avoid_link=is_link))

    if field.choices or isinstance(field, BooleanField):  # there are few
        shown = cache(shown)

    def of_field(row: Model) -> Said:
        return shown(getattr(row, name)), is_unbroken

    return of_field


def _of_whatever(changes: ChangeList, name: Any, empty: str) -> Callable[[Any], Said]:
    """A method or an attribute of the row, as Django looks for it."""

    def said(row: Model) -> Said:
        _field, where, value = lookup_field(name, row, changes.model_admin)
        icon = _icon if getattr(where, "boolean", False) else None
        return _html(value, getattr(where, "empty_value_display", empty), icon)

    return said


def _icon(value: bool | None) -> str:
    return display_for_value(value, "", boolean=True)


def _html(value: Any, empty: str, icon: Callable[[Any], str] | None) -> Said:
    if isinstance(value, str) and not icon:
        return conditional_escape(value if value.strip() else empty), False
    if isinstance(value, datetime):
        return _moment(value), True
    html = icon(value) if icon else display_for_value(value, empty)
    return conditional_escape(html), isinstance(value, date | time)


def _moment(value: datetime) -> str:
    """As Django writes it: of rows made in the same minute the same text, where it has no seconds."""
    form = get_format("DATETIME_FORMAT")
    if not SECONDS.isdisjoint(form):
        return conditional_escape(display_for_value(value, ""))
    return _of_minute(
        value.replace(second=0, microsecond=0), form, get_language(), get_current_timezone_name()
    )


@lru_cache(maxsize=1_000)
def _of_minute(value: datetime, _form: str, _language: str | None, _zone: str) -> str:
    return conditional_escape(display_for_value(value, ""))

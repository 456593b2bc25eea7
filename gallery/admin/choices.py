"""A choice among many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.forms import Select
from django.forms.models import ModelChoiceIterator
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

SELECTED = mark_safe(" selected")


class LongSelect(Select):
    """What `Select` writes, without groups: for each option that renders two templates, and there may be hundreds."""

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        chosen = set(self.format_value(value))
        options = (
            (
                "" if each is None else each,
                SELECTED if str("" if each is None else each) in chosen else "",
                label,
            )
            for each, label in self.choices
        )
        written = format_html_join("\n", '<option value="{}"{}>{}</option>', options)
        own = flatatt(self.build_attrs(self.attrs, attrs))
        return format_html('<select name="{}"{}>{}</select>', name, own, written)


class Named(ModelChoiceIterator):  # type: ignore[type-arg]  # generic only in the stubs
    """Choices among rows that are called by their name: without making a row of each."""

    def __iter__(self) -> Iterator[Any]:
        if self.field.empty_label is not None:
            yield "", self.field.empty_label
        yield from self.queryset.values_list("pk", "name")

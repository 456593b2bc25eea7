"""A choice among many."""

from __future__ import annotations

from typing import Any

from django.forms import Select
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString


class LongSelect(Select):
    """What `Select` writes, without groups: for each option that renders two templates, and there may be hundreds."""

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        widget = self.get_context(name, value, attrs)["widget"]
        options = (
            (one["value"], flatatt(one["attrs"]), one["label"])
            for _, some, _ in widget["optgroups"]
            for one in some
        )
        written = format_html_join("\n", '<option value="{}"{}>{}</option>', options)
        return format_html(
            '<select name="{}"{}>{}</select>', widget["name"], flatatt(widget["attrs"]), written
        )

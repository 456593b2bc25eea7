"""Reading pages in tests."""

from __future__ import annotations

import html
import re
from typing import Any

from django.http import HttpResponse


def folded(answer: HttpResponse) -> str:
    """The page with white space folded, none between tags: how a template is laid out is no matter of a test."""
    return re.sub(r">\s+<", "><", re.sub(r"\s+", " ", answer.content.decode())).strip()


def as_shown(page: Any) -> dict[str, list[str]]:
    """What a browser sends back of the values that the form was shown with."""
    found: dict[str, list[str]] = {}
    for tag in re.findall(r'<input type="hidden" name="initial-[^>]*>', page.content.decode()):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        assert name
        found.setdefault(name[1], []).append(html.unescape(value[1]) if value else "")
    assert found, "the form carries no values it was shown with"
    return found

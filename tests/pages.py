"""Reading pages in tests."""

from __future__ import annotations

import re

from django.http import HttpResponse


def folded(answer: HttpResponse) -> str:
    """The page with white space folded, none between tags: how a template is laid out is no matter of a test."""
    return re.sub(r">\s+<", "><", re.sub(r"\s+", " ", answer.content.decode())).strip()

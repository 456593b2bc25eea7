"""{% if moment|is_now %}: less than a minute ago, where a number of minutes would be "0"."""

from __future__ import annotations

from datetime import datetime, timedelta

from django import template
from django.utils import timezone

register = template.Library()
NOW = timedelta(minutes=1)


@register.filter
def is_now(moment: datetime | None) -> bool:
    return moment is not None and timezone.now() - moment < NOW

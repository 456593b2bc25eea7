"""Addresses of the many rows of a page. `reverse` asks the whole resolver for each; here it is asked once."""

from __future__ import annotations

import functools

from django.urls import get_script_prefix, reverse

STAND_IN = 11111  # for the number in an address that is taken apart


def path_of(name: str, pk: int) -> str:
    """What `reverse` gives for an address of this name with one number in it."""
    before, after = _around(name, get_script_prefix())
    return f"{before}{pk:d}{after}"


@functools.cache
def _around(name: str, _prefix: str) -> tuple[str, str]:
    """An address before and after its number, found once for each place that the site is mounted at."""
    before, _pk, after = reverse(name, args=(STAND_IN,)).rpartition(str(STAND_IN))
    return before, after

"""`reverse` for the many rows of a page: the resolver is asked once per URL name."""

from __future__ import annotations

import functools

from django.urls import get_script_prefix, reverse

PK_PLACEHOLDER = 11111  # for the number in an address that is taken apart


def reverse_with_pk(name: str, pk: int) -> str:
    """What `reverse` gives for an address of this name with one number in it."""
    before, after = _split_address(name, get_script_prefix())
    return f"{before}{pk:d}{after}"


@functools.cache
def _split_address(name: str, _prefix: str) -> tuple[str, str]:
    """An address before and after its number, found once for each place that the site is mounted at."""
    before, _pk, after = reverse(name, args=(PK_PLACEHOLDER,)).rpartition(str(PK_PLACEHOLDER))
    return before, after

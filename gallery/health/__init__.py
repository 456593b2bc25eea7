"""Gallery health: what a curator should look at, list by list."""

from gallery.health.lists import (
    MOST,
    counts,
    faceless,
    faceless_references,
    few,
    found_in,
    open_findings,
    people_with,
    people_with_one_reference,
    people_without_reference,
    poor,
    poor_references,
)
from gallery.health.matters import Matter, find, matters_of, rows_of

__all__ = [
    "MOST",
    "Matter",
    "counts",
    "faceless",
    "faceless_references",
    "few",
    "find",
    "found_in",
    "matters_of",
    "open_findings",
    "people_with",
    "people_with_one_reference",
    "people_without_reference",
    "poor",
    "poor_references",
    "rows_of",
]

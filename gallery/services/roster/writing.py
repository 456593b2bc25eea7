"""The lines of a CSV file of people."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import Any

from gallery.services.roster.reading import COLUMNS, harmless

MORE = ("references", "faces")  # told, not taken in again


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def lines(people: Iterable[Any]) -> Iterator[str]:
    """A byte order mark, so that spreadsheets read it as UTF-8; the columns; a line for each person.

    The people carry `approved` and `times`: how many references and faces the reader may know of.
    """
    write = csv.writer(_Echo()).writerow
    yield "\ufeff" + str(write([*COLUMNS, *MORE]))
    for person in people:
        yield str(
            write(
                [
                    person.pk,
                    harmless(person.name),
                    harmless(person.note),
                    "yes" if person.is_hidden else "no",
                    "yes" if person.is_recognised else "no",
                    harmless(person.consent_note),
                    person.consent_until.isoformat() if person.consent_until else "",
                    person.approved,
                    person.times,
                ]
            )
        )

"""Erase a person for good."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from gallery import queries
from gallery.management.erasing import EraseCommand
from gallery.models import Erasure, Person
from gallery.services import erasing


class Command(EraseCommand):
    help = "Erases a person: references, name, vectors, and every trace of them in history and index. Never undone."
    kind = "person"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", metavar="NAME|ID")
        parser.add_argument(
            "--also-likely", action="store_true", help="also faces that are only proposed as the person"
        )

    def find(self, name: str) -> Person | None:
        found = queries.find_person(name)
        return found or (Person.objects.filter(pk=int(name)).first() if name.isdecimal() else None)

    def preview(self, row: Person) -> erasing.PersonPreview:
        return erasing.preview_person(row)

    def erase(self, row: Person, options: dict[str, Any]) -> Erasure:
        return erasing.erase_person(None, row, with_likely=options["also_likely"])

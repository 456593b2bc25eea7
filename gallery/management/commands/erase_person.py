"""Erase a person for good."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from gallery.management.erase import EraseCommand
from gallery.models import Erasure, Person
from gallery.people.selectors import find_person_by_name
from gallery.privacy.erasure import erase_person
from gallery.privacy.erasure_preview import PersonErasurePreview, preview_person_erasure


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
        found = find_person_by_name(name)
        return found or (Person.objects.filter(pk=int(name)).first() if name.isdecimal() else None)

    def preview(self, row: Person) -> PersonErasurePreview:
        return preview_person_erasure(row)

    def erase(self, row: Person, options: dict[str, Any]) -> Erasure:
        return erase_person(None, row, with_likely=options["also_likely"])

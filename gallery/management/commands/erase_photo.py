"""Erase a photo for good."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from gallery.management.erasing import EraseCommand
from gallery.models import Erasure, Photo
from gallery.services import erasing


class Command(EraseCommand):
    help = (
        "Erases a photo, in the trash or not: its file, faces, vectors and every trace of it. Never undone."
    )
    kind = "photo"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", metavar="ID", help="the number in the photo's address")
        parser.add_argument(
            "--also-references", action="store_true", help="also the references that were cut from it"
        )

    def find(self, name: str) -> Photo | None:
        return Photo.objects.filter(pk=int(name)).first() if name.isdecimal() else None

    def preview(self, row: Photo) -> erasing.PhotoPreview:
        return erasing.preview_photo(row)

    def erase(self, row: Photo, options: dict[str, Any]) -> Erasure:
        return erasing.erase_photo(None, row, with_references=options["also_references"])

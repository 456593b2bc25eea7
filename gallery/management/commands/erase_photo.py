"""Erase a photo for good."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from gallery.management.erase import EraseCommand
from gallery.models import Erasure, Photo
from gallery.privacy.erasure import erase_photo
from gallery.privacy.erasure_preview import PhotoErasurePreview, preview_photo_erasure


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

    def preview(self, row: Photo) -> PhotoErasurePreview:
        return preview_photo_erasure(row)

    def erase(self, row: Photo, options: dict[str, Any]) -> Erasure:
        return erase_photo(None, row, with_references=options["also_references"])

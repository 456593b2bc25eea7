"""Erase a photo for good."""

from __future__ import annotations

from gallery.management.base import make_flag
from gallery.management.erase import ERASE_FLAG, EraseCommand
from gallery.models import Photo
from gallery.privacy.erasure import erase_photos
from gallery.privacy.selectors import preview_photos_erasure


class Command(EraseCommand):
    help = (
        "Erases a photo, in the trash or not: its file, faces, vectors and every trace of it. Never undone."
    )
    kind = "photo"
    arguments = {
        "name": {"metavar": "ID", "help": "the number in the photo's address"},
        "--also-references": make_flag("also the references that were cut from it"),
        "--yes": ERASE_FLAG,
    }
    choices = {"also_references": "with_references"}
    preview = staticmethod(preview_photos_erasure)
    erase = staticmethod(erase_photos)

    @staticmethod
    def find(name: str) -> list[Photo] | None:
        """The one photo, as the services take it: in a list."""
        photos = list(Photo.objects.filter(pk=int(name))) if name.isdecimal() else []
        return photos or None

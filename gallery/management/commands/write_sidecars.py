"""Write XMP sidecars of photos into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from gallery.management.base import FOLDER, GalleryCommand
from gallery.models import Photo
from gallery.photos.albums import find_albums_called
from gallery.photos.sidecars import SidecarFolder


class Command(GalleryCommand):
    help = (
        "Writes names, boxes and moments as XMP sidecars, for digiKam, Lightroom and others, where they changed. "
        "The site remembers the folder: names that are withdrawn or erased leave its files."
    )
    arguments = {"folder": FOLDER, "--album": {"help": "name of the album whose photos are meant; else all"}}

    def handle(self, *, folder: str, album: str | None, **options: Any) -> None:
        photos = Photo.objects.outside_trash().order_by("pk").only("pk")
        if album:
            found = find_albums_called(None, album).first()
            if found is None:
                raise CommandError(f"There is no album {album!r}.", returncode=2)
            photos = photos.filter(albums=found)
        target = SidecarFolder(Path(folder).expanduser().absolute())
        try:
            written = target.write(photos)
        except OSError as error:
            raise CommandError(f"{folder}: {error.strerror or error}") from error
        self.say_result({"written": written, "folder": str(target.path)}, f"{written} sidecars written.")

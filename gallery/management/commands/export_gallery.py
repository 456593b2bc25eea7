"""Write the whole gallery to a directory."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from gallery.management.base import FOLDER, GalleryCommand
from gallery.people.gallery_export import export_gallery


class Command(GalleryCommand):
    help = "Exports people, references, embeddings and the index to a new directory."
    arguments = {"folder": FOLDER}

    def handle(self, *, folder: str, **options: Any) -> None:
        try:
            done = export_gallery(Path(folder).expanduser().absolute())
        except FileExistsError:
            raise CommandError(f"{folder} is there already and not empty.", returncode=2) from None
        except OSError as error:
            raise CommandError(f"{folder} cannot be written: {error.strerror or error}.") from error
        if done.without_picture:
            self.warn(f"{len(done.without_picture)} references have lost their picture's file.")
        self.say_result(
            asdict(done),
            f"{done.people} people, {done.references} references, {done.embeddings} embeddings, "
            f"{done.indexed} of them in the index.",
        )

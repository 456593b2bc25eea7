"""Write the whole gallery to a directory."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from gallery.management.base import FOLDER, GalleryCommand, make_flag
from gallery.people.gallery_export import export_gallery


class Command(GalleryCommand):
    help = "Exports people, references, embeddings and the index to a new directory."
    arguments = {
        "folder": FOLDER,
        "--layout": {"choices": ["original"], "help": "the folders in which the original script had them"},
        "--float16": make_flag("half precision in img_emb/, as clip-retrieval writes it"),
    }

    def handle(self, *, folder: str, layout: str | None, float16: bool, **options: Any) -> None:
        target = Path(folder).expanduser().absolute()
        try:
            done = export_gallery(target, is_script_layout=bool(layout), is_half_precision=float16)
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

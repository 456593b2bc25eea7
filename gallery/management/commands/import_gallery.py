"""Take in a gallery that was exported, or one that clip-retrieval and AutoFaiss made."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError

from gallery.management.base import ERASED_FLAG, FOLDER, GalleryCommand, get_existing_folder
from gallery.management.commands.build_index import build_at_once
from gallery.models import Status
from gallery.people.gallery_import import import_clip_retrieval, import_gallery, is_gallery_export


class Command(GalleryCommand):
    help = "Imports a directory of export_gallery, or one with img_emb/ and metadata/ made elsewhere."
    arguments = {
        "folder": FOLDER,
        "--embedder": {
            "help": "who made the vectors of a directory made elsewhere: sface, dlib, clip or onnx"
        },
        "--with-erased": ERASED_FLAG,
    }

    def handle(self, *, folder: str, embedder: str | None, **options: Any) -> None:
        directory = get_existing_folder(folder)
        if is_gallery_export(directory):
            done = import_gallery(directory)
        elif embedder is None:
            raise CommandError(
                f"{directory} was made elsewhere: say with --embedder which embedder made its vectors.",
                returncode=2,
            )
        else:
            done = import_clip_retrieval(directory, embedder)
        build = build_at_once("import_gallery")
        self.is_failed = build.work != Status.DONE
        if self.is_json:
            figures = {"status": build.work, "vectors": build.vectors, "failure": build.failure_text}
            self.say_json({**asdict(done), "build": figures})
            return
        for each in done.waiting:
            self.warn(f"{each['path']}: {each['reason']}")
        if done.without_picture:
            self.warn(f"{done.without_picture} references came without a picture.")
        if done.checked.similarity is None:
            self.warn("No pictures were at hand, so the vectors were taken on your word.")
        else:
            self.warn(
                f"{done.checked.pictures} pictures were embedded again and agree "
                f"(cosine {done.checked.similarity:.3f})."
            )
        self.stdout.write(
            f"{done.people} people and {done.added} references added, {done.already} were there already; "
            f"{build.vectors} vectors in the index."
        )

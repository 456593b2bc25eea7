"""Take in a gallery that was exported, or one that clip-retrieval and AutoFaiss made."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser

from gallery.index.builds import request_build, run_build
from gallery.management.base import GalleryCommand, get_existing_folder
from gallery.models import Build, Status
from gallery.people.exchange.clip_retrieval import import_clip_retrieval
from gallery.people.exchange.importer import ImportResult, import_gallery, is_gallery_export


class Command(GalleryCommand):
    help = "Imports a directory of export_gallery, or one with img_emb/ and metadata/ made elsewhere."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("folder", metavar="DIR")
        parser.add_argument(
            "--embedder", help="who made the vectors of a directory made elsewhere: dlib, clip or onnx"
        )

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
        asked = request_build("import_gallery", delay=0)
        build = run_build(asked.pk) or Build.objects.get(pk=asked.pk)
        self.is_failed = build.work != Status.DONE
        self._report(done, build, bool(options["json"]))

    def _report(self, done: ImportResult, build: Build, is_json: bool) -> None:
        if is_json:
            figures = {"status": build.work, "vectors": build.vectors, "failure": build.failure_text}
            self.say_json({**asdict(done), "build": figures})
            return
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

"""Take in a gallery that was exported, or one that clip-retrieval and AutoFaiss made."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError

from gallery.management.base import ERASED_FLAG, FOLDER, GalleryCommand, get_existing_folder
from gallery.management.commands.build_index import build_at_once
from gallery.models import Status
from gallery.people.gallery_import import import_gallery, is_gallery_export
from gallery.people.script_import import import_clip_retrieval


class Command(GalleryCommand):
    help = "Imports a directory of export_gallery, or one that a script made: img_emb/ and metadata/, or knn.index."
    arguments = {
        "folder": FOLDER,
        "--embedder": {
            "help": "who made the vectors of a directory made elsewhere: sface, dlib, clip or onnx"
        },
        "--pictures": {"metavar": "DIR", "help": "where its pictures are, if not below or beside it"},
        "--with-erased": ERASED_FLAG,
    }

    def handle(self, *, folder: str, embedder: str | None, pictures: str | None, **options: Any) -> None:
        directory = get_existing_folder(folder)
        if is_gallery_export(directory):
            done = import_gallery(directory)
        elif embedder is None:
            raise CommandError(
                f"{directory} was made elsewhere: say with --embedder which embedder made its vectors.",
                returncode=2,
            )
        else:
            where = get_existing_folder(pictures) if pictures else None
            done = import_clip_retrieval(directory, embedder, where)
        build = build_at_once("import_gallery")
        self.is_failed = build.work != Status.DONE
        if self.is_json:
            figures = {"status": build.work, "vectors": build.vectors, "failure": build.failure_text}
            self.say_json({**asdict(done), "build": figures})
            return
        for former, name in done.renamed.items():
            self.warn(f"{former}: taken for {name}, to whom earlier pictures from such a folder belong now.")
        for each in done.waiting:
            self.warn(f"{each['path']}: {each['reason']}")
        for row in done.skipped:
            self.warn(f"Row {row['row']}, {row['path']}: {row['reason']}")
        if done.without_picture:
            self.warn(
                f"{done.without_picture} references have no picture; --pictures DIR says where they are."
            )
        if done.checked.similarity is None:
            self.warn("No pictures were at hand, so the vectors were taken on your word.")
        else:
            self.warn(
                f"{done.checked.pictures} pictures were embedded again and agree "
                f"(cosine {done.checked.similarity:.3f})."
            )
        self.stdout.write(
            f"{done.people} people, {done.added} references and {done.pictures} pictures added, "
            f"{done.already} references were there already; "
            f"{build.vectors} vectors in the index."
        )

"""Find and name the faces in photos, as the worker would, without storing anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from gallery.management.output import GalleryCommand, photos_below
from gallery.pipeline.tagging import Tagged, tag
from gallery.storage import path as stored
from recognition import images
from recognition.draw import Label, annotate
from recognition.types import ImageError


class Command(GalleryCommand):
    help = "Names the faces in photos and folders of photos; needs no worker and stores nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("photos", nargs="+", metavar="PHOTO", type=Path)
        parser.add_argument("--out", type=Path, help="folder for the photos with boxes and names drawn")
        parser.add_argument("--width", type=int, default=640, help="their width in pixels (640)")

    def handle(self, *, photos: list[Path], out: Path | None, width: int, **options: Any) -> None:
        paths = [path for given in photos for path in photos_below(given)]
        if out:
            out.mkdir(parents=True, exist_ok=True)
        for path in self.progress(paths, len(paths), "photos"):
            tagged = tag(path)
            if tagged.error:
                self.is_failed = True
                self.warn(f"{path}: {tagged.error}")
            elif out:
                self._draw(tagged, out / f"{path.stem}.jpg", width)
            if options["json"]:
                self.say_json(tagged.as_json())
            elif not tagged.error:
                self._print(tagged)

    def _draw(self, tagged: Tagged, target: Path, width: int) -> None:
        labels = [Label(face.detection.box, face.label, face.outcome.state) for face in tagged.faces]
        try:
            pixels = images.read(tagged.path).pixels
        except ImageError as error:
            self.warn(f"{tagged.path}: {error}")
            return
        target.write_bytes(images.encode(annotate(pixels, labels, width=width), form="JPEG", quality=90))

    def _print(self, tagged: Tagged) -> None:
        self.stdout.write(f"{tagged.path}: {len(tagged.faces)} faces")
        for face in tagged.faces:
            where = stored(face.reference) if face.reference else "no reference"
            similarity = "" if face.similarity is None else f" {face.similarity:.3f}"
            self.stdout.write(f"  {face.name or face.outcome.state.value}{similarity} ({where})")

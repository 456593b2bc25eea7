"""Find and name the faces in photos, as the worker would, without storing anything."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from gallery.faces.script_tagging import tag_like_script
from gallery.faces.tagging import TaggedPhoto, tag_photos
from gallery.index import engine
from gallery.management.base import GalleryCommand, make_flag
from gallery.models.storage import get_media_path as stored
from recognition.draw import Label, annotate_photo

DEFAULT_WIDTH = 640  # pixels


class Command(GalleryCommand):
    help = "Names the faces in photos and folders of photos; needs no worker and stores nothing."
    arguments = {
        "photos": {"nargs": "+", "metavar": "PHOTO", "type": Path},
        "--out": {"type": Path, "help": "folder for the photos with boxes and names drawn"},
        "--width": {"type": int, "help": "their width in pixels (640)"},
        "--height": {"type": int, "help": "their height in pixels, in place of a width"},
        "--like-the-script": make_flag("MTCNN alone, CLIP, and the nearest reference decides"),
        "--detection": {"type": float, "help": "with it: the detection score a face must be over (0.8)"},
        "--similarity": {"type": float, "help": "with it: the similarity a name must be over (0.8)"},
    }

    def handle(
        self, *, photos: list[Path], out: Path | None, width: int | None, height: int | None, **options: Any
    ) -> None:
        if None not in (width, height) or any(side is not None and side < 1 for side in (width, height)):
            raise CommandError("Say either a --width or a --height, of one pixel or more.", returncode=2)
        self._names: set[str] = set()
        paths = [path for given in photos for path in self.list_photos(given)]
        if out:
            out.mkdir(parents=True, exist_ok=True)
        for tagged in self.progress(self._tag(paths, **options), len(paths), "photos"):
            if tagged.error:
                self.fail_with(f"{tagged.path}: {tagged.error}")
            elif out:
                self._draw(tagged, out, width, height)
            if self.is_json:
                self.say_json(tagged.as_json())
            elif not tagged.error and options["like_the_script"]:
                self._print_like_script(tagged)
            elif not tagged.error:
                self._print(tagged)

    def _tag(
        self,
        paths: list[Path],
        *,
        like_the_script: bool,
        detection: float | None,
        similarity: float | None,
        **options: Any,
    ) -> Iterator[TaggedPhoto]:
        if like_the_script:
            bounds = [0.8 if bound is None else bound for bound in (detection, similarity)]
            return tag_like_script(paths, *bounds)
        if detection is not None or similarity is not None:
            raise CommandError("--detection and --similarity go with --like-the-script.", returncode=2)
        return tag_photos(paths)

    def _draw(self, tagged: TaggedPhoto, out: Path, width: int | None, height: int | None) -> None:
        photo = engine.read_photo(tagged.path)
        if height is not None:
            width = max(1, round(height * tagged.width / tagged.height))
        boxes = [photo.box_in_pixels(face.detection.box) for face in tagged.faces]
        labels = [
            Label(box, face.label, face.outcome.state) for box, face in zip(boxes, tagged.faces, strict=True)
        ]
        name = self._new_name(tagged.path.stem)
        (out / name).write_bytes(annotate_photo(photo.pixels, labels, width or DEFAULT_WIDTH).encoded())

    def _new_name(self, stem: str) -> str:
        """A file name not used in this run yet: two folders may hold photos of the same name."""
        names = (f"{stem}{'' if number == 1 else f'-{number}'}.jpg" for number in itertools.count(1))
        name = next(name for name in names if name not in self._names)
        self._names.add(name)
        return name

    def _print(self, tagged: TaggedPhoto) -> None:
        self.stdout.write(f"{tagged.path}: {len(tagged.faces)} faces")
        for face in tagged.faces:
            where = stored(face.reference) if face.reference else "no reference"
            similarity = "" if face.similarity is None else f" {face.similarity:.3f}"
            self.stdout.write(f"  {face.name or face.outcome.state.value}{similarity} ({where})")

    def _print_like_script(self, tagged: TaggedPhoto) -> None:
        self.stdout.write("Results:")
        for face in tagged.faces:
            if face.name:
                self.stdout.write(f"Name: {face.name}")
                self.stdout.write(f"path: {face.source_path or stored(face.reference)}")
                self.stdout.write(f"Similarity: {face.similarity:.4f}")

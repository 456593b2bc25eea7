"""Cut the main face out of every picture of a folder, into a new one."""

from __future__ import annotations

from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import CommandError

from gallery.faces.tagging import map_in_threads
from gallery.index import engine
from gallery.management.base import FOLDER, GalleryCommand, get_existing_folder
from gallery.people.folder_import import describe_read_error
from recognition.draw import draw_contact_sheet, make_tile
from recognition.errors import CodedError
from recognition.images import encode_pixels
from recognition.mainface import cut_main_face
from recognition.types import Detector, Image

FORMS = {".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".png": "PNG", ".webp": "WEBP"}
Cut = tuple[Image, str] | str  # the face, and what is doubtful about it; or why there is none


def cut_face(path: Path, detector: Detector, margin: float) -> Cut:
    try:
        pixels, face = cut_main_face(engine.read_photo(path).pixels, detector, margin)
    except CodedError as error:
        return str(error)
    except OSError as error:
        return describe_read_error(error)
    return pixels, face.quality.reason if face.quality else ""


class Command(GalleryCommand):
    help = "Cuts the main face out of every picture below DIR, to the same place below OUT."
    arguments = {
        "folder": FOLDER,
        "out": {"metavar": "OUT", "type": Path},
        "--margin": {
            "type": float,
            "default": 0.0,
            "help": "share of the face's size to keep on every side (0)",
        },
    }

    def handle(self, *, folder: str, out: Path, margin: float, **options: Any) -> None:
        source, target = get_existing_folder(folder).resolve(), out.expanduser().resolve()
        if source.is_relative_to(target) or target.is_relative_to(source):
            raise CommandError("OUT must lie outside DIR, and DIR outside OUT.", returncode=2)
        if not 0 <= margin <= 10:
            raise CommandError("--margin is a number from 0 to 10.", returncode=2)
        paths = sorted(self.list_photos(source), key=lambda path: (path.parent, path.name))
        at_once = engine.work_side_by_side(len(paths))
        cut = partial(cut_face, detector=engine.get_detector(), margin=margin)
        found = self.progress(map_in_threads(cut, paths, at_once), len(paths), "pictures")
        cropped, skipped, sheets = 0, [], []
        for inside, pictures in groupby(found, lambda each: each[0].parent.relative_to(source)):
            tiles = []
            for path, result in pictures:
                reason = result if isinstance(result, str) else self._write(target / inside, path, result[0])
                if reason:
                    skipped.append({"path": str(path), "reason": reason})
                cropped += not reason
                if not isinstance(result, str):  # also one that was cut before: a sheet shows all
                    pixels, doubt = result
                    tiles.append(make_tile(pixels, f"{doubt} {path.name}".strip(), is_doubtful=bool(doubt)))
            if tiles:
                # Beside the people's folders: in one of them it would be taken for a picture of the person.
                name = " - ".join(inside.parts) or source.name
                sheets.append(target / f"{name} contact sheet.jpg")
                sheets[-1].unlink(missing_ok=True)  # a link in its place may lead to an original
                sheets[-1].write_bytes(draw_contact_sheet(tiles).encoded())
        self._say(cropped, skipped, sheets)

    def _write(self, folder: Path, path: Path, pixels: Image) -> str:
        """Why it was not written; nothing where it was."""
        form = FORMS.get(path.suffix.lower())
        target = folder / (path.name if form else f"{path.name}.jpg")
        folder.mkdir(parents=True, exist_ok=True)
        content = encode_pixels(np.ascontiguousarray(pixels), form=form or "JPEG", quality=95)
        try:
            with target.open("xb") as file:
                file.write(content)
        except FileExistsError:
            return f"{target} is there already."
        return ""

    def _say(self, cropped: int, skipped: list[dict[str, str]], sheets: list[Path]) -> None:
        for each in [] if self.is_json else skipped:
            self.warn(f"{each['path']}: {each['reason']}")
        document = {"cropped": cropped, "skipped": skipped, "sheets": [str(path) for path in sheets]}
        self.say_result(
            document, f"{cropped} faces cut, {len(skipped)} pictures skipped, {len(sheets)} contact sheets."
        )

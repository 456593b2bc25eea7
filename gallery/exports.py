"""A photo's names taken away in other forms: drawn on a picture, as JSON, as CSV, inside a copy of the photo.

What is taken away is made to be handed on, so it says no name of people who may not be recognised, and the
picture with names drawn on it does not show their faces.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from django.utils.translation import gettext as _

from gallery import derived, storage
from gallery.browse.onephoto import Mark, marks
from gallery.browse.standing import Standing
from gallery.limits import limits
from gallery.models import Face, Photo, User
from gallery.visibility import silent_faces
from recognition import draw, regions
from recognition.images import sandbox
from recognition.types import Box, State

PICTURE_SIDE = 2560  # of the annotated picture, at most
COLUMNS = (
    "file", "name", "state", "decision", "left", "top", "width", "height", "similarity", "detection",
)  # fmt: skip
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Export:
    """A file to hand out."""

    data: bytes
    media_type: str
    name: str


def export(user: User, photo: Photo, kind: str, *, keep_position: bool = False) -> Export:
    """`kind` is annotated, json, csv or xmp. KeyError for another; ImageError if the photo cannot be read."""
    hidden = set(silent_faces(photo).values_list("pk", flat=True))
    shown = [_silenced(mark, hidden) for mark in marks(user, photo) if mark.said.is_shown]
    if kind == "xmp":
        return _tagged(photo, shown, keep_position)
    make = {"annotated": _annotated, "json": _json, "csv": _csv}[kind]
    return make(photo, shown)


def _annotated(photo: Photo, shown: list[Mark]) -> Export:
    read = sandbox.read(storage.path(photo.file), limits(), max_side=PICTURE_SIDE)
    labels = [draw.Label(read.box_in_pixels(_box(mark.face)), mark.said.name, _state(mark)) for mark in shown]
    hidden = [read.box_in_pixels(derived.box_to_hide(face)) for face in silent_faces(photo)]
    picture = draw.annotate(draw.anonymise(read.pixels, hidden), labels)
    return Export(picture.encoded(), "image/jpeg", f"{_stem(photo)}-names.jpg")


def _silenced(mark: Mark, hidden: set[int]) -> Mark:
    """The mark; without its name if its face is one to be hidden."""
    if mark.face.pk not in hidden:
        return mark
    said = Standing("unknown", _("Unknown"), _("Unknown"), "question")
    return replace(mark, said=said, reference=None, alike=None)


def _state(mark: Mark) -> State:
    if mark.said.is_named:
        return State.KNOWN
    return State.UNSURE if mark.said.key == "unsure" else State.UNKNOWN


def _tagged(photo: Photo, shown: list[Mark], keep_position: bool) -> Export:
    named = [regions.NamedFace(_box(mark.face), mark.said.name) for mark in shown if mark.said.is_named]
    copy = regions.tagged_copy(storage.path(photo.file), named, keep_position=keep_position, limits=limits())
    return Export(copy.data, copy.media_type, f"{_stem(photo)}-names{copy.suffix}")


def _json(photo: Photo, shown: list[Mark]) -> Export:
    document = {
        "file": photo.name,
        "sha256": photo.sha256,
        "width": photo.width,
        "height": photo.height,
        "taken_at": photo.taken_at.isoformat() if photo.taken_at else None,
        "faces": [_described(mark) for mark in shown],
    }
    data = json.dumps(document, ensure_ascii=False, indent=2).encode()
    return Export(data, "application/json", f"{_stem(photo)}.json")


def _described(mark: Mark) -> dict[str, Any]:
    face = mark.face
    is_silent = mark.said.key == "unknown"
    return {
        "name": mark.said.name if mark.said.is_named else None,
        "state": "unknown" if is_silent else face.state,
        "decision": None if is_silent else face.decision or None,
        "box": [round(side, 1) for side in (face.left, face.top, face.width, face.height)],
        "landmarks": face.landmarks,
        "similarity": None if is_silent and face.person_id else face.similarity,
        "detection": face.score,
    }


def _csv(photo: Photo, shown: list[Mark]) -> Export:
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(COLUMNS)
    for mark in shown:
        said = _described(mark)
        numbers = (*said["box"], said["similarity"], said["detection"])
        words = (photo.name, said["name"] or "", said["state"], said["decision"] or "")
        table.writerow([*map(_harmless, words), *("" if number is None else number for number in numbers)])
    return Export(
        b"\xef\xbb\xbf" + text.getvalue().encode(), "text/csv; charset=utf-8", f"{_stem(photo)}.csv"
    )


def _harmless(word: str) -> str:
    """A spreadsheet must not take a name for a formula."""
    return f"'{word}" if word.startswith(FORMULA_SIGNS) else word


def _box(face: Face) -> Box:
    return Box(face.left, face.top, face.width, face.height)


def _stem(photo: Photo) -> str:
    return PurePath(photo.name).stem or str(photo.pk)

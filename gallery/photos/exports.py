"""A photo's names in files to take away: drawn on a picture, as JSON, as CSV, inside a copy of the photo.

Such files are made to be handed on, so they say no name of people who may not be recognised, and the picture
with names drawn on it does not show their faces."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import mimetypes
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _

from gallery.core.downloads import as_download, require_file, stored_response
from gallery.core.exceptions import NotThere, translate_error
from gallery.core.limits import get_upload_limits
from gallery.faces.labels import FaceLabel
from gallery.faces.selectors import FaceMark, list_face_marks
from gallery.history.audit import record_download
from gallery.models import Companion, Photo, PhotoCopy, User
from gallery.photos.renditions import RENDITION_LIMITS, check_still_so_turned, get_box_to_hide
from gallery.photos.sharing import faces_without_consent
from gallery.photos.sidecars import list_sidecar_facts
from gallery.photos.withheld_names import WithheldNames
from recognition import draw, regions
from recognition.errors import ImageError
from recognition.images.sandbox import read_photo
from recognition.regions import Redaction, make_tagged_copy
from recognition.types import State

MAX_PICTURE_SIDE = 2560  # of the annotated picture, at most
CSV_COLUMNS = (
    "file", "name", "state", "decision", "left", "top", "width", "height", "similarity", "detection",
)  # fmt: skip
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A file to hand out."""

    data: bytes
    media_type: str
    name: str


def original_response(user: User, photo: Photo, *, has_position: bool) -> HttpResponseBase:
    """The file as it was uploaded, or a turned copy without its position; the audit trail says which."""
    if has_position:
        kind = mimetypes.guess_type(str(photo.file))[0] or "application/octet-stream"
        response = stored_response(str(photo.file), kind, photo.name, attachment=True)
        response["Cache-Control"] = "private, no-store"
    else:
        path = Path(photo.file.path)
        require_file(path)
        try:
            redaction = Redaction(says_withheld_name=WithheldNames(photo).are_in)
            copy = make_tagged_copy(photo.picture, [], redaction=redaction, limits=RENDITION_LIMITS)
        except ImageError as error:
            raise NotThere(translate_error(error)) from error
        _remember_copy(photo, copy.data)
        name = str(PurePath(photo.name).with_suffix(copy.suffix))
        response = as_download(HttpResponse(copy.data, content_type=copy.media_type), name)
    record_download(user, photo, position=has_position)
    return response


def companion_response(user: User, companion: Companion) -> HttpResponseBase:
    """The file beside a photo, as it was uploaded."""
    kind = mimetypes.guess_type(str(companion.file))[0] or "application/octet-stream"
    response = stored_response(str(companion.file), kind, companion.name, attachment=True)
    response["Cache-Control"] = "private, no-store"
    record_download(user, companion.photo, kind="companion", position=True)
    return response


def list_original_files(photo: Photo) -> list[tuple[Path, str]]:
    """The file as it was uploaded and those that are kept with it, each with its name. NotThere if it is missing."""
    require_file(Path(photo.file.path))
    beside = [(Path(row.file.path), row.name) for row in photo.companions.all()]
    return [(Path(photo.file.path), photo.name), *((path, name) for path, name in beside if path.is_file())]


def export_photo(user: User, photo: Photo, kind: str, *, keep_position: bool = False) -> ExportedFile:
    """`kind` is annotated, json, csv, xmp or sidecar; KeyError for another.

    Raises NotThere or ImageError if the photo cannot be read.
    """
    if kind in ("annotated", "xmp", "sidecar"):
        require_file(Path(photo.file.path))
    if kind == "sidecar":
        return _export_sidecar(photo)
    hidden = set(faces_without_consent(photo).values_list("pk", flat=True))
    silent = FaceLabel("unknown", _("Unknown"), _("Unknown"), "question")
    shown = [
        replace(mark, label=silent, reference=None, alike=None) if mark.face.pk in hidden else mark
        for mark in list_face_marks(user, photo, is_for_others=True)
        if mark.label.is_shown
    ]
    if kind == "xmp":
        return _export_tagged(photo, shown, keep_position)
    make = {"annotated": _export_annotated, "json": _export_json, "csv": _export_csv}[kind]
    return make(photo, shown)


def _remember_copy(photo: Photo, content: bytes) -> None:
    """So that the copy is known for the photo when it is uploaded. A picture with faces hidden is no copy: it may be
    meant for where the photo itself is not."""
    PhotoCopy.objects.get_or_create(photo=photo, sha256=hashlib.sha256(content).hexdigest())


def _export_annotated(photo: Photo, shown: list[FaceMark]) -> ExportedFile:
    read = read_photo(photo.picture, get_upload_limits(), max_side=MAX_PICTURE_SIDE)
    labels = []
    for mark in shown:
        state = State.UNSURE if mark.label.key == "unsure" else State.UNKNOWN
        state = State.KNOWN if mark.label.is_named else state
        labels.append(draw.Label(read.box_in_pixels(mark.face.box), mark.label.name, state))
    hidden = [read.box_in_pixels(get_box_to_hide(face)) for face in faces_without_consent(photo)]
    check_still_so_turned(photo)
    picture = draw.annotate_photo(draw.anonymise_faces(read.pixels, hidden), labels)
    return ExportedFile(picture.encoded(), "image/jpeg", f"{_file_stem(photo)}-names.jpg")


def _export_tagged(photo: Photo, shown: list[FaceMark], keep_position: bool) -> ExportedFile:
    named = [regions.NamedFace(mark.face.box, mark.label.name) for mark in shown if mark.label.is_named]
    redaction = Redaction(keep_position, WithheldNames(photo).are_in)
    copy = make_tagged_copy(photo.picture, named, redaction=redaction, limits=get_upload_limits())
    _remember_copy(photo, copy.data)
    return ExportedFile(copy.data, copy.media_type, f"{_file_stem(photo)}-names{copy.suffix}")


def _export_sidecar(photo: Photo) -> ExportedFile:
    data = next(facts.build() for facts in list_sidecar_facts([photo]))
    return ExportedFile(data, "application/rdf+xml", f"{photo.name}.xmp")


def _export_json(photo: Photo, shown: list[FaceMark]) -> ExportedFile:
    document = {
        "file": photo.name,
        "sha256": photo.sha256,
        "width": photo.width,
        "height": photo.height,
        "taken_at": photo.taken_at.isoformat() if photo.taken_at else None,
        "faces": [_describe_face(mark) for mark in shown],
    }
    data = json.dumps(document, ensure_ascii=False, indent=2).encode()
    return ExportedFile(data, "application/json", f"{_file_stem(photo)}.json")


def _describe_face(mark: FaceMark) -> dict[str, Any]:
    face = mark.face
    is_silent = mark.label.key == "unknown"
    return {
        "name": mark.label.name if mark.label.is_named else None,
        "state": "unknown" if is_silent else face.state,
        "decision": None if is_silent else face.decision or None,
        "box": [round(side, 1) for side in (face.left, face.top, face.width, face.height)],
        "landmarks": face.landmarks,
        "similarity": None if is_silent and face.person_id else face.similarity,
        "detection": face.score,
    }


def _export_csv(photo: Photo, shown: list[FaceMark]) -> ExportedFile:
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(CSV_COLUMNS)
    for mark in shown:
        said = _describe_face(mark)
        numbers = (*said["box"], said["similarity"], said["detection"])
        words = (photo.name, said["name"] or "", said["state"], said["decision"] or "")
        table.writerow([*map(_escape_formula, words), *numbers])
    data = text.getvalue().encode("utf-8-sig")  # with the mark by which spreadsheets know UTF-8
    return ExportedFile(data, "text/csv; charset=utf-8", f"{_file_stem(photo)}.csv")


def _escape_formula(word: str) -> str:
    """A spreadsheet must not take a name for a formula."""
    return f"'{word}" if word.startswith(FORMULA_SIGNS) else word


def _file_stem(photo: Photo) -> str:
    return PurePath(photo.name).stem or str(photo.pk)

"""The file itself: a page to read, everything as JSON, the embeddings, the pictures."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.template.loader import render_to_string
from django.utils import translation

from gallery.models import Person, ReferenceVector
from gallery.services.dossier.facts import Facts, faces_of, facts
from gallery.services.dossier.pictures import face_name, pictures, reference_name
from gallery.vectors import from_bytes

PLACES = 7  # digits of a number in an embedding; float32 has no more


@dataclass(frozen=True, slots=True)
class Written:
    """What a file holds."""

    bytes: int
    references: int
    photos: int
    faces: int
    embeddings: int
    without_picture: int  # whose original cannot be read


def write(person: Person, path: Path, language: str = "en") -> Written:
    """Write the file, whole or not at all; OSError where it cannot be written."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-", suffix=".zip")  # only for its owner
    temporary = Path(name)
    try:
        with translation.override(language), os.fdopen(handle, "wb") as file:
            written = _fill(person, file, language)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return Written(path.stat().st_size, *written)


def _fill(person: Person, file: Any, language: str) -> tuple[int, int, int, int, int]:
    known, vectors = facts(person), embeddings(person)
    missing: set[str] = set()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in pictures(person):
            if content is None:
                missing.add(name)
            else:
                archive.writestr(name, content, zipfile.ZIP_STORED)
        _name_pictures(known, person, missing)
        archive.writestr("data.json", json.dumps(known, ensure_ascii=False, indent=2))
        archive.writestr("embeddings.json", json.dumps(vectors))
        archive.writestr("read-me.html", _page(known, language, vectors))
    count = sum(len(rows) for kinds in vectors.values() for rows in kinds.values())
    return len(known["references"]), len(known["photos"]), len(known["faces"]), count, len(missing)


def embeddings(person: Person) -> dict[str, dict[str, dict[int, list[float]]]]:
    """By embedder, then of references and of faces, by id: unit vectors."""
    found: dict[str, dict[str, dict[int, list[float]]]] = defaultdict(lambda: {"references": {}, "faces": {}})
    for row in ReferenceVector.objects.filter(reference__person=person).order_by("pk"):
        found[row.embedder_id]["references"][row.reference_id] = _numbers(row.vector)
    for face in faces_of(person).filter(embedding__isnull=False):
        found[face.embedder_id]["faces"][face.pk] = _numbers(face.embedding or b"")
    return dict(found)


def _numbers(vector: bytes | bytearray | memoryview) -> list[float]:
    return [round(float(number), PLACES) for number in from_bytes(vector)]


def _name_pictures(known: Facts, person: Person, missing: set[str]) -> None:
    """Say beside each reference and face which picture is its own."""
    names = {("face", face.pk): face_name(face) for face in faces_of(person)}
    names |= {("reference", row.pk): reference_name(row) for row in person.references.all()}
    for kind, rows in (("reference", known["references"]), ("face", known["faces"])):
        for row in rows:
            name = names.get((kind, row["id"]), "")
            row["picture"] = name if name and name not in missing else None


def _page(known: Facts, language: str, vectors: dict[str, Any]) -> str:
    faces = defaultdict(list)
    for face in known["faces"]:
        faces[face["photo"]].append(face)
    photos = [{**photo, "faces": faces[photo["id"]]} for photo in known["photos"]]
    context = {"known": known, "photos": photos, "language": language, "embedders": sorted(vectors)}
    return render_to_string("privacy/dossier.html", context)

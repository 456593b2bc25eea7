"""Subject access exports: all that is known about a person in one file, made by a worker, kept for some days.

The file holds a page to read, everything as JSON, the embeddings, and pictures without anybody else's face:
of a photo only the face with a little around it is cut, and other faces that reach into the cut are made
unrecognisable. Pictures are made anew from the pixels, so no position and no other metadata goes along.
"""

from __future__ import annotations

import json
import secrets
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import translation

from gallery.core.exceptions import JobFailed
from gallery.history.changeset import record_event
from gallery.jobs import dispatch
from gallery.jobs.leases import LeaseLost, claim_row, finish_row, hold_lease
from gallery.models import (
    Decision,
    Face,
    Person,
    PersonExport,
    Photo,
    Reference,
    ReferenceVector,
    Status,
    User,
)
from gallery.models.clock import get_site_time
from gallery.models.storage import EXPORT_AREA, StorageAway, get_storage
from gallery.photos.renditions import RENDITION_LIMITS, get_box_to_hide
from gallery.privacy.person_facts import Facts, collect_person_facts, get_person_faces, get_person_references
from recognition.draw import anonymise_faces
from recognition.errors import ImageError
from recognition.files import open_to_replace
from recognition.images import Region, encode_pixels
from recognition.images.sandbox import make_rendition, read_region, read_regions
from recognition.types import Box, Embeddings

FACE_MARGIN = 0.35  # of a face's box, on every side
REFERENCE_MARGIN = 0.8  # a reference is a crop of them already
MAX_PICTURE_SIDE = 1_024  # pixels, at most
NamedPicture = tuple[str, bytes | None]  # its name in the file; None where the original cannot be read


def cut_person_pictures(person: Person) -> Iterator[NamedPicture]:
    for reference in get_person_references(person):
        yield get_reference_file_name(reference.pk), _encode_reference(reference)
    faces = defaultdict(list)
    for face in get_person_faces(person):
        faces[face.photo].append(face)
    for photo, own in faces.items():
        names = [get_face_file_name(photo.pk, face.pk) for face in own]
        yield from zip(names, _encode_faces(photo, own), strict=True)


def get_reference_file_name(pk: int) -> str:
    return f"references/{pk}.jpg"


def get_face_file_name(photo: int, face: int) -> str:
    return f"faces/{photo}-{face}.jpg"


def _encode_reference(reference: Reference) -> bytes | None:
    path = Path(reference.image.path)
    try:
        if not reference.box:
            return make_rendition(path, MAX_PICTURE_SIDE, RENDITION_LIMITS, form="JPEG", quality=90)
        box = Box(*reference.box).padded(REFERENCE_MARGIN)
        return _encode_region(read_region(path, box, RENDITION_LIMITS, max_side=MAX_PICTURE_SIDE), ())
    except (ImageError, OSError):
        return None


def _encode_faces(photo: Photo, own: Sequence[Face]) -> list[bytes | None]:
    rows = photo.faces.exclude(pk__in=[face.pk for face in own]).exclude(decision=Decision.NOT_A_FACE)
    others = list(rows.select_related("photo"))
    hidden = [get_box_to_hide(face) for face in others]
    if any(face.photo.turn != photo.turn for face in others):  # somebody has just turned it
        return [None] * len(own)
    picture = photo.picture
    try:
        cuts = [face.box.padded(FACE_MARGIN) for face in own]
        regions = read_regions(picture, cuts, RENDITION_LIMITS, max_side=MAX_PICTURE_SIDE)
    except (ImageError, OSError):
        return [None] * len(own)
    return [_encode_region(region, hidden) for region in regions]


def _encode_region(region: Region, hidden: Sequence[Box]) -> bytes:
    scale = region.pixels.shape[1] / region.box.width
    inside = [box.shifted(-region.box.left, -region.box.top).scaled(scale) for box in hidden]
    return encode_pixels(anonymise_faces(region.pixels, inside), form="JPEG", quality=90)


EMBEDDING_DIGITS = 7  # digits of a number in an embedding; float32 has no more


@dataclass(frozen=True, slots=True)
class WrittenExport:
    """What a file holds."""

    bytes: int
    references: int
    photos: int
    faces: int
    embeddings: int
    without_picture: int  # whose original cannot be read


def write_person_file(person: Person, path: Path, language: str = "en") -> WrittenExport:
    """Write the file, whole or not at all; OSError where it cannot be written."""
    with translation.override(language), open_to_replace(path) as file:
        return _fill_archive(person, file, language)


def _fill_archive(person: Person, file: IO[bytes], language: str) -> WrittenExport:
    known, vectors = collect_person_facts(person), collect_embeddings(person)
    without_picture = 0
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in cut_person_pictures(person):
            if content is None:
                without_picture += 1
            else:
                archive.writestr(name, content, zipfile.ZIP_STORED)
        pictures = set(archive.namelist())
        for row in known["references"]:
            row["picture"] = name if (name := get_reference_file_name(row["id"])) in pictures else None
        for row in known["faces"]:
            row["picture"] = (
                name if (name := get_face_file_name(row["photo"], row["id"])) in pictures else None
            )
        archive.writestr("data.json", json.dumps(known, ensure_ascii=False, indent=2))
        archive.writestr("embeddings.json", json.dumps(vectors))
        archive.writestr("read-me.html", _render_export_page(known, language, vectors))
    count = sum(len(rows) for kinds in vectors.values() for rows in kinds.values())
    return WrittenExport(
        bytes=file.tell(),
        references=len(known["references"]),
        photos=len(known["photos"]),
        faces=len(known["faces"]),
        embeddings=count,
        without_picture=without_picture,
    )


def collect_embeddings(person: Person) -> dict[str, dict[str, dict[int, list[float]]]]:
    """By embedder, then of references and of faces, by id: unit vectors."""
    found: dict[str, dict[str, dict[int, list[float]]]] = defaultdict(lambda: {"references": {}, "faces": {}})
    for row in ReferenceVector.objects.filter(reference__person=person).order_by("pk"):
        found[row.embedder_id]["references"][row.reference_id] = _round_vector(row.vector)
    for face in get_person_faces(person):
        if face.embedding is not None:
            found[face.embedder_id]["faces"][face.pk] = _round_vector(face.embedding)
    return dict(found)


def _round_vector(vector: Embeddings) -> list[float]:
    return [round(float(number), EMBEDDING_DIGITS) for number in vector]


def _render_export_page(known: Facts, language: str, vectors: dict[str, Any]) -> str:
    faces = defaultdict(list)
    for face in known["faces"]:
        faces[face["photo"]].append(face)
    photos = [{**photo, "faces": faces[photo["id"]]} for photo in known["photos"]]
    context = {"known": known, "photos": photos, "language": language, "embedders": sorted(vectors)}
    return render_to_string("privacy/dossier.html", context)


ABANDONED_AFTER = timedelta(hours=1)  # after which a file that no row knows is swept
UNFINISHED = (Status.QUEUED, Status.PROCESSING)


def has_export_file(export: PersonExport) -> bool:
    """Whether there is a file to fetch."""
    is_kept = export.work == Status.DONE and export.file and export.expires_at > get_site_time()
    return bool(is_kept) and get_storage(EXPORT_AREA).exists(export.file)


@transaction.atomic
def request_export(user: User, person: Person, language: str = "en") -> PersonExport:
    """Have the file made; what is being made already is not made twice."""
    waiting = PersonExport.objects.filter(person=person, work__in=UNFINISHED).first()
    if waiting is not None:
        return waiting
    now = get_site_time()
    until = now + timedelta(days=settings.EXPORT_DAYS)
    export = PersonExport.objects.create(
        person=person, asked_by=user, language=language, queued_at=now, expires_at=until
    )
    record_event(user, "person.export", person, {"person": person.label, "person_id": person.pk})
    dispatch.send_task("make_person_export", export.pk)
    return export


def run_person_export(pk: int) -> bool:
    """What the worker does; False if the file is not ours to make."""
    export = claim_row(PersonExport.objects.filter(expires_at__gt=get_site_time()), pk)
    if export is None:
        return False
    name, storage = f"{secrets.token_urlsafe(24)}.zip", get_storage(EXPORT_AREA)
    path = storage.incoming / f".{name}"
    with hold_lease(export):
        try:
            written = write_person_file(export.person, path, export.language)
            storage.put_file(path, name)
            with transaction.atomic():
                finish_row(export, Status.DONE)
                PersonExport.objects.filter(pk=pk).update(file=name, bytes=written.bytes)
        except StorageAway:
            raise  # it waits
        except OSError:
            finish_row(export, Status.FAILED, JobFailed("export_not_written"))
        except LeaseLost:
            storage.delete(name)
        finally:
            path.unlink(missing_ok=True)
    return True


def delete_export(export: PersonExport) -> None:
    """The file goes now, and with it that it was there."""
    export.delete()
    if export.file:
        get_storage(EXPORT_AREA).delete(export.file)


def delete_expired_exports() -> int:
    """Remove files whose time is over, and files that no row knows."""
    old = list(PersonExport.objects.filter(expires_at__lte=get_site_time()))
    for export in old:
        delete_export(export)
    known = set(PersonExport.objects.exclude(file="").values_list("file", flat=True))
    storage, since = get_storage(EXPORT_AREA), get_site_time() - ABANDONED_AFTER
    unknown = [file.name for file in storage.list_files() if file.name not in known]
    abandoned = [name for name in unknown if storage.get_modified_time(name) < since]
    for name in abandoned:
        storage.delete(name)
    return len(old) + len(abandoned)

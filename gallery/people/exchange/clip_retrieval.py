"""Imports a directory made by clip-retrieval's inference and AutoFaiss's command line.

It holds vectors and picture paths only: a person is the folder a picture lay in. Which embedder made the vectors is
said by the owner and checked where pictures are at hand."""

from __future__ import annotations

import hashlib
from itertools import islice
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from gallery.index import engine
from gallery.index.feed import ChangeKind, record_reference_changes
from gallery.models import Person, Reference, ReferenceVector, Status
from gallery.models.people import clean_name
from gallery.models.storage import build_reference_name, remove_file, write_file
from gallery.people.exchange.importer import ImportResult, SamplePicture, check_imported_vectors
from gallery.people.exchange.layout import GalleryUnreadable, make_placeholder_image
from gallery.people.selectors import find_person_by_name
from recognition import images
from recognition.errors import EmbedderMismatch, ImageError
from recognition.index import read_foreign
from recognition.types import Embedder, Embeddings

STORE_BATCH_SIZE = 500


def import_clip_retrieval(directory: Path, name: str) -> ImportResult:
    """Add every row as an approved reference with its vector, and its picture where that is at hand.

    `name`: the embedder that made the vectors, by name or id; it must be the one this site uses. Raises
    EmbedderMismatch, IndexUnusable or GalleryUnreadable; nothing has changed then.
    """
    embedder = _get_named_embedder(name)
    gallery = read_foreign(directory)
    files = [_find_picture(directory, path) for path in gallery.image_paths]
    pictures = [SamplePicture(file) if file else None for file in files]
    done = ImportResult(checked=check_imported_vectors(embedder, pictures, gallery.vectors))
    names = [clean_name(person) for person in gallery.people]
    if not all(names):
        raise GalleryUnreadable(
            f"Row {names.index('')} has no person: {gallery.image_paths[names.index('')]!r} lies in no folder."
        )
    people = _get_or_create_people(names, done)
    rows = zip(gallery.image_paths, files, names, gallery.vectors, strict=True)
    while batch := list(islice(rows, STORE_BATCH_SIZE)):
        _store_batch(batch, people, embedder, done)
    return done


def _get_named_embedder(name: str) -> Embedder:
    serving = engine.get_serving_embedder()
    if name not in (serving.name, serving.id):
        raise EmbedderMismatch(
            f"This site recognises faces with {serving.name}, so vectors of {name} cannot be searched. "
            f"Set FACESITE_EMBEDDER={name} first."
        )
    return serving


def _find_picture(directory: Path, image_path: str) -> Path | None:
    """The picture, where it was or below the directory."""
    path = Path(image_path)
    for candidate in (path, directory / path, directory / path.parent.name / path.name):
        if candidate.is_file():
            return candidate
    return None


@transaction.atomic
def _get_or_create_people(names: list[str], done: ImportResult) -> dict[str, Person]:
    people: dict[str, Person] = {}
    for name in dict.fromkeys(names):
        person = find_person_by_name(name)
        if person is None:
            person = Person()
            person.set_name(name)
            person.save()
            done.people += 1
        people[name] = person
    return people


def _store_batch(
    batch: list[tuple[str, Path | None, str, Embeddings]],
    people: dict[str, Person],
    embedder: Embedder,
    done: ImportResult,
) -> None:
    paths = [path[-1000:] for path, *_ in batch]
    known = set(
        Reference.objects.filter(source_path__in=paths, vectors__embedder_id=embedder.id).values_list(
            "person_id", "source_path"
        )
    )
    new: list[Reference] = []
    vectors = []
    try:
        for path, file, name, vector in batch:
            if (people[name].pk, path[-1000:]) in known:
                done.already += 1
                continue
            new.append(_build_reference(people[name], path[-1000:], file, done))
            vectors.append(vector)
        _save_references(new, vectors, embedder)
    except BaseException:
        for reference in new:
            remove_file(str(reference.image))
        raise
    done.added += len(new)


@transaction.atomic
def _save_references(new: list[Reference], vectors: list[Embeddings], embedder: Embedder) -> None:
    references = Reference.objects.bulk_create(new)
    ReferenceVector.objects.bulk_create(
        ReferenceVector(reference=reference, embedder_id=embedder.id, vector=vector)
        for reference, vector in zip(references, vectors, strict=True)
    )
    record_reference_changes(ChangeKind.ADDED, references)


def _build_reference(person: Person, path: str, file: Path | None, done: ImportResult) -> Reference:
    content, source_sha256 = _read_picture(file)
    done.without_picture += not source_sha256
    name = build_reference_name(".jpg" if source_sha256 else ".png")
    now = timezone.now()
    return Reference(
        person=person,
        image=name,
        sha256=write_file(name, content),
        source_sha256=source_sha256,
        source_path=path,
        status=Reference.Judgement.APPROVED,
        work=Status.DONE,
        queued_at=now,
        finished_at=now,
    )


def _read_picture(file: Path | None) -> tuple[bytes, str]:
    """The picture as we keep it and the file's SHA-256; a placeholder and "" where it is of no use."""
    if file is None:
        return make_placeholder_image(), ""
    try:
        pixels = engine.read_photo(file).pixels
        return images.encode_pixels(pixels, form="JPEG", quality=95), hashlib.sha256(
            file.read_bytes()
        ).hexdigest()
    except (ImageError, OSError):
        return make_placeholder_image(), ""

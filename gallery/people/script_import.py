"""Imports galleries made elsewhere, by a script with clip-retrieval's inference and AutoFaiss.

They hold vectors and picture paths: a person is the folder a picture lay in, and which embedder made the vectors is
said by the owner, and checked with a sample of the pictures. Rows are read as a stream, twice: for the sample, and
to be stored. An import may be repeated, and adds pictures that have been found since."""

from __future__ import annotations

import hashlib
import heapq
import random
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from gallery.history.erased import ask_before_return
from gallery.index import engine
from gallery.index.switch import get_chosen_name
from gallery.models import Person, Reference, ReferenceVector, Status
from gallery.models.clock import get_site_time
from gallery.models.people import MAX_NAME_LENGTH, clean_name
from gallery.models.storage import remove_file
from gallery.people.gallery_import import (
    IMPORT_BATCH_SIZE,
    VECTOR_SAMPLE_SIZE,
    ImportResult,
    NewReference,
    SamplePicture,
    check_dimension,
    check_imported_vectors,
    import_in_batches,
    import_named_person,
    store_picture,
)
from gallery.people.selectors import find_present_label, map_folders_to_labels
from recognition import images
from recognition.embedders import EMBEDDER_NAMES
from recognition.errors import EmbedderMismatch, ImageError
from recognition.index import ForeignGallery, ForeignRow, PictureFinder
from recognition.types import Embedder, Embeddings

MAX_PATH_LENGTH = 1000
SAME_VECTOR = 0.9999  # cosine with itself, in half precision
Place = tuple[int, str]  # a person's number, and the path of the picture


def import_clip_retrieval(directory: Path, name: str, pictures: Path | None = None) -> ImportResult:
    """Add every row as an approved reference with its vector, and its picture where that is found.

    `name`: the embedder that made the vectors, by name or id; it must be the one this site uses or used, or a new
    site begins with it. Raises EmbedderMismatch or IndexUnusable; nothing has changed then.
    """
    embedder = _get_claimed_embedder(name)
    found, finder = ForeignGallery.open(directory), PictureFinder(directory, pictures)
    check_dimension(embedder, found.dimension)
    sample = _draw_sample(found, finder)
    files = {number: SamplePicture(file) for number, (_vector, file) in sample.items()}
    vectors = {number: vector for number, (vector, _file) in sample.items()}
    done = ImportResult(checked=check_imported_vectors(embedder, files, vectors))
    importer = _RowImporter(embedder, finder, done)
    import_in_batches(importer.find_people(found.read_rows()), importer.build, done)
    return done


def _get_claimed_embedder(name: str) -> Embedder:
    if name in EMBEDDER_NAMES and not get_chosen_name():
        return engine.get_named_embedder(name)
    embedder = engine.get_serving_embedder()
    if name in (embedder.name, embedder.id):
        return embedder
    if name.partition("-")[0] not in EMBEDDER_NAMES:
        raise EmbedderMismatch(
            f"There is no embedder called {name}; name one of {', '.join(EMBEDDER_NAMES)}."
        )
    vectors = ReferenceVector.objects.filter(embedder_id__startswith=f"{name}-")
    if vectors.exists():  # of before the site went over to another embedder
        former = engine.get_named_embedder(name)
        if vectors.filter(embedder_id=former.id).exists():
            return former
    raise EmbedderMismatch(
        f"This site recognises faces with {embedder.name}, so vectors of {name} cannot be searched. "
        f"Set FACESITE_EMBEDDER={name} first."
    )


def _draw_sample(found: ForeignGallery, finder: PictureFinder) -> dict[int, tuple[Embeddings, Path]]:
    """Some rows by their numbers, drawn from those whose picture is found: the vector, and the picture."""
    draw = random.Random(0).random  # noqa: S311 -- which pictures are compared is no secret  # nosec B311
    at_hand = (
        (draw(), row.number, row.vector.copy(), file)  # the whole batch is held by a part of it
        for row in found.read_rows()
        if not row.problem and (file := finder.find(row.image_path))
    )
    drawn = heapq.nsmallest(VECTOR_SAMPLE_SIZE, at_hand)
    return {number: (vector, file) for _, number, vector, file in drawn}


class _RowImporter:
    def __init__(self, embedder: Embedder, finder: PictureFinder, done: ImportResult) -> None:
        self._embedder, self._finder, self._done = embedder, finder, done
        self._people: dict[str, Person | None] = {}
        self._earlier_names = map_folders_to_labels()
        self._is_first = not self._earlier_names  # nothing can be there already but what it brings itself

    def find_people(
        self, rows: Iterable[ForeignRow]
    ) -> Iterator[tuple[ForeignRow, Person, Reference | None]]:
        """The rows that can be taken, each with whose it is and the reference that is there already."""
        taken = ((row, person) for row in rows if (person := self._get_person(row)))
        while batch := list(islice(taken, IMPORT_BATCH_SIZE)):
            taken_now = {(person.pk, _shorten_path(row)): (row, person) for row, person in batch}
            self._done.already += len(batch) - len(taken_now)  # the same picture in several rows
            there = self._find_references(taken_now)
            yield from ((*each, there.get(key)) for key, each in taken_now.items())

    def _find_references(self, rows: Mapping[Place, tuple[ForeignRow, Person]]) -> dict[Place, Reference]:
        """Those that are there already, also of somebody else to whom a curator has given them since."""
        people, paths = {person for person, _path in rows}, {path for _person, path in rows}
        named = Reference.objects.filter(
            person__in=people, source_path__in=paths, vectors__embedder_id=self._embedder.id
        )
        there = {(each.person_id, each.source_path): each for each in named}
        new = {path: (person, path) for person, path in rows.keys() - there.keys()}
        if new and not self._is_first:
            vectors = ReferenceVector.objects.filter(embedder_id=self._embedder.id)
            moved = vectors.filter(reference__source_path__in=new).select_related("reference")
            for each in moved:
                place = new[each.reference.source_path]
                if each.vector @ rows[place][0].vector > SAME_VECTOR:
                    there[place] = each.reference
        return there

    def _get_person(self, row: ForeignRow) -> Person | None:
        """None, and said, for a row that cannot be taken."""
        name = clean_name(row.person)
        problem = row.problem
        if not problem and not 0 < len(name) <= MAX_NAME_LENGTH:
            problem = f"Its person has no name of 1 to {MAX_NAME_LENGTH} letters."
        if problem:
            self._done.skipped.append({"row": row.number, "path": row.image_path, "reason": problem})
            return None
        if name not in self._people:
            present = find_present_label(name, self._earlier_names)
            if present != name:
                self._done.renamed[name] = present
            self._people[name] = import_named_person(self._done, present)
        return self._people[name]

    def build(self, found: tuple[ForeignRow, Person, Reference | None]) -> NewReference | None:
        row, person, known = found
        if known and known.source_sha256:
            return None
        content, source_sha256 = self._read_picture(row)
        if known is None:
            now = get_site_time()
            reference = Reference(
                person=person,
                source_sha256=source_sha256,
                source_path=_shorten_path(row),
                source_columns=row.columns,
                status=Reference.Judgement.APPROVED,
                work=Status.DONE,
                queued_at=now,
                finished_at=now,
                **store_picture(content, ".jpg", self._done),
            )
            return NewReference(reference, {self._embedder.id: row.vector})
        if content is None:
            self._done.without_picture += 1
        else:
            columns = store_picture(content, ".jpg", self._done)
            same = Reference.objects.filter(pk=known.pk, source_sha256="")
            is_ours = same.update(source_sha256=source_sha256, **columns)
            remove_file(str(known.image) if is_ours else columns["image"])
        return None

    def _read_picture(self, row: ForeignRow) -> tuple[bytes | None, str]:
        """The picture as references keep theirs, and its file's SHA-256; None and "" where it is of no use."""
        file = self._finder.find(row.image_path)
        if file is None:
            return None, ""
        try:
            content = images.encode_pixels(engine.read_photo(file).pixels, form="JPEG", quality=95)
            sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        except (ImageError, OSError):
            return None, ""
        ask_before_return(None, sha256s=[sha256], file=row.image_path)
        return content, sha256


def _shorten_path(row: ForeignRow) -> str:
    return row.image_path[-MAX_PATH_LENGTH:]

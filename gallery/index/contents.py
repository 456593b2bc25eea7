"""What the two kinds of index hold, as the database has it at this moment: references, and the faces of all photos.

Both are built, followed, masked and verified by the same code; only here does it matter which of them it is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
from django.db.models import QuerySet, Value

from gallery.models import Face, Reference, ReferenceVector
from gallery.models.index import IndexContents
from gallery.models.people import get_folder_name
from recognition.index import Part
from recognition.types import Embeddings

ROWS_PER_PART = 5_000  # rows read from the database at once
NO_PERSON = 0  # the index of faces knows no people: names change, and are asked of the database


@dataclass(frozen=True, slots=True)
class IndexedRows:
    """Rows of an embedder that may be searched, and the columns of their number, their person and their vector."""

    contents: IndexContents
    list_searchable: Callable[[str], QuerySet[Any]]
    list_of_people: Callable[[Collection[int]], QuerySet[Any]]  # whose rows come and go with people's consent
    number: str
    person: str | Value
    vector: str
    max_unbuilt: int | None  # so many are searched without a build, in memory; None: however many there are

    def read(self, embedder_id: str, numbers: Collection[int]) -> list[tuple[int, int, Embeddings]]:
        """Number, person and vector of those of these that may be searched."""
        rows = self.list_searchable(embedder_id).filter(**{f"{self.number}__in": numbers})
        return list(rows.values_list(self.number, self.person, self.vector))

    def stream_columns(self, embedder_id: str, *more: str) -> Iterator[list[tuple[Any, ...]]]:
        """Numbers, persons, vectors and `more`, some thousand rows at a time, in the order of their numbers."""
        rows = self.list_searchable(embedder_id).order_by(self.number)
        listed, last = rows.values_list(self.number, self.person, self.vector, *more), 0
        while some := list(listed.filter(**{f"{self.number}__gt": last})[:ROWS_PER_PART]):
            yield list(zip(*some, strict=True))
            last = some[-1][0]

    def stream_parts(self, embedder_id: str) -> Iterator[Part]:
        """For a build."""
        if self.contents == IndexContents.REFERENCES:
            yield from stream_reference_parts(embedder_id)
        else:
            for ids, persons, vectors in self.stream_columns(embedder_id):
                yield _make_part(ids, persons, vectors)


def searchable_vectors(embedder_id: str) -> QuerySet[ReferenceVector]:
    searchable = Reference.objects.searchable()
    return ReferenceVector.objects.filter(embedder_id=embedder_id, reference__in=searchable)


REFERENCES = IndexedRows(
    IndexContents.REFERENCES,
    list_searchable=searchable_vectors,
    list_of_people=lambda people: Reference.objects.filter(person__in=people),
    number="reference_id",
    person="reference__person_id",
    vector="vector",
    max_unbuilt=None,
)
FACES = IndexedRows(
    IndexContents.FACES,
    list_searchable=lambda embedder_id: Face.objects.comparable(embedder_id),
    list_of_people=lambda people: Face.objects.filter(person__in=people),
    number="pk",
    person=Value(NO_PERSON),
    vector="embedding",
    max_unbuilt=50_000,
)
INDEXED_ROWS: dict[str, IndexedRows] = {rows.contents: rows for rows in (REFERENCES, FACES)}


def stream_reference_parts(embedder_id: str, pictures: Mapping[int, str] | None = None) -> Iterator[Part]:
    """With names and pictures, by person; or where `pictures` says they are, with columns."""
    fields = ["reference__image", "reference__person__name"]
    if pictures is not None:
        fields.append("reference__source_columns")
    for ids, persons, vectors, images, names, *columns in REFERENCES.stream_columns(embedder_id, *fields):
        paths = [pictures[pk] for pk in ids] if pictures is not None else _map_to_folders(names, images)
        yield _make_part(ids, persons, vectors, paths, names, *columns)


def _make_part(ids: Any, persons: Any, vectors: Any, *texts: Any) -> Part:
    return Part(np.array(ids, np.int64), np.array(persons, np.int64), np.stack(vectors), *texts)


def _map_to_folders(names: Iterable[str], images: Iterable[str]) -> list[str]:
    """Paths as other programs expect them, which read a person's name from the folder; nothing lies there."""
    return [
        f"people/{get_folder_name(name)}/{PurePath(image).name}"
        for name, image in zip(names, images, strict=True)
    ]

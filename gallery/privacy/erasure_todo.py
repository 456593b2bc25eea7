"""What an erasure counts while it deletes rows, and what it leaves to the worker to clear."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet

from gallery.core.erased import describe_row
from gallery.history.redaction import ErasedObjects, split_sorted_ids
from gallery.index.feed import (
    ChangeKind,
    get_latest_change_id,
    record_face_changes,
    record_reference_changes,
)
from gallery.models import Build, ErasedDigest, Face, Reference, ReferenceVector
from gallery.models.fields import vector_to_bytes
from gallery.models.index import IndexContents
from recognition.types import Embeddings

Kind = ErasedDigest.Kind
# The first bytes of a vector: enough to find it again in a file, too few to recognise anybody by
NEEDLE_BYTES = 24
MAX_NEEDLES = 64


@dataclass
class ErasureTodo:
    """What goes: counted for the receipt, and listed for the worker, which clears it once the rows are gone."""

    gone: ErasedObjects
    counts: Counter[str] = field(default_factory=Counter)
    files: list[str] = field(default_factory=list)  # below MEDIA_ROOT
    person_files: list[str] = field(default_factory=list)  # in the data directory's "exports"
    photos: list[str] = field(default_factory=list)  # SHA-256 of photos whose renditions go
    references: list[str] = field(default_factory=list)  # and of references
    builds: dict[str, int] = field(default_factory=dict)  # embedder -> the change a build must contain
    face_builds: dict[str, int] = field(default_factory=dict)  # the same of the index of faces
    digests: set[tuple[str, str]] = field(default_factory=set)  # kinds and values by which it is known again
    needles: list[bytes] = field(default_factory=list)  # what must not be found in the database's file

    def add_references(self, rows: QuerySet[Reference]) -> list[int]:
        """Lock these references, announce that they are gone, and note what is left of them; their ids."""
        found = list(rows.select_for_update(of=("self",)).order_by("pk"))
        record_reference_changes(ChangeKind.ERASED, found)
        self.counts["references"] += len(found)
        self.files += [str(row.image) for row in found]
        self.references += [row.sha256 for row in found]
        self.add_digests(Kind.FILE, (each for row in found for each in (row.sha256, row.source_sha256)))
        self.add_digests(Kind.ROW, (describe_row("reference", row.pk, row.created_at) for row in found))
        ids = [row.pk for row in found]
        self.gone.ids.setdefault("reference", set()).update(ids)
        for some in split_sorted_ids(ids):
            vectors = ReferenceVector.objects.filter(reference__in=some)
            for embedder_id, vector in vectors.values_list("embedder_id", "vector"):
                self.builds[embedder_id] = 0
                self._add_vector(vector)
        self.builds = {embedder_id: get_latest_change_id(embedder_id) for embedder_id in self.builds}
        return ids

    def add_digests(self, kind: str, values: Iterable[str]) -> None:
        self.digests |= {(kind, value) for value in values}

    def add_faces(self, faces: Collection[Face]) -> None:
        record_face_changes(ChangeKind.ERASED, faces)
        for face in faces:
            self.counts["faces"] += 1
            if face.embedding is not None:
                self._add_vector(face.embedding)
        # A build also holds faces that were removed since it was made: which photos these were in, nobody knows now.
        made = Build.objects.filter(contents=IndexContents.FACES).exclude(directory="")
        embedders = {face.embedder_id for face in faces if face.embedder_id}
        embedders |= set(made.values_list("embedder_id", flat=True))
        self.face_builds = {each: get_latest_change_id(each, IndexContents.FACES) for each in embedders}

    def _add_vector(self, vector: Embeddings) -> None:
        self.counts["embeddings"] += 1
        if len(self.needles) < MAX_NEEDLES:
            self.needles.append(vector_to_bytes(vector)[:NEEDLE_BYTES])

    def as_json(self) -> dict[str, Any]:
        """All but counts and digests, as `Erasure.todo` keeps it."""
        return {
            "gone": self.gone.as_json(),
            "files": self.files,
            "person_files": self.person_files,
            "photos": self.photos,
            "references": self.references,
            "builds": self.builds,
            "face_builds": self.face_builds,
            "needles": [base64.b64encode(needle).decode() for needle in self.needles],
        }

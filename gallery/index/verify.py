"""Compares the index that answers searches with the database, row by row; a new build mends it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.conf import settings

from gallery.index import engine
from gallery.index.builds import request_build, run_build
from gallery.index.live import IndexFollower, stream_vector_parts
from gallery.index.selectors import get_active_build
from gallery.models import Build
from recognition.errors import EmbedderMismatch, IndexUnusable
from recognition.index import Index
from recognition.types import Embedder

VECTOR_TOLERANCE = 1e-6
MAX_LISTED_IDS = 20  # ids named in a report


@dataclass(slots=True)
class IndexDifferences:
    """Ids of references, by what is wrong with them in the index; `problem`: it cannot be opened at all."""

    references: int = 0
    build: int | None = None
    problem: str = ""
    missing: list[int] = field(default_factory=list)
    extra: list[int] = field(default_factory=list)
    misplaced: list[int] = field(default_factory=list)  # of another person than the database says
    altered: list[int] = field(default_factory=list)  # another vector than the database has
    is_mended: bool = False

    @property
    def is_sound(self) -> bool:
        return not (self.problem or self.missing or self.extra or self.misplaced or self.altered)

    def as_json(self) -> dict[str, Any]:
        kinds = ("missing", "extra", "misplaced", "altered")
        counts = {
            kind: {"count": len(ids := getattr(self, kind)), "first": ids[:MAX_LISTED_IDS]} for kind in kinds
        }
        return {
            "is_sound": self.is_sound,
            "build": self.build,
            "references": self.references,
            "problem": self.problem or None,
            "is_mended": self.is_mended,
            **counts,
        }


def compare_index_with_database(*, mend: bool = False) -> IndexDifferences:
    """Compare the index as a fresh process would serve it with the database; with `mend`, build anew."""
    embedder = engine.get_serving_embedder()
    build = get_active_build(embedder.id)
    found = IndexDifferences(build=build.pk if build else None)
    opened = _open_index(build, found)
    follower = IndexFollower(embedder.id, embedder.dimension)
    follower.refresh()
    _compare_vectors(embedder, follower, opened, found)
    if mend and not found.is_sound:
        asked = request_build("verify_index", delay=0)
        made = run_build(asked.pk)
        found.is_mended = bool(made and made.is_active) and compare_index_with_database().is_sound
    return found


def _open_index(build: Build | None, found: IndexDifferences) -> Index | None:
    if build is None:
        return None
    try:
        return Index.load(settings.INDEX_ROOT / build.directory, build.embedder_id)
    except (IndexUnusable, EmbedderMismatch) as error:
        found.problem = str(error)
        return None


def _compare_vectors(
    embedder: Embedder, follower: IndexFollower, opened: Index | None, found: IndexDifferences
) -> None:
    served = follower.live.persons_of_references()
    rows = {int(pk): row for row, pk in enumerate(opened.ids)} if opened else {}
    delta = follower.live.delta_vectors()
    for part in stream_vector_parts(embedder.id):
        found.references += len(part.ids)
        for pk, person, vector in zip(part.ids.tolist(), part.persons.tolist(), part.vectors, strict=True):
            if pk not in served:
                found.missing.append(pk)
                continue
            if served.pop(pk) != person:
                found.misplaced.append(pk)
            kept = delta.get(pk)
            if kept is None and opened is not None and pk in rows:
                kept = opened.parts.take(np.array([rows[pk]]))[0]
            if kept is None or not np.allclose(kept, vector, atol=VECTOR_TOLERANCE):
                found.altered.append(pk)
    found.extra = sorted(served)

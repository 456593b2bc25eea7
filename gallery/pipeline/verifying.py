"""Is what answers searches what the database says? Compared row by row, and mended by a new build."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.conf import settings

from gallery import engine, queries
from gallery.models import Build
from gallery.pipeline import builds
from gallery.pipeline.live import Follower
from gallery.pipeline.vectorparts import parts_of
from recognition.index import Index
from recognition.types import Embedder, EmbedderMismatch, IndexUnusable

SAME = 1e-6
LISTED = 20  # ids named in a report


@dataclass(slots=True)
class Differences:
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
        counts = {kind: {"count": len(ids := getattr(self, kind)), "first": ids[:LISTED]} for kind in kinds}
        return {
            "is_sound": self.is_sound,
            "build": self.build,
            "references": self.references,
            "problem": self.problem or None,
            "is_mended": self.is_mended,
            **counts,
        }


def verify(*, mend: bool = False) -> Differences:
    """Compare the index as a fresh process would serve it with the database; with `mend`, build anew."""
    embedder = engine.serving()
    build = queries.active_build(embedder.id)
    found = Differences(build=build.pk if build else None)
    opened = _open(build, found)
    follower = Follower(embedder.id, embedder.dimension)
    follower.refresh()
    _compare(embedder, follower, opened, found)
    if mend and not found.is_sound:
        asked = builds.request_build("verify_index", delay=0)
        made = builds.run_build(asked.pk)
        found.is_mended = bool(made and made.is_active) and verify().is_sound
    return found


def _open(build: Build | None, found: Differences) -> Index | None:
    if build is None:
        return None
    try:
        return Index.load(settings.INDEX_ROOT / build.directory, build.embedder_id)
    except (IndexUnusable, EmbedderMismatch) as error:
        found.problem = str(error)
        return None


def _compare(embedder: Embedder, follower: Follower, opened: Index | None, found: Differences) -> None:
    served = follower.live.persons_of_references()
    rows = {int(pk): row for row, pk in enumerate(opened.ids)} if opened else {}
    delta = follower.live.delta_vectors()
    for part in parts_of(embedder.id):
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
            if kept is None or not np.allclose(kept, vector, atol=SAME):
                found.altered.append(pk)
    found.extra = sorted(served)

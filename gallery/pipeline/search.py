"""Vectors to names: search the live index, decide, and write what was decided to faces nobody has decided on."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from django.conf import settings

from gallery import engine, queries
from gallery.models import Candidate, Face
from gallery.pipeline import live
from recognition.decide import decide, may_have_missed
from recognition.types import Bounds, Embedder, Embeddings, Neighbour, Outcome, State

MOST_NEIGHBOURS = 3_000  # nobody has more references of one person


def outcomes(
    embeddings: Embeddings,
    embedder: Embedder,
    rejected: Sequence[Collection[int]] | None = None,
    *,
    bounds: Bounds | None = None,
    is_fresh: bool = False,
) -> list[Outcome]:
    """One outcome a row; rows of zeros are faces too poor to be matched. `rejected`: persons a row never is.

    By the bounds that hold now, unless some are given; the gallery's changes are followed first, unless it is fresh.
    """
    usable = np.any(embeddings != 0, axis=1)
    neighbours = _neighbours(embeddings, embedder, is_fresh)
    counts = queries.reference_counts({near.person for found in neighbours for near in found})
    bounds = bounds or engine.bounds(embedder)
    return [
        decide(
            near if is_usable else [],
            bounds,
            rejected_persons=rejected[row] if rejected else (),
            references=counts,
            usable=bool(is_usable),
        )
        for row, (near, is_usable) in enumerate(zip(neighbours, usable, strict=True))
    ]


def _neighbours(embeddings: Embeddings, embedder: Embedder, is_fresh: bool) -> list[list[Neighbour]]:
    """Each row's nearest references: more of them where one person's fill the list and hide the runner-up."""
    found = live.search(embedder, embeddings, settings.NEIGHBOURS, is_fresh=is_fresh)
    wanted = settings.NEIGHBOURS
    while wanted < MOST_NEIGHBOURS and (
        rows := [row for row, near in enumerate(found) if may_have_missed(near, wanted)]
    ):
        wanted *= 8
        for row, near in zip(
            rows, live.search(embedder, embeddings[rows], wanted, is_fresh=True), strict=True
        ):
            found[row] = near
    return found


def set_outcome(face: Face, outcome: Outcome) -> None:
    """Write the outcome into the face's columns, unsaved. Never call it for a face a person has decided on."""
    best = outcome.best
    face.state = outcome.state.value
    face.person_id = best.person if best and outcome.state is State.KNOWN else None
    face.similarity = best.similarity if best else None
    face.reference_id = best.reference if best else None


def candidates_of(face: Face, outcome: Outcome, build: int | None) -> list[Candidate]:
    """Rows for the outcome's candidates, unsaved; `build` is the one that was searched (None before the first)."""
    return [
        Candidate(
            face=face,
            person_id=candidate.person,
            reference_id=candidate.reference,
            similarity=candidate.similarity,
            rank=rank,
            build_id=build,
        )
        for rank, candidate in enumerate(outcome.candidates)
    ]

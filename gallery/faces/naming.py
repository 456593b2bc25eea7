"""Searches faces in the index, decides on their names, and saves what has changed.

Proposals may rest on a reference or on a face that somebody has confirmed. The latter never make a name known
by themselves, they ask a person; they stand for as long as the face they rest on is confirmed as that person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence

import numpy as np
from django.conf import settings
from django.db.models import Count, F

from gallery.faces.matching import get_face_vectors, get_rejected_persons
from gallery.index import engine, live
from gallery.index.live import find_nearest_references
from gallery.models import Candidate, Decision, Face, FaceRejection, Reference
from gallery.models.querysets import FaceQuerySet, recognisable_q
from recognition.decide import decide, may_have_missed_runner_up
from recognition.types import Bounds, Embedder, Embeddings, Neighbour, Outcome, State

SIMILARITY_TOLERANCE = 1e-5  # two similarities this close are the same: build and delta round differently
OUTCOME_COLUMNS = ("state", "person_id", "similarity", "reference_id")
ColumnValues = tuple[object, ...]


def name_faces(faces: list[Face], embedder: Embedder, proposals: Proposals | None = None) -> None:
    """Search and decide for those of the faces that no person has decided on, and save the outcome.

    `proposals` are new ones that rest on confirmed look-alikes; earlier ones are kept while they hold. Call
    it with the faces' rows held.
    """
    open_faces = [face for face in faces if not face.is_decided]
    before = {face.pk: _get_column_values(face, OUTCOME_COLUMNS) for face in open_faces}
    rejected = get_rejected_persons(open_faces)
    follower = live.get_index_follower(embedder)
    found = find_outcomes(get_face_vectors(open_faces, embedder), embedder, rejected)
    kept, rows = find_standing_proposals(open_faces), {}
    for face, outcome, never in zip(open_faces, found, rejected, strict=True):
        set_face_outcome(face, outcome)
        likes = [
            row for row in (*kept[face.pk], *(proposals or {}).get(face.pk, ())) if row.person_id not in never
        ]
        rows[face.pk] = merge_candidates(make_candidates(face, outcome, follower.build), likes)
        mark_proposed_unsure(face, rows[face.pk])
    _save_faces(open_faces, before, follower.horizon)
    _save_candidates(rows)
    Face.objects.filter(pk__in=[face.pk for face in faces]).mark_duplicate_names()


def _save_faces(faces: Sequence[Face], before: dict[int, ColumnValues], searched: int) -> None:
    changed = [
        face
        for face in faces
        if not _is_unchanged(before[face.pk], _get_column_values(face, OUTCOME_COLUMNS))
    ]
    Face.objects.bulk_update(changed, ["state", "person", "similarity", "reference"])
    Face.objects.filter(pk__in=[face.pk for face in faces]).update(searched_change=searched)


def _save_candidates(rows: dict[int, list[Candidate]]) -> None:
    """Replace the candidates of those faces that have other ones now."""
    columns = ("person_id", "reference_id", "look_alike_id", "similarity")
    before: dict[int, list[ColumnValues]] = defaultdict(list)
    for row in Candidate.objects.filter(face__in=rows).order_by("rank"):
        before[row.face_id].append(_get_column_values(row, columns))
    changed = [
        face
        for face, now in rows.items()
        if len(before[face]) != len(now)
        or not all(
            _is_unchanged(old, _get_column_values(new, columns))
            for old, new in zip(before[face], now, strict=True)
        )
    ]
    Candidate.objects.filter(face__in=changed).delete()
    Candidate.objects.bulk_create(row for face in changed for row in rows[face])


def _get_column_values(row: Face | Candidate, columns: Sequence[str]) -> ColumnValues:
    return tuple(getattr(row, column) for column in columns)


def _is_unchanged(old: ColumnValues, new: ColumnValues) -> bool:
    return all(
        abs(one - other) < SIMILARITY_TOLERANCE
        if isinstance(one, float) and isinstance(other, float)
        else one == other
        for one, other in zip(old, new, strict=True)
    )


MAX_NEIGHBOURS = 3_000  # nobody has more references of one person


def find_outcomes(
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
    bounds = bounds or engine.get_decision_bounds(embedder)
    neighbours = _find_neighbours(embeddings, embedder, is_fresh)
    counts = _count_references({near.person for found in neighbours for near in found})
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


def _count_references(persons: Collection[int]) -> dict[int, int]:
    """How many references each of these people can be matched to by."""
    rows = Reference.objects.searchable().filter(person__in=persons)
    return dict(rows.order_by("person").values_list("person").annotate(number=Count("*")))


def _find_neighbours(embeddings: Embeddings, embedder: Embedder, is_fresh: bool) -> list[list[Neighbour]]:
    """Each row's nearest references: more of them where one person's fill the list and hide the runner-up."""
    found = find_nearest_references(embedder, embeddings, settings.NEIGHBOURS, is_fresh=is_fresh)
    wanted = settings.NEIGHBOURS
    while wanted < MAX_NEIGHBOURS and (
        rows := [row for row, near in enumerate(found) if may_have_missed_runner_up(near, wanted)]
    ):
        wanted *= 8
        for row, near in zip(
            rows, find_nearest_references(embedder, embeddings[rows], wanted, is_fresh=True), strict=True
        ):
            found[row] = near
    return found


def set_face_outcome(face: Face, outcome: Outcome) -> None:
    """Write the outcome into the face's columns, unsaved. Never call it for a face a person has decided on."""
    best = outcome.best
    face.state = outcome.state.value
    face.person_id = best.person if best and outcome.state is State.KNOWN else None
    face.similarity = best.similarity if best else None
    face.reference_id = best.reference if best else None


def make_candidates(face: Face, outcome: Outcome, build: int | None) -> list[Candidate]:
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


Proposals = dict[int, list[Candidate]]  # by face
FACES_PER_COMPARISON = 5_000  # faces compared at once


def find_standing_proposals(faces: Sequence[Face]) -> Proposals:
    """The proposals of this kind that these faces have and that still hold."""
    rows = Candidate.objects.filter(
        recognisable_q("person"),
        face__in=faces,
        look_alike__decision=Decision.CONFIRMED,
        look_alike__person=F("person"),
    )
    found: Proposals = defaultdict(list)
    for row in rows.order_by("rank"):
        found[row.face_id].append(row)
    return found


def merge_candidates(rows: list[Candidate], proposals: Iterable[Candidate]) -> list[Candidate]:
    """Both kinds in one ranking, each person once at the higher similarity; unsaved."""
    best: dict[int, Candidate] = {}
    for row in (*rows, *proposals):
        if row.person_id not in best or row.similarity > best[row.person_id].similarity:
            best[row.person_id] = row
    ranked = sorted(best.values(), key=lambda row: (-row.similarity, row.person_id))
    return [
        Candidate(
            face_id=row.face_id,
            person_id=row.person_id,
            reference_id=row.reference_id,
            look_alike_id=row.look_alike_id,
            similarity=row.similarity,
            rank=rank,
            build_id=row.build_id,
        )
        for rank, row in enumerate(ranked)
    ]


def mark_proposed_unsure(face: Face, rows: Sequence[Candidate]) -> None:
    """An unknown face with such a proposal is unsure; unsaved. Known and unsure faces stay as they are."""
    if face.state == Face.State.UNKNOWN and any(row.look_alike_id for row in rows):
        face.state = Face.State.UNSURE
        face.similarity, face.reference_id = rows[0].similarity, rows[0].reference_id


def propose_look_alikes(named: Collection[int], embedder: Embedder, least: float) -> Proposals:
    """For unnamed faces that resemble one of the named ones at least so much: whom to propose; unsaved."""
    confirmed = _get_comparable_faces(embedder).filter(pk__in=named, decision=Decision.CONFIRMED)
    faces = list(confirmed.filter(recognisable_q("person")))
    if not faces:
        return {}
    vectors = np.stack([face.embedding for face in faces if face.embedding is not None])
    found: Proposals = {}
    for ids, others in _stream_unnamed_faces(embedder):
        similarities = others @ vectors.T
        nearest = similarities.argmax(axis=1)
        for row in np.flatnonzero(similarities.max(axis=1) >= least):
            face = faces[nearest[row]]
            found[ids[row]] = [
                Candidate(
                    face_id=ids[row],
                    person_id=face.person_id,
                    look_alike=face,
                    similarity=float(similarities[row, nearest[row]]),
                    rank=0,
                )
            ]
    return _drop_rejected_proposals(found)


def _get_comparable_faces(embedder: Embedder) -> FaceQuerySet:
    rows = Face.objects.filter(embedder_id=embedder.id, embedding__isnull=False)
    return rows.outside_trash().order_by("pk")


def _stream_unnamed_faces(embedder: Embedder) -> Iterator[tuple[list[int], Embeddings]]:
    rows = _get_comparable_faces(embedder).unnamed()
    part: list[tuple[int, Embeddings]] = []
    for pk, vector in rows.values_list("pk", "embedding").iterator(FACES_PER_COMPARISON):
        if vector is not None:
            part.append((pk, vector))
        if len(part) == FACES_PER_COMPARISON:
            yield _stack_vectors(part)
            part = []
    if part:
        yield _stack_vectors(part)


def _stack_vectors(part: list[tuple[int, Embeddings]]) -> tuple[list[int], Embeddings]:
    return [pk for pk, _ in part], np.stack([vector for _, vector in part])


def _drop_rejected_proposals(found: Proposals) -> Proposals:
    persons = {row.person_id for rows in found.values() for row in rows}
    said = set(FaceRejection.objects.filter(person__in=persons).values_list("face_id", "person_id"))
    kept = {pk: [row for row in rows if (pk, row.person_id) not in said] for pk, rows in found.items()}
    return {pk: rows for pk, rows in kept.items() if rows}

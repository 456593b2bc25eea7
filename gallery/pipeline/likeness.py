"""Proposals that rest on a face somebody has confirmed, not on a reference.

A confirmed face that is no reference still tells something: unnamed faces that look like it are proposed its
person. Such a proposal never makes a name known by itself, it asks a person. It stands through later
searches for as long as the face it rests on is confirmed as that person.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence

import numpy as np
from django.db.models import F, QuerySet

from gallery.models import Candidate, Decision, Face, FaceRejection
from gallery.recognising import recognisable
from gallery.vectors import from_bytes
from recognition.types import Embedder, Embeddings

Proposals = dict[int, list[Candidate]]  # by face
PART = 5_000  # faces compared at once


def standing(faces: Sequence[Face]) -> Proposals:
    """The proposals of this kind that these faces have and that still hold."""
    rows = Candidate.objects.filter(
        recognisable("person"),
        face__in=faces,
        look_alike__decision=Decision.CONFIRMED,
        look_alike__person=F("person"),
    )
    found: Proposals = defaultdict(list)
    for row in rows.order_by("rank"):
        found[row.face_id].append(row)
    return found


def merged(rows: list[Candidate], proposals: Iterable[Candidate]) -> list[Candidate]:
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


def ask(face: Face, rows: Sequence[Candidate]) -> None:
    """An unknown face with such a proposal is unsure; unsaved. Known and unsure faces stay as they are."""
    if face.state == Face.State.UNKNOWN and any(row.look_alike_id for row in rows):
        face.state = Face.State.UNSURE
        face.similarity, face.reference_id = rows[0].similarity, rows[0].reference_id


def look_alikes(named: Collection[int], embedder: Embedder, least: float) -> Proposals:
    """For unnamed faces that resemble one of the named ones at least so much: whom to propose; unsaved."""
    confirmed = _comparable(embedder).filter(pk__in=named, decision=Decision.CONFIRMED)
    faces = list(confirmed.filter(recognisable("person")))
    if not faces:
        return {}
    vectors = np.stack([from_bytes(face.embedding) for face in faces if face.embedding is not None])
    found: Proposals = {}
    for ids, others in _unnamed(embedder):
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
    return _without_rejected(found)


def _comparable(embedder: Embedder) -> QuerySet[Face]:
    rows = Face.objects.filter(embedder_id=embedder.id, embedding__isnull=False)
    return rows.filter(photo__trashed_at__isnull=True).order_by("pk")


def _unnamed(embedder: Embedder) -> Iterator[tuple[list[int], Embeddings]]:
    rows = _comparable(embedder).filter(decision=Decision.NONE, person__isnull=True)
    part: list[tuple[int, bytes]] = []
    for pk, vector in rows.values_list("pk", "embedding").iterator(PART):
        part.append((pk, bytes(vector or b"")))
        if len(part) == PART:
            yield _stacked(part)
            part = []
    if part:
        yield _stacked(part)


def _stacked(part: list[tuple[int, bytes]]) -> tuple[list[int], Embeddings]:
    return [pk for pk, _ in part], np.stack([from_bytes(vector) for _, vector in part])


def _without_rejected(found: Proposals) -> Proposals:
    persons = {row.person_id for rows in found.values() for row in rows}
    said = set(FaceRejection.objects.filter(person__in=persons).values_list("face_id", "person_id"))
    kept = {pk: [row for row in rows if (pk, row.person_id) not in said] for pk, rows in found.items()}
    return {pk: rows for pk, rows in kept.items() if rows}

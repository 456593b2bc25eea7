"""Faces searched, decided and saved. What comes out as it was is not written again: most of a second pass."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from gallery import twice
from gallery.models import Candidate, Face
from gallery.pipeline import likeness, live, matching, search
from recognition.types import Embedder

SAME = 1e-5  # two similarities this close are the same: build and delta round differently
COLUMNS = ("state", "person_id", "similarity", "reference_id")
Said = tuple[object, ...]


def name_faces(faces: list[Face], embedder: Embedder, proposals: likeness.Proposals | None = None) -> None:
    """Search and decide for those of the faces that no person has decided on, and save the outcome.

    `proposals` are new ones that rest on confirmed look-alikes; earlier ones are kept while they hold. Call
    it with the faces' rows held.
    """
    open_faces = [face for face in faces if not face.is_decided]
    before = {face.pk: _said(face, COLUMNS) for face in open_faces}
    rejected = matching.rejected_persons(open_faces)
    found = search.outcomes(matching.vectors_of(open_faces, embedder), embedder, rejected)
    kept, rows, build = likeness.standing(open_faces), {}, live.follower(embedder).build
    for face, outcome, never in zip(open_faces, found, rejected, strict=True):
        search.set_outcome(face, outcome)
        likes = [
            row for row in (*kept[face.pk], *(proposals or {}).get(face.pk, ())) if row.person_id not in never
        ]
        rows[face.pk] = likeness.merged(search.candidates_of(face, outcome, build), likes)
        likeness.ask(face, rows[face.pk])
    _save_faces(open_faces, before, live.follower(embedder).horizon)
    _save_candidates(rows)
    twice.mark([face.pk for face in faces])


def _save_faces(faces: Sequence[Face], before: dict[int, Said], searched: int) -> None:
    changed = [face for face in faces if not _is_same(before[face.pk], _said(face, COLUMNS))]
    Face.objects.bulk_update(changed, ["state", "person", "similarity", "reference"])
    Face.objects.filter(pk__in=[face.pk for face in faces]).update(searched_change=searched)


def _save_candidates(rows: dict[int, list[Candidate]]) -> None:
    """Replace the candidates of those faces that have other ones now."""
    columns = ("person_id", "reference_id", "look_alike_id", "similarity")
    before: dict[int, list[Said]] = defaultdict(list)
    for row in Candidate.objects.filter(face__in=rows).order_by("rank"):
        before[row.face_id].append(_said(row, columns))
    changed = [
        face
        for face, now in rows.items()
        if len(before[face]) != len(now)
        or not all(_is_same(old, _said(new, columns)) for old, new in zip(before[face], now, strict=True))
    ]
    Candidate.objects.filter(face__in=changed).delete()
    Candidate.objects.bulk_create(row for face in changed for row in rows[face])


def _said(row: Face | Candidate, columns: Sequence[str]) -> Said:
    return tuple(getattr(row, column) for column in columns)


def _is_same(old: Said, new: Said) -> bool:
    return all(
        abs(one - other) < SAME if isinstance(one, float) and isinstance(other, float) else one == other
        for one, other in zip(old, new, strict=True)
    )

"""Bounds that are tried before they decide: what they would change on the photos, and do to the references."""

from __future__ import annotations

from collections import Counter
from typing import Any

from gallery.curation.measurement import LabelledVectors, load_labelled_references
from gallery.faces.naming import decide_on_faces
from gallery.history.changeset import split_into_chunks
from gallery.index import engine
from gallery.models import Calibration, Face, User
from gallery.models.querysets import FaceQuerySet
from recognition.calibrate import Comparison, Verdict, compare_references, judge_bounds
from recognition.types import Bounds, Combination, Embedder

CHANGES = ("named", "renamed", "unsure", "unnamed", "kept")


def try_calibration(pk: int) -> None:
    """Note with the row what its bounds would change, of what the person who asked may see."""
    row = Calibration.objects.filter(pk=pk).first()
    if row is None or not row.is_by_hand:
        return
    embedder = engine.get_serving_embedder()
    user = User.objects.filter(pk=row.report["by_hand"]["user"]).first()
    if embedder.id != row.embedder_id or user is None:
        row.delete()  # another embedder serves by now, or nobody waits any more
        return
    bounds = Bounds.from_json(row.bounds, embedder.bounds.combination)
    found = describe_trial(embedder, bounds, Face.objects.visible_to(user))
    row.refresh_from_db()  # it may have been dropped meanwhile
    row.report["by_hand"] |= found
    row.save(update_fields=["report"])


def describe_trial(embedder: Embedder, bounds: Bounds, faces: FaceQuerySet) -> dict[str, Any]:
    """What these bounds would change on these faces, and do to the gallery's references beside those in force."""
    labelled = load_labelled_references(embedder)
    verdicts = judge_on_references(labelled, engine.get_decision_bounds(embedder), bounds)
    return {
        "changes": count_name_changes(embedder, bounds, faces),
        "references": len(labelled.persons),
        "verdicts": [verdict.to_json() for verdict in verdicts],
    }


def count_name_changes(embedder: Embedder, bounds: Bounds, faces: FaceQuerySet) -> dict[str, int]:
    """How many names would come, become another, turn unsure, go, and stay. Nothing is saved."""
    rows = faces.undecided().outside_trash().filter(embedder_id=embedder.id).order_by("photo_id")
    counts = Counter(dict.fromkeys(CHANGES, 0))
    for photos in split_into_chunks(list(rows.values_list("photo_id", flat=True).distinct())):
        part = list(rows.filter(photo__in=photos))
        before = [face.person_id for face in part]
        decide_on_faces(part, embedder, bounds)
        for face, person in zip(part, before, strict=True):
            if person is None and face.person_id is None:
                continue
            if person == face.person_id:
                counts["kept"] += 1
            elif face.person_id is not None:
                counts["named" if person is None else "renamed"] += 1
            else:
                counts["unsure" if face.state == Face.State.UNSURE else "unnamed"] += 1
    return dict(counts)


def judge_on_references(labelled: LabelledVectors, *tried: Bounds) -> list[Verdict]:
    """What each of these bounds would do to the references, each left out in turn; nothing without references."""
    if not len(labelled.persons):
        return []
    compared: dict[Combination, Comparison] = {}
    for bounds in tried:
        if bounds.combination not in compared:
            compared[bounds.combination] = compare_references(
                labelled.vectors, labelled.persons, combination=bounds.combination
            )
    return [judge_bounds(compared[bounds.combination], bounds) for bounds in tried]

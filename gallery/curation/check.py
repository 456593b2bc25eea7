"""Looks for what may be wrong in the gallery, from the vectors that are there. Changes nothing but findings."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import transaction

from gallery.curation.effects import settle_findings
from gallery.curation.findings import find_people_with_references
from gallery.curation.measurement import LabelledVectors, load_labelled_references
from gallery.index import engine
from gallery.models import Finding
from recognition.health import (
    Gallery,
    SimilarPair,
    Suspect,
    find_confusable_people,
    find_duplicates,
    find_likely_wrong,
)
from recognition.types import Bounds

FindingKind = Finding.Kind
MAX_FINDINGS_PER_KIND = 2_000  # findings of one kind kept; nobody works through more
IDS_PER_STATEMENT = 500  # ids in one statement
CHECKED_KINDS = (FindingKind.WRONG, FindingKind.UNLIKE, FindingKind.DUPLICATE, FindingKind.CONFUSABLE)
FINDING_KEY = ("kind", "person_id", "reference_id", "other_person_id", "other_reference_id")


def check_all_references() -> int:
    """Check the references of the embedder that serves; how many findings there are, dismissed ones aside."""
    embedder = engine.get_serving_embedder()
    found = list(detect_findings(load_labelled_references(embedder), engine.get_decision_bounds(embedder)))
    for finding in found:
        finding.embedder_id = embedder.id
    return _store_findings(found)


def _store_findings(found: list[Finding]) -> int:
    _replace_findings(found)
    kept = list(Finding.objects.filter(kind__in=CHECKED_KINDS).order_by("pk").values_list("pk", flat=True))
    for some in _split_ids(kept):  # references may have been judged or moved while they were compared
        settle_findings(some)
    return sum(finding.dismissed_at is None for finding in found)


@transaction.atomic
def _replace_findings(found: list[Finding]) -> None:
    """Store them in place of the earlier ones; what was found before keeps its row, and stays dismissed.

    New ones do not hold yet: that is settled afterwards, a part at a time, with nothing else in the way.
    """
    _delete_answered_findings()
    earlier = {_get_finding_key(row): row for row in Finding.objects.filter(kind__in=CHECKED_KINDS)}
    again = []
    for finding in found:
        row = earlier.pop(_get_finding_key(finding), None)
        if row is not None:
            finding.pk, finding.found_at = row.pk, row.found_at
            finding.dismissed_at, finding.dismissed_by_id = row.dismissed_at, row.dismissed_by_id
            again.append(finding)
    for some in _split_ids([row.pk for row in earlier.values()]):
        Finding.objects.filter(pk__in=some).delete()
    Finding.objects.bulk_update(
        again, ["similarity", "own_similarity", "weight", "embedder_id"], batch_size=200
    )
    new = [finding for finding in found if finding.pk is None]
    for finding in new:
        finding.is_outdated = True
    Finding.objects.bulk_create(new, batch_size=200)


def _delete_answered_findings() -> None:
    """People who were all right with one reference, or none, and have more by now, are asked about afresh."""
    for kind, references in ((FindingKind.SINGLE, 1), (FindingKind.BARE, 0)):
        Finding.objects.filter(kind=kind).exclude(person__in=find_people_with_references(references)).delete()


def _split_ids(ids: list[int]) -> Iterator[list[int]]:
    return (ids[start : start + IDS_PER_STATEMENT] for start in range(0, len(ids), IDS_PER_STATEMENT))


def _get_finding_key(finding: Finding) -> tuple[object, ...]:
    return tuple(getattr(finding, name) for name in FINDING_KEY)


def detect_findings(labelled: LabelledVectors, bounds: Bounds) -> Iterator[Finding]:
    """Everything that may be wrong, unsaved."""
    if len(labelled.ids) < 2:
        return
    gallery = Gallery.of(labelled.vectors, labelled.persons)
    suspects = find_likely_wrong(gallery, bounds)
    yield from (_build_suspect_finding(labelled, each) for each in suspects[:MAX_FINDINGS_PER_KIND])
    yield from (
        _build_duplicate_finding(labelled, each)
        for each in find_duplicates(gallery, bounds)[:MAX_FINDINGS_PER_KIND]
    )
    wrong = [each.row for each in suspects if each.other_person is not None]
    for pair in find_confusable_people(gallery, bounds, wrong)[:MAX_FINDINGS_PER_KIND]:
        yield Finding(
            kind=FindingKind.CONFUSABLE,
            person_id=pair.left,
            other_person_id=pair.right,
            similarity=pair.similarity,
            weight=pair.similarity,
        )


def _build_suspect_finding(labelled: LabelledVectors, suspect: Suspect) -> Finding:
    is_another = suspect.other_person is not None
    return Finding(
        kind=FindingKind.WRONG if is_another else FindingKind.UNLIKE,
        person_id=int(labelled.persons[suspect.row]),
        reference_id=int(labelled.ids[suspect.row]),
        other_person_id=suspect.other_person,
        other_reference_id=None if suspect.other_row is None else int(labelled.ids[suspect.other_row]),
        similarity=suspect.other,
        own_similarity=suspect.own,
        weight=suspect.other - suspect.own if is_another else -suspect.own,
    )


def _build_duplicate_finding(labelled: LabelledVectors, pair: SimilarPair) -> Finding:
    persons, ids = labelled.persons, labelled.ids
    is_filed_twice = persons[pair.left] != persons[pair.right]  # worse: one picture under two names
    return Finding(
        kind=FindingKind.DUPLICATE,
        person_id=int(persons[pair.left]),
        reference_id=int(ids[pair.left]),
        other_person_id=int(persons[pair.right]),
        other_reference_id=int(ids[pair.right]),
        similarity=pair.similarity,
        weight=pair.similarity + is_filed_twice,
    )

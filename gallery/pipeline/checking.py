"""Looks for what may be wrong in the gallery, from the vectors that are there. Changes nothing but findings."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import transaction

from gallery import engine
from gallery.health import outdated, people_with
from gallery.models import Finding
from gallery.pipeline.measuring import Labelled, gallery_references
from recognition import health
from recognition.types import Bounds

Kind = Finding.Kind
MOST = 2_000  # findings of one kind kept; nobody works through more
PART = 500  # ids in one statement
CHECKED = (Kind.WRONG, Kind.UNLIKE, Kind.DUPLICATE, Kind.CONFUSABLE)
KEY = ("kind", "person_id", "reference_id", "other_person_id", "other_reference_id")


def check_gallery() -> int:
    """Check the references of the embedder that serves; how many findings there are, dismissed ones aside."""
    embedder = engine.serving()
    found = list(findings(gallery_references(embedder), engine.bounds(embedder)))
    for finding in found:
        finding.embedder_id = embedder.id
    return _store(found)


def _store(found: list[Finding]) -> int:
    _keep(found)
    kept = list(Finding.objects.filter(kind__in=CHECKED).order_by("pk").values_list("pk", flat=True))
    for some in _parts(kept):  # references may have been judged or moved while they were compared
        outdated.settle(some)
    return sum(finding.dismissed_at is None for finding in found)


@transaction.atomic
def _keep(found: list[Finding]) -> None:
    """Store them in place of the earlier ones; what was found before keeps its row, and stays dismissed.

    New ones do not hold yet: that is settled afterwards, a part at a time, with nothing else in the way.
    """
    _forget_answered()
    earlier = {_key(row): row for row in Finding.objects.filter(kind__in=CHECKED)}
    again = []
    for finding in found:
        row = earlier.pop(_key(finding), None)
        if row is not None:
            finding.pk, finding.found_at = row.pk, row.found_at
            finding.dismissed_at, finding.dismissed_by_id = row.dismissed_at, row.dismissed_by_id
            again.append(finding)
    for some in _parts([row.pk for row in earlier.values()]):
        Finding.objects.filter(pk__in=some).delete()
    Finding.objects.bulk_update(
        again, ["similarity", "own_similarity", "weight", "embedder_id"], batch_size=200
    )
    new = [finding for finding in found if finding.pk is None]
    for finding in new:
        finding.is_outdated = True
    Finding.objects.bulk_create(new, batch_size=200)


def _forget_answered() -> None:
    """People who were all right with one reference, or none, and have more by now, are asked about afresh."""
    for kind, references in ((Kind.SINGLE, 1), (Kind.BARE, 0)):
        Finding.objects.filter(kind=kind).exclude(person__in=people_with(references)).delete()


def _parts(ids: list[int]) -> Iterator[list[int]]:
    return (ids[start : start + PART] for start in range(0, len(ids), PART))


def _key(finding: Finding) -> tuple[object, ...]:
    return tuple(getattr(finding, name) for name in KEY)


def findings(labelled: Labelled, bounds: Bounds) -> Iterator[Finding]:
    """Everything that may be wrong, unsaved."""
    if len(labelled.ids) < 2:
        return
    gallery = health.Gallery.of(labelled.vectors, labelled.persons)
    suspects = health.likely_wrong(gallery, bounds)
    yield from (_suspect(labelled, each) for each in suspects[:MOST])
    yield from (_duplicate(labelled, each) for each in health.duplicates(gallery, bounds)[:MOST])
    wrong = [each.row for each in suspects if each.other_person is not None]
    for pair in health.confusable(gallery, bounds, wrong)[:MOST]:
        yield Finding(
            kind=Kind.CONFUSABLE,
            person_id=pair.left,
            other_person_id=pair.right,
            similarity=pair.similarity,
            weight=pair.similarity,
        )


def _suspect(labelled: Labelled, suspect: health.Suspect) -> Finding:
    is_another = suspect.other_person is not None
    return Finding(
        kind=Kind.WRONG if is_another else Kind.UNLIKE,
        person_id=int(labelled.persons[suspect.row]),
        reference_id=int(labelled.ids[suspect.row]),
        other_person_id=suspect.other_person,
        other_reference_id=None if suspect.other_row is None else int(labelled.ids[suspect.other_row]),
        similarity=suspect.other,
        own_similarity=suspect.own,
        weight=suspect.other - suspect.own if is_another else -suspect.own,
    )


def _duplicate(labelled: Labelled, pair: health.Pair) -> Finding:
    persons, ids = labelled.persons, labelled.ids
    is_filed_twice = persons[pair.left] != persons[pair.right]  # worse: one picture under two names
    return Finding(
        kind=Kind.DUPLICATE,
        person_id=int(persons[pair.left]),
        reference_id=int(ids[pair.left]),
        other_person_id=int(persons[pair.right]),
        other_reference_id=int(ids[pair.right]),
        similarity=pair.similarity,
        weight=pair.similarity + is_filed_twice,
    )

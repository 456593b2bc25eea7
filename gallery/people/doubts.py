"""Approves the pictures of an import that look as they should; what does not waits for somebody's decision."""

from __future__ import annotations

from pathlib import PurePath

import numpy as np
from django.db import transaction
from django.db.models import Q

from gallery.history.changeset import split_into_chunks
from gallery.index.feed import ChangeKind, record_reference_changes
from gallery.models import Person, Reference, ReferenceVector
from gallery.models.people import LABEL_COLUMNS
from recognition.health import Filing, Suspect, find_misfiled
from recognition.types import Embedder

Doubt, Judgement = Reference.Doubt, Reference.Judgement
OPEN_DOUBTS = (Doubt.UNSEEN, Doubt.RIVAL, Doubt.NESTED)  # compared again when more pictures come
# Those that an import left behind when it was killed are among them; what a curator has judged is not.
UNCOMPARED = {"status": Judgement.PENDING, "doubt__in": OPEN_DOUBTS, "revision": 0}

UNMEASURED_EMBEDDERS = ("clip",)  # whose bound, the original script's, says little of who resembles whom


def compare_imported_references(embedder: Embedder) -> list[tuple[Reference, str]]:
    """Approve imported references that nothing speaks against; all that were compared, with why they still wait."""
    rows = Reference.objects.filter(**UNCOMPARED, vectors__embedder_id=embedder.id).order_by("pk")
    new = {reference.pk: reference for reference in rows}
    if not new:
        return []
    filing, places = _read_filing(embedder, new)
    found = {suspect.row: suspect for suspect in find_misfiled(filing, places.values(), embedder.bounds)}
    if embedder.name in UNMEASURED_EMBEDDERS:
        found = {
            row: found[row] for pk, row in places.items() if row in found and new[pk].doubt != Doubt.UNSEEN
        }
    names = {person.pk: person.label for person in Person.objects.only(*LABEL_COLUMNS)}
    reasons = {pk: _explain_doubt(new[pk], found[row], names) for pk, row in places.items() if row in found}
    for pk in new.keys() - reasons.keys():
        new[pk].status, new[pk].doubt = Judgement.APPROVED, ""
    for some in split_into_chunks(list(new)):
        _save_doubts([new[pk] for pk in some])
    return [(reference, reasons.get(pk, "")) for pk, reference in new.items()]


@transaction.atomic
def _save_doubts(references: list[Reference]) -> None:
    wanted = [each.pk for each in references]
    held = Reference.objects.select_for_update().filter(**UNCOMPARED, pk__in=wanted)
    still = set(held.values_list("pk", flat=True))
    kept = [each for each in references if each.pk in still]
    Reference.objects.bulk_update(kept, ["status", "doubt"])
    record_reference_changes(ChangeKind.ADDED, [each for each in kept if not each.doubt])


def _read_filing(embedder: Embedder, new: dict[int, Reference]) -> tuple[Filing, dict[int, int]]:
    """All that is approved, and what is new, as vectors; and the rows of the new ones."""
    of_new = Q(**{f"reference__{column}": value for column, value in UNCOMPARED.items()})
    rows = ReferenceVector.objects.filter(
        Q(reference__status=Judgement.APPROVED) | of_new, embedder_id=embedder.id
    ).values_list("reference_id", "reference__person_id", "vector")
    persons, vectors, groups, counted = [], [], [], []
    folders: dict[tuple[int, PurePath], int] = {}
    places: dict[int, int] = {}
    for row, (pk, person, vector) in enumerate(rows):
        reference, group = new.get(pk), -1
        if reference:
            places[pk] = row
            if reference.doubt == Doubt.NESTED:
                group = folders.setdefault((person, PurePath(reference.source_path).parent), len(folders))
        groups.append(group)
        counted.append(not (reference and reference.doubt == Doubt.RIVAL))
        persons.append(person)
        vectors.append(vector)
    return Filing(np.stack(vectors), np.array(persons), np.array(counted), np.array(groups)), places


def _explain_doubt(reference: Reference, suspect: Suspect, names: dict[int, str]) -> str:
    """Set the reference's doubt, unsaved; why it waits, in words."""
    if reference.doubt != Doubt.RIVAL and suspect.other_person is not None:
        reference.doubt = Doubt.OTHER
        return f"It resembles {names.get(suspect.other_person)}."
    if reference.doubt == Doubt.UNSEEN:
        reference.doubt = Doubt.UNLIKE
    return str(Doubt(reference.doubt).label)

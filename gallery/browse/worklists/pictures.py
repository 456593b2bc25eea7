"""The pictures that stand side by side, for a whole page in a constant number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import TypeVar

from django.db.models import Exists, F, FloatField, OrderBy, OuterRef, QuerySet, Window
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, RowNumber

from gallery.models import Decision, Face, Reference, User
from gallery.services.faces.references import OF_GOOD_FACES, is_good
from gallery.visibility import counted_faces, visible_references

Row = TypeVar("Row", Reference, Face)
CROPS = 5  # of a person; one of them may be the doubtful one itself
FACES = 12  # looked at for each person, of which the good ones are offered
OFFERED = 6
EYES = Cast(KT("quality__size"), FloatField())  # of a face; a reference has it as a column
SHOWN_OF_A_FACE = ("person", "left", "top", "width", "height", "photo__name", "photo__sha256", *OF_GOOD_FACES)
Judgement = Reference.Judgement


def best_crops(user: User, persons: Collection[int]) -> dict[int, list[Reference]]:
    """Each person's largest approved references, the largest first."""
    rows = visible_references(user).filter(person__in=persons, status=Judgement.APPROVED)
    return _by_person(_largest(rows.only("person", "sha256"), F("eyes"), CROPS))


def offered_faces(user: User, persons: Collection[int]) -> dict[int, list[Face]]:
    """Each person's confirmed faces that are clear enough to be references, and are none yet."""
    made = Reference.objects.filter(source_face=OuterRef("pk"), status=Judgement.APPROVED)
    rows = counted_faces(user).filter(
        ~Exists(made), person__in=persons, decision=Decision.CONFIRMED, is_usable=True
    )
    found = _by_person(_largest(rows.select_related("photo").only(*SHOWN_OF_A_FACE), EYES, FACES))
    return {person: [face for face in faces if is_good(face)][:OFFERED] for person, faces in found.items()}


def _largest(rows: QuerySet[Row], size: F | Cast, number: int) -> QuerySet[Row]:
    order = [OrderBy(size, descending=True, nulls_last=True), F("pk").asc()]
    place = Window(RowNumber(), partition_by=F("person"), order_by=order)
    return rows.annotate(place=place).filter(place__lte=number)


def _by_person(rows: QuerySet[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: int(getattr(row, "place", 0))):
        found[int(row.person_id or 0)].append(row)
    return found

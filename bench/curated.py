"""What curators and administrators have to do with on a made-up site: references, findings, acts, receipts."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from datetime import timedelta

from django.utils import timezone

from gallery.models import (
    BulkAct,
    Calibration,
    Erasure,
    Finding,
    Invitation,
    Person,
    Reference,
    ReferenceDraft,
    Status,
    User,
)

Judgement = Reference.Judgement
FOUND = (Finding.Kind.WRONG, Finding.Kind.UNLIKE, Finding.Kind.DUPLICATE, Finding.Kind.CONFUSABLE)
OF_REFERENCES = 100  # one of so many has a finding of each kind
OF_FINDINGS = 50  # one of so many is dismissed


def references(people: Sequence[Person], each: int, chance: random.Random) -> Iterator[Reference]:
    """The last of each person waits for a word; one person in twenty has a single good one, one has none."""
    for place, person in enumerate(people):
        for number in range(each):
            digest = hashlib.sha256(f"{person.pk} {number}".encode()).hexdigest()
            yield Reference(
                person=person,
                image=f"references/{digest[:2]}/{digest}.jpg",
                sha256=digest,
                status=_status(place, number, each),
                quality=_quality(chance),
                work=Status.FAILED if number % 5 == 3 and place % 25 == 3 else Status.DONE,
            )


def _status(place: int, number: int, each: int) -> Judgement:
    if place % 20 == 8 or (place % 20 == 7 and number):
        return Judgement.REJECTED
    return Judgement.PENDING if number == each - 1 else Judgement.APPROVED


def _quality(chance: random.Random) -> dict[str, object]:
    figures = {
        "size": chance.uniform(10, 80),
        "sharpness": chance.uniform(0.02, 0.8),
        "yaw": 3.0,
        "roll": 1.0,
    }
    return {**figures, "exposure": 0.5, "contrast": 0.2, "is_usable": chance.random() < 0.98, "reason": ""}


def fill(curator: User, people: Sequence[Person], held: Sequence[Reference], chance: random.Random) -> None:
    Finding.objects.bulk_create(_findings(people, held, chance), batch_size=2_000)
    for person in people[::10]:
        person.consent_until = timezone.localdate() + timedelta(days=chance.randrange(-60, 300))
    Person.objects.bulk_update(people[::10], ["consent_until"], batch_size=500)
    now = timezone.now()
    number = max(2, len(people) // 20)
    BulkAct.objects.bulk_create(_acts(curator, held, number))
    Calibration.objects.bulk_create(Calibration(embedder_id="made-up", bounds={}) for _ in range(number))
    Erasure.objects.bulk_create(Erasure(kind=Erasure.Kind.PERSON, work=Status.DONE) for _ in range(number))
    Invitation.objects.bulk_create(
        Invitation(email=f"{n}@example.org", token_hash=f"made-up {n}", invited_by=curator, expires_at=now)
        for n in range(number)
    )
    ReferenceDraft.objects.bulk_create(_drafts(curator, people[0]))


def _findings(
    people: Sequence[Person], held: Sequence[Reference], chance: random.Random
) -> Iterator[Finding]:
    approved = [reference for reference in held if reference.status == Judgement.APPROVED]
    for number, reference in enumerate(approved[::OF_REFERENCES] or approved[:4]):
        other = chance.choice(approved)
        for kind in FOUND:
            is_of_people = kind == Finding.Kind.CONFUSABLE
            yield Finding(
                kind=kind,
                person_id=reference.person_id,
                reference=None if is_of_people else reference,
                other_person_id=None if kind == Finding.Kind.UNLIKE else other.person_id,
                other_reference=other if kind in (Finding.Kind.WRONG, Finding.Kind.DUPLICATE) else None,
                similarity=chance.uniform(0.9, 0.99),
                own_similarity=chance.uniform(0.8, 0.9),
                weight=round(chance.random(), 2),
                embedder_id="made-up",
                dismissed_at=timezone.now() if number % OF_FINDINGS == OF_FINDINGS - 1 else None,
            )


def _acts(curator: User, held: Sequence[Reference], number: int) -> Iterator[BulkAct]:
    """The first is only looked at; the others are done."""
    ids = [reference.pk for reference in held[:1_000]]
    now = timezone.now()
    for place in range(number):
        is_done = place > 0
        yield BulkAct(
            kind=BulkAct.Kind.REJECT,
            ids=ids,
            total=len(ids),
            done=len(ids) if is_done else 0,
            work=Status.DONE if is_done else Status.QUEUED,
            confirmed_at=now if is_done else None,
            by=curator,
        )


def _drafts(curator: User, person: Person) -> Iterator[ReferenceDraft]:
    face = {"box": [10.0, 10.0, 60.0, 80.0], "landmarks": None, "score": 0.99, "quality": None}
    for number in range(12):
        yield ReferenceDraft(
            person=person,
            image=f"drafts/{number}.jpg",
            sha256=str(number),
            name=f"{number}.jpg",
            width=400,
            height=300,
            faces=[face],
            chosen=0,
            work=Status.DONE,
            added_by=curator,
        )

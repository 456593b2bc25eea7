"""What an act on many rows will change: counted before it is done, as far as the user may know of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from django.db.models import Count, Q, QuerySet

from gallery.browse.builds import changes_since, serving
from gallery.models import BulkAct, Face, Person, Reference, ReferenceVector, User
from gallery.services.people import preview_merge
from gallery.visibility import visible_faces, visible_references

READ = 5_000  # ids in one statement
SHOWN = 60  # pictures
NAMED = 12  # people

Judgement = Reference.Judgement
Kind = BulkAct.Kind


@dataclass(slots=True)
class Preview:
    rows: int = 0  # that are still there
    same: int = 0  # of them, as they shall be already
    people: int = 0
    searchable: int = 0  # references that come into searches, or leave them
    named: int = 0  # faces that have their name by these pictures and may lose it
    decided: int = 0  # faces that people named by hand: they stay
    undecided: int = 0  # faces that may get a name
    photos: int = 0
    waiting: int = 0  # changes that wait for the next build already
    joining: int = 0  # and those that will
    owners: list[Person] = field(default_factory=list)
    orphans: list[Person] = field(default_factory=list)  # whom no picture will be left to recognise by
    orphans_count: int = 0
    pictures: list[Reference] = field(default_factory=list)


def preview(user: User, act: BulkAct) -> Preview:
    if act.kind in (Kind.HIDE, Kind.SHOW):
        return _of_people(user, act)
    if act.kind == Kind.MERGE:
        return _of_merge(user, act)
    return _of_references(user, act)


def _parts(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), READ):
        yield ids[start : start + READ]


def _of_people(user: User, act: BulkAct) -> Preview:
    found = Preview()
    for some in _parts(act.ids):
        rows = Person.objects.filter(pk__in=some)
        counted = rows.aggregate(all=Count("pk"), same=Count("pk", filter=Q(is_hidden=act.kind == Kind.HIDE)))
        found.rows += counted["all"]
        found.same += counted["same"]
        found.named += visible_faces(user).filter(person__in=some).count()
    found.people = found.rows
    found.owners = list(Person.objects.filter(pk__in=act.ids[:NAMED]).order_by("search"))
    return found


def _of_merge(user: User, act: BulkAct) -> Preview:
    found = Preview(people=act.total, rows=act.total)
    approved = Count("references", filter=Q(references__status=Judgement.APPROVED))
    people = Person.objects.filter(pk__in=act.ids).annotate(approved=approved)
    found.owners = sorted(people, key=lambda person: (-person.approved, person.pk))  # type: ignore[attr-defined]  # annotated
    for person in found.owners[1:]:
        one = preview_merge(person, user)
        found.searchable += one.references
        found.named += one.faces
        found.decided += one.decided
        found.photos += one.photos
    found.joining, found.waiting = found.searchable, changes_since(serving())
    first = visible_references(user).filter(person__in=act.ids, status=Judgement.APPROVED)
    found.pictures = list(first.select_related("person").order_by("person", "pk")[:SHOWN])
    return found


def _of_references(user: User, act: BulkAct) -> Preview:
    found, owners, photos = Preview(), Counter[int](), set[int]()
    build = serving()
    for some in _parts(act.ids):
        rows = Reference.objects.filter(pk__in=some)
        found.rows += rows.count()
        found.same += _already(rows, act).count()
        owners.update(dict(rows.order_by().values_list("person").annotate(Count("pk"))))
        changing = _changing(rows, act)
        found.searchable += changing.count()
        if build is not None:
            vectors = ReferenceVector.objects.filter(embedder_id=build.embedder_id, reference__in=changing)
            found.joining += vectors.count()
        named = visible_faces(user).filter(reference__in=some, decision="", state=Face.State.KNOWN)
        found.named += named.count()
        photos.update(named.values_list("photo_id", flat=True))
    found.people, found.photos, found.waiting = len(owners), len(photos), changes_since(build)
    if act.kind == Kind.APPROVE:
        found.undecided = visible_faces(user).filter(decision="", person__isnull=True).count()
    found.owners = list(Person.objects.filter(pk__in=[pk for pk, _ in owners.most_common(NAMED)]))
    _find_orphans(found, act, list(owners))
    shown = visible_references(user).filter(pk__in=act.ids[: SHOWN * 4]).select_related("person")
    found.pictures = list(shown.order_by("pk")[:SHOWN])
    return found


def _already(rows: QuerySet[Reference], act: BulkAct) -> QuerySet[Reference]:
    wanted = {Kind.APPROVE: "approved", Kind.REJECT: "rejected", Kind.PENDING: "pending"}
    return rows.filter(status=wanted[Kind(act.kind)]) if act.kind in wanted else rows.none()


def _changing(rows: QuerySet[Reference], act: BulkAct) -> QuerySet[Reference]:
    """Those that searches will find newly, no longer, or under another name."""
    rows = rows.filter(person__is_recognised=True)
    if act.kind == Kind.APPROVE:
        return rows.exclude(status=Judgement.APPROVED)
    return rows.filter(status=Judgement.APPROVED)


def _find_orphans(found: Preview, act: BulkAct, owners: list[int]) -> None:
    """People of whom every approved reference goes."""
    if act.kind == Kind.APPROVE:
        return
    going = Counter[int]()
    for some in _parts(act.ids):
        rows = Reference.objects.filter(pk__in=some, status=Judgement.APPROVED)
        going.update(dict(rows.order_by().values_list("person").annotate(Count("pk"))))
    left: list[int] = []
    for some in _parts(owners):
        has = Reference.objects.filter(person__in=some, status=Judgement.APPROVED)
        left += [
            person
            for person, count in has.order_by().values_list("person").annotate(Count("pk"))
            if count == going[person]
        ]
    found.orphans_count = len(left)
    found.orphans = list(Person.objects.filter(pk__in=left[:NAMED]).order_by("search"))

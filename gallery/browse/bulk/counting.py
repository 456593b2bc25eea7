"""What an act on many people or references will change."""

from __future__ import annotations

from collections import Counter

from django.db.models import Count, Q, QuerySet

from gallery.browse.builds import changes_since, serving
from gallery.browse.bulk.preview import Preview
from gallery.compiled import among
from gallery.models import BulkAct, Face, Person, Reference, ReferenceVector, Status, User
from gallery.services.people import preview_merge
from gallery.visibility import counted_faces, visible_faces, visible_references

SHOWN = 60  # pictures
NAMED = 12  # people

Judgement = Reference.Judgement
Kind = BulkAct.Kind


def of_people(user: User, act: BulkAct) -> Preview:
    rows = Person.objects.filter(pk__in=among(act.ids))
    found = Preview(rows=rows.count(), same=rows.filter(is_hidden=act.kind == Kind.HIDE).count())
    found.people = found.rows
    found.named = counted_faces(user).filter(person__in=rows.values("pk")).count()
    found.owners = list(rows.order_by("search")[:NAMED])
    return found


def of_merge(user: User, act: BulkAct) -> Preview:
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


def of_references(user: User, act: BulkAct) -> Preview:
    chosen, build = among(act.ids), serving()
    rows = Reference.objects.filter(pk__in=chosen)
    found = Preview(rows=rows.count(), same=_already(rows, act).count())
    owners = _by_person(rows)
    changing = _changing(rows, act)
    found.searchable = changing.count()
    if build is not None:
        vectors = ReferenceVector.objects.filter(embedder_id=build.embedder_id)
        found.joining = vectors.filter(reference__in=changing.values("pk")).count()
    named = visible_faces(user).filter(reference__in=chosen, decision="", state=Face.State.KNOWN)
    if act.kind == Kind.APPROVE:
        found.undecided = counted_faces(user).filter(decision="", person__isnull=True).count()
    else:
        counted = named.aggregate(faces=Count("pk"), photos=Count("photo", distinct=True))
        found.named, found.photos = counted["faces"], counted["photos"]
        _find_orphans(found, rows)
    found.people, found.waiting = len(owners), changes_since(build)
    found.owners = list(Person.objects.filter(pk__in=[pk for pk, _count in owners.most_common(NAMED)]))
    shown = visible_references(user).filter(pk__in=act.ids[: SHOWN * 4]).select_related("person")
    found.pictures = list(shown.order_by("pk")[:SHOWN])
    return found


def of_embedding(user: User, act: BulkAct) -> Preview:
    """References that get new vectors: those they have are searched until then, so nobody's name is in question."""
    rows, build = Reference.objects.filter(pk__in=among(act.ids)), serving()
    found = Preview(rows=rows.count(), waiting=changes_since(build))
    found.same = found.busy = rows.filter(work__in=(Status.QUEUED, Status.PROCESSING)).count()
    owners = _by_person(rows)
    found.people = len(owners)
    found.owners = list(Person.objects.filter(pk__in=[pk for pk, _count in owners.most_common(NAMED)]))
    if build is not None:
        vectors = ReferenceVector.objects.filter(embedder_id=build.embedder_id)
        found.vectors = vectors.filter(reference__in=rows.values("pk")).count()
    found.joining = rows.filter(status=Judgement.APPROVED, person__is_recognised=True).count()
    shown = visible_references(user).filter(pk__in=act.ids[: SHOWN * 4]).select_related("person")
    found.pictures = list(shown.order_by("pk")[:SHOWN])
    return found


def _by_person(rows: QuerySet[Reference]) -> Counter[int]:
    return Counter(dict(rows.order_by().values_list("person").annotate(Count("pk"))))


def _already(rows: QuerySet[Reference], act: BulkAct) -> QuerySet[Reference]:
    wanted = {Kind.APPROVE: "approved", Kind.REJECT: "rejected", Kind.PENDING: "pending"}
    return rows.filter(status=wanted[Kind(act.kind)]) if act.kind in wanted else rows.none()


def _changing(rows: QuerySet[Reference], act: BulkAct) -> QuerySet[Reference]:
    """Those that searches will find newly, no longer, or under another name."""
    rows = rows.filter(person__is_recognised=True)
    if act.kind == Kind.APPROVE:
        return rows.exclude(status=Judgement.APPROVED)
    return rows.filter(status=Judgement.APPROVED)


def _find_orphans(found: Preview, rows: QuerySet[Reference]) -> None:
    """People of whom every approved reference goes."""
    going = _by_person(rows.filter(status=Judgement.APPROVED))
    have = _by_person(Reference.objects.filter(person__in=among(list(going)), status=Judgement.APPROVED))
    left = [person for person, count in have.items() if count == going[person]]
    found.orphans_count = len(left)
    found.orphans = list(Person.objects.filter(pk__in=left[:NAMED]).order_by("search"))

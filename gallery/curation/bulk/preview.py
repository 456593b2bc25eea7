"""What a bulk act will change: counted before it is done, as far as the user may know of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Q, QuerySet

from gallery.index.selectors import count_changes_since, get_serving_build
from gallery.models import (
    Album,
    BulkAct,
    Decision,
    Face,
    Person,
    Photo,
    Reference,
    ReferenceVector,
    Status,
    User,
)
from gallery.models.curation import PHOTO_ACT_KINDS
from gallery.models.querysets import ReferenceQuerySet, among_ids
from gallery.people.services import preview_merge


@dataclass(slots=True)
class BulkPreview:
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
    # of acts on photos
    faces: int = 0  # in them
    vectors: int = 0  # of these that can be compared; of references, those that have one
    cut: int = 0  # references that were cut from these faces: they stay as they are
    albums: list[Album] = field(default_factory=list)  # that they are in now
    albums_count: int = 0
    limited: int = 0  # photos that only chosen users see now
    busy: int = 0  # rows that wait or are worked on already
    shown: list[Photo] = field(default_factory=list)


MAX_SHOWN_REFERENCES = 60  # pictures
MAX_NAMED_PEOPLE = 12  # people

Judgement = Reference.Judgement
CountedKind = BulkAct.Kind


def preview_people_act(user: User, act: BulkAct) -> BulkPreview:
    rows = Person.objects.filter(pk__in=among_ids(act.ids))
    found = BulkPreview(rows=rows.count(), same=rows.filter(is_hidden=act.kind == CountedKind.HIDE).count())
    found.people = found.rows
    found.named = Face.objects.visible_to(user).filter(person__in=rows.values("pk")).count()
    found.owners = list(rows.order_by("search")[:MAX_NAMED_PEOPLE])
    return found


def preview_merge_act(user: User, act: BulkAct) -> BulkPreview:
    found = BulkPreview(people=act.total, rows=act.total)
    approved = Count("references", filter=Q(references__status=Judgement.APPROVED))
    people = Person.objects.filter(pk__in=act.ids).annotate(approved=approved)
    found.owners = sorted(people, key=lambda person: (-person.approved, person.pk))  # type: ignore[attr-defined]  # annotated
    for person in found.owners[1:]:
        one = preview_merge(person, user)
        found.searchable += one.references
        found.named += one.faces
        found.decided += one.decided
        found.photos += one.photos
    found.joining, found.waiting = found.searchable, count_changes_since(get_serving_build())
    first = Reference.objects.visible_to(user).approved().filter(person__in=act.ids)
    found.pictures = list(first.select_related("person").order_by("person", "pk")[:MAX_SHOWN_REFERENCES])
    return found


def preview_references_act(user: User, act: BulkAct) -> BulkPreview:
    chosen, build = among_ids(act.ids), get_serving_build()
    rows = Reference.objects.filter(pk__in=chosen)
    found = BulkPreview(rows=rows.count(), same=_get_unchanged_references(rows, act).count())
    owners = _count_by_person(rows)
    changing = _get_changing_references(rows, act)
    found.searchable = changing.count()
    if build is not None:
        vectors = ReferenceVector.objects.filter(embedder_id=build.embedder_id)
        found.joining = vectors.filter(reference__in=changing.values("pk")).count()
    named = Face.objects.visible_to(user).undecided().filter(reference__in=chosen, state=Face.State.KNOWN)
    if act.kind == CountedKind.APPROVE:
        found.undecided = Face.objects.visible_to(user).unnamed().count()
    else:
        counted = named.aggregate(faces=Count("pk"), photos=Count("photo", distinct=True))
        found.named, found.photos = counted["faces"], counted["photos"]
        _find_orphaned_people(found, rows)
    found.people, found.waiting = len(owners), count_changes_since(build)
    found.owners = list(
        Person.objects.filter(pk__in=[pk for pk, _count in owners.most_common(MAX_NAMED_PEOPLE)])
    )
    shown = (
        Reference.objects.visible_to(user)
        .filter(pk__in=act.ids[: MAX_SHOWN_REFERENCES * 4])
        .select_related("person")
    )
    found.pictures = list(shown.order_by("pk")[:MAX_SHOWN_REFERENCES])
    return found


def preview_embedding_act(user: User, act: BulkAct) -> BulkPreview:
    """References that get new vectors: those they have are searched until then, so nobody's name is in question."""
    rows, build = Reference.objects.filter(pk__in=among_ids(act.ids)), get_serving_build()
    found = BulkPreview(rows=rows.count(), waiting=count_changes_since(build))
    found.same = found.busy = rows.filter(work__in=(Status.QUEUED, Status.PROCESSING)).count()
    owners = _count_by_person(rows)
    found.people = len(owners)
    found.owners = list(
        Person.objects.filter(pk__in=[pk for pk, _count in owners.most_common(MAX_NAMED_PEOPLE)])
    )
    if build is not None:
        vectors = ReferenceVector.objects.filter(embedder_id=build.embedder_id)
        found.vectors = vectors.filter(reference__in=rows.values("pk")).count()
    found.joining = rows.approved().filter(person__is_recognised=True).count()
    shown = (
        Reference.objects.visible_to(user)
        .filter(pk__in=act.ids[: MAX_SHOWN_REFERENCES * 4])
        .select_related("person")
    )
    found.pictures = list(shown.order_by("pk")[:MAX_SHOWN_REFERENCES])
    return found


def _count_by_person(rows: ReferenceQuerySet) -> Counter[int]:
    return Counter(dict(rows.order_by().values_list("person").annotate(Count("pk"))))


def _get_unchanged_references(rows: ReferenceQuerySet, act: BulkAct) -> ReferenceQuerySet:
    wanted = {CountedKind.APPROVE: "approved", CountedKind.REJECT: "rejected", CountedKind.PENDING: "pending"}
    return rows.filter(status=wanted[CountedKind(act.kind)]) if act.kind in wanted else rows.none()


def _get_changing_references(rows: ReferenceQuerySet, act: BulkAct) -> ReferenceQuerySet:
    """Those that searches will find newly, no longer, or under another name."""
    rows = rows.filter(person__is_recognised=True)
    if act.kind == CountedKind.APPROVE:
        return rows.exclude(status=Judgement.APPROVED)
    return rows.approved()


def _find_orphaned_people(found: BulkPreview, rows: ReferenceQuerySet) -> None:
    """People of whom every approved reference goes."""
    going = _count_by_person(rows.approved())
    have = _count_by_person(Reference.objects.approved().filter(person__in=among_ids(going)))
    left = [person for person, count in have.items() if count == going[person]]
    found.orphans_count = len(left)
    found.orphans = list(Person.objects.filter(pk__in=left[:MAX_NAMED_PEOPLE]).order_by("search"))


MAX_SHOWN_PHOTOS = 60  # pictures
MAX_NAMED_IN_PHOTOS = 12  # people, albums

PhotoActKind = BulkAct.Kind
# Photos that are so already, or that the act leaves out
UNCHANGED_PHOTOS = {
    PhotoActKind.STOP_RECOGNISING: Q(is_recognised=False),
    PhotoActKind.RECOGNISE: Q(is_recognised=True),
    PhotoActKind.TRASH: Q(trashed_at__isnull=False),
    PhotoActKind.RESTORE: Q(trashed_at__isnull=True),
    PhotoActKind.NO_ALBUM: Q(album__isnull=True),
    PhotoActKind.PROCESS: Q(trashed_at__isnull=False) | Q(work__in=(Status.QUEUED, Status.PROCESSING)),
}


def preview_photos_act(user: User, act: BulkAct) -> BulkPreview:
    rows = Photo.objects.viewable_by(user).filter(pk__in=among_ids(act.ids))
    same = UNCHANGED_PHOTOS.get(PhotoActKind(act.kind), Q(pk__in=[]))
    counted = rows.order_by().aggregate(
        rows=Count("pk"),
        same=Count("pk", filter=same),
        limited=Count("pk", filter=Q(album__is_limited=True)),
        albums=Count("album", distinct=True),
    )
    found = BulkPreview(rows=counted["rows"], same=counted["same"], limited=counted["limited"])
    found.albums_count = counted["albums"]
    changing = rows.exclude(same).order_by()
    _count_photo_faces(found, changing.values("pk"))
    albums = Album.objects.visible_to(user).filter(pk__in=changing.values("album"))
    found.albums = list(albums.order_by("search")[:MAX_NAMED_IN_PHOTOS])
    found.waiting = count_changes_since(get_serving_build())
    found.shown = list(rows.filter(pk__in=act.ids[: MAX_SHOWN_PHOTOS * 4]).order_by("pk")[:MAX_SHOWN_PHOTOS])
    return found


def _count_photo_faces(found: BulkPreview, photos: QuerySet[Photo, Any]) -> None:
    faces = Face.objects.filter(photo__in=photos).exclude(decision=Decision.NOT_A_FACE).order_by()
    counted = faces.aggregate(
        faces=Count("pk"),
        vectors=Count("pk", filter=Q(embedding__isnull=False)),
        named=Count("pk", filter=Q(decision="", person__isnull=False)),
        decided=Count("pk", filter=Q(decision=Decision.CONFIRMED)),
        people=Count("person", distinct=True),
    )
    for name, value in counted.items():
        setattr(found, name, value)
    seen = faces.filter(person__isnull=False).values("person")
    found.owners = list(Person.objects.filter(pk__in=seen).order_by("search")[:MAX_NAMED_IN_PHOTOS])
    found.cut = Reference.objects.filter(source_face__photo__in=photos).count()


def list_choosable_albums(user: User, most: int = 1_000) -> list[Album]:
    return list(
        Album.objects.visible_to(user)
        .order_by("search", "pk")
        .only("pk", "name", "is_limited", "date")[:most]
    )


ActKind = BulkAct.Kind


def preview_bulk_act(user: User, act: BulkAct) -> BulkPreview:
    if act.kind in (ActKind.HIDE, ActKind.SHOW):
        return preview_people_act(user, act)
    if act.kind == ActKind.MERGE:
        return preview_merge_act(user, act)
    if act.kind == ActKind.EMBED:
        return preview_embedding_act(user, act)
    if act.kind in PHOTO_ACT_KINDS:
        return preview_photos_act(user, act)
    return preview_references_act(user, act)

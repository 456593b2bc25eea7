"""What a bulk act will change: counted before it is done, as far as the user may know of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from django.db.models import Count, Q

from gallery.index.selectors import count_waiting_changes, get_serving_build
from gallery.models import (
    Album,
    AlbumPhoto,
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
from gallery.models.querysets import ReferenceQuerySet, among_ids
from gallery.people.selectors import count_references_by_person
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
    shown: list[Photo] = field(default_factory=list)


MAX_SHOWN_PICTURES = 60
MAX_NAMED = 12  # people, albums
Judgement = Reference.Judgement
BulkKind = BulkAct.Kind
BUSY = Q(work__in=(Status.QUEUED, Status.PROCESSING))
# Rows that are so already, or that the act leaves out
UNCHANGED_ROWS: dict[str, Q] = {
    BulkKind.HIDE: Q(is_hidden=True),
    BulkKind.SHOW: Q(is_hidden=False),
    BulkKind.APPROVE: Q(status=Judgement.APPROVED),
    BulkKind.REJECT: Q(status=Judgement.REJECTED),
    BulkKind.PENDING: Q(status=Judgement.PENDING),
    BulkKind.MOVE: Q(pk__in=[]),
    BulkKind.EMBED: BUSY,
    BulkKind.STOP_RECOGNISING: Q(is_recognised=False),
    BulkKind.RECOGNISE: Q(is_recognised=True),
    BulkKind.TRASH: Q(trashed_at__isnull=False),
    BulkKind.RESTORE: Q(trashed_at__isnull=True),
    BulkKind.ALBUM: Q(pk__in=[]),
    BulkKind.NO_ALBUM: ~Q(pk__in=AlbumPhoto.objects.values("photo")),  # a join would count each album
    BulkKind.PROCESS: Q(trashed_at__isnull=False) | BUSY,
}


def preview_bulk_act(user: User, act: BulkAct) -> BulkPreview:
    found = BulkPreview(waiting=count_waiting_changes())
    if act.is_of_photos:
        _preview_photos(found, user, act)
    elif act.kind == BulkKind.MERGE:
        _preview_merge(found, user, act)
    elif act.kind in (BulkKind.HIDE, BulkKind.SHOW):
        _preview_people(found, user, act)
    else:
        _preview_references(found, user, act)
    return found


def _preview_people(found: BulkPreview, user: User, act: BulkAct) -> None:
    rows = Person.objects.filter(pk__in=among_ids(act.ids))
    found.rows = found.people = rows.count()
    found.same = rows.filter(UNCHANGED_ROWS[act.kind]).count()
    found.named = Face.objects.visible_to(user).filter(person__in=rows.values("pk")).count()
    found.owners = list(rows.order_by("search")[:MAX_NAMED])


def _preview_merge(found: BulkPreview, user: User, act: BulkAct) -> None:
    found.people = found.rows = act.total
    approved = count_references_by_person(user, act.ids)
    people = Person.objects.filter(pk__in=act.ids).order_by("pk")
    found.owners = sorted(people, key=lambda person: -approved.get(person.pk, 0))
    for person in found.owners:
        person.approved = approved.get(person.pk, 0)  # type: ignore[attr-defined]  # as an annotation would
    for person in found.owners[1:]:
        one = preview_merge(person, user)
        found.searchable += one.references
        found.named += one.faces
        found.decided += one.decided
        found.photos += one.photos
    found.joining = found.searchable
    first = Reference.objects.visible_to(user).approved().filter(person__in=act.ids)
    found.pictures = list(first.select_related("person").order_by("person", "pk")[:MAX_SHOWN_PICTURES])


def _preview_references(found: BulkPreview, user: User, act: BulkAct) -> None:
    rows = Reference.objects.filter(pk__in=among_ids(act.ids))
    found.rows, found.same = rows.count(), rows.filter(UNCHANGED_ROWS[act.kind]).count()
    owners = _count_by_person(rows)
    found.people = len(owners)
    most = [pk for pk, _count in owners.most_common(MAX_NAMED)]
    found.owners = list(Person.objects.filter(pk__in=most))
    shown = Reference.objects.visible_to(user).filter(pk__in=act.ids[: MAX_SHOWN_PICTURES * 4])
    found.pictures = list(shown.select_related("person").order_by("pk")[:MAX_SHOWN_PICTURES])
    build = get_serving_build()
    vectors = ReferenceVector.objects.filter(embedder_id=build.embedder_id if build else "")
    changing = rows.filter(person__is_recognised=True)
    if (
        act.kind == BulkKind.EMBED
    ):  # the vectors they have are searched until then: nobody's name is in question
        found.vectors = vectors.filter(reference__in=rows.values("pk")).count()
        found.joining = changing.approved().count()
        return
    is_joining = act.kind == BulkKind.APPROVE
    changing = changing.exclude(status=Judgement.APPROVED) if is_joining else changing.approved()
    found.searchable = changing.count()
    found.joining = vectors.filter(reference__in=changing.values("pk")).count()
    if is_joining:
        found.undecided = Face.objects.visible_to(user).unnamed().count()
        return
    named = Face.objects.visible_to(user).undecided().filter(state=Face.State.KNOWN)
    counted = named.filter(reference__in=among_ids(act.ids)).aggregate(
        faces=Count("pk"), photos=Count("photo", distinct=True)
    )
    found.named, found.photos = counted["faces"], counted["photos"]
    going = _count_by_person(rows.approved())
    have = _count_by_person(Reference.objects.approved().filter(person__in=among_ids(going)))
    left = [person for person, count in have.items() if count == going[person]]
    found.orphans_count = len(left)
    found.orphans = list(Person.objects.filter(pk__in=left[:MAX_NAMED]).order_by("search"))


def _count_by_person(rows: ReferenceQuerySet) -> Counter[int]:
    return Counter(dict(rows.order_by().values_list("person").annotate(Count("pk"))))


def _preview_photos(found: BulkPreview, user: User, act: BulkAct) -> None:
    rows, same = Photo.objects.viewable_by(user).filter(pk__in=among_ids(act.ids)), UNCHANGED_ROWS[act.kind]
    counts = rows.order_by().aggregate(
        rows=Count("pk"),
        same=Count("pk", filter=same),
    )
    changing = rows.exclude(same).order_by()
    albums = Album.objects.visible_to(user).filter(photos__in=changing.values("pk")).distinct()
    counts["limited"] = rows.limited().count()
    counts["albums_count"] = albums.order_by().count()
    faces = Face.objects.filter(photo__in=changing.values("pk")).exclude(decision=Decision.NOT_A_FACE)
    counts |= faces.order_by().aggregate(
        faces=Count("pk"),
        vectors=Count("pk", filter=Q(embedding__isnull=False)),
        named=Count("pk", filter=Q(decision="", person__isnull=False)),
        decided=Count("pk", filter=Q(decision=Decision.CONFIRMED)),
        people=Count("person", distinct=True),
    )
    for name, count in counts.items():
        setattr(found, name, count)
    seen = faces.order_by().filter(person__isnull=False).values("person")
    found.owners = list(Person.objects.filter(pk__in=seen).order_by("search")[:MAX_NAMED])
    found.cut = Reference.objects.filter(source_face__photo__in=changing.values("pk")).count()
    found.albums = list(albums.order_by("search")[:MAX_NAMED])
    found.shown = list(
        rows.filter(pk__in=act.ids[: MAX_SHOWN_PICTURES * 4]).order_by("pk")[:MAX_SHOWN_PICTURES]
    )


def list_choosable_albums(user: User, most: int = 1_000) -> list[Album]:
    albums = Album.objects.visible_to(user).order_by("search", "pk")
    return list(albums.only("pk", "name", "is_limited", "date")[:most])

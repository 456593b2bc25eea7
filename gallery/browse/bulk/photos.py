"""What an act on many photos will change; in a constant number of queries, however many they are."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Q, QuerySet

from gallery.browse.builds import changes_since, serving
from gallery.browse.bulk.preview import Preview
from gallery.compiled import among
from gallery.models import Album, BulkAct, Decision, Face, Person, Photo, Reference, Status, User
from gallery.visibility import viewable_photos, visible_albums

SHOWN = 60  # pictures
NAMED = 12  # people, albums

Kind = BulkAct.Kind
# Photos that are so already, or that the act leaves out
SAME = {
    Kind.STOP_RECOGNISING: Q(is_recognised=False),
    Kind.RECOGNISE: Q(is_recognised=True),
    Kind.TRASH: Q(trashed_at__isnull=False),
    Kind.RESTORE: Q(trashed_at__isnull=True),
    Kind.NO_ALBUM: Q(album__isnull=True),
    Kind.PROCESS: Q(trashed_at__isnull=False) | Q(work__in=(Status.QUEUED, Status.PROCESSING)),
}


def of_photos(user: User, act: BulkAct) -> Preview:
    rows = viewable_photos(user).filter(pk__in=among(act.ids))
    same = SAME.get(Kind(act.kind), Q(pk__in=[]))
    counted = rows.order_by().aggregate(
        rows=Count("pk"),
        same=Count("pk", filter=same),
        limited=Count("pk", filter=Q(album__is_limited=True)),
        albums=Count("album", distinct=True),
    )
    found = Preview(rows=counted["rows"], same=counted["same"], limited=counted["limited"])
    found.albums_count = counted["albums"]
    changing = rows.exclude(same).order_by()
    _count_faces(found, changing.values("pk"))
    albums = visible_albums(user).filter(pk__in=changing.values("album"))
    found.albums = list(albums.order_by("search")[:NAMED])
    found.waiting = changes_since(serving())
    found.shown = list(rows.filter(pk__in=act.ids[: SHOWN * 4]).order_by("pk")[:SHOWN])
    return found


def _count_faces(found: Preview, photos: QuerySet[Photo, Any]) -> None:
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
    found.owners = list(Person.objects.filter(pk__in=seen).order_by("search")[:NAMED])
    found.cut = Reference.objects.filter(source_face__photo__in=photos).count()


def albums_to_choose(user: User, most: int = 1_000) -> list[Album]:
    return list(visible_albums(user).order_by("search", "pk").only("pk", "name", "is_limited", "date")[:most])

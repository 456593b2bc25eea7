"""Albums, search, the history and its undo, the index and the jobs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from django.http import QueryDict
from django.shortcuts import get_object_or_404
from ninja import Query, Status

from gallery.api.base import ApiRequest, api
from gallery.api.people import show_people
from gallery.api.photos import ORDERS, PHOTOS_PER_PAGE, show_photos
from gallery.api.schemas import (
    ActOut,
    AlbumIn,
    AlbumOut,
    BuildOut,
    EventOut,
    FailedJobOut,
    FoundOut,
    IdCursor,
    JobKindOut,
    JobsOut,
    Page,
    PhotoCursor,
    PhotoOrderWord,
    PlaceCursor,
)
from gallery.core.pagination import PageCursor
from gallery.history.selectors import get_history_page, list_history_events, visible_events
from gallery.history.undo import undo_event_as_shown
from gallery.index.selectors import get_build_list
from gallery.jobs.selectors import build_jobs_page
from gallery.models import Album, ApiScope, Photo, Role
from gallery.people.selectors import list_people
from gallery.photos.albums import create_album, get_album_page, list_album_cards, list_albums
from gallery.photos.ordering import paginate_photos
from gallery.photos.search import parse_search_query, search_albums, search_photos

MAX_FOUND_PEOPLE, MAX_FOUND_ALBUMS = 12, 8


def show_albums(albums: Iterable[Album]) -> list[AlbumOut]:
    return [
        AlbumOut(
            id=card.album.pk,
            name=card.album.name,
            date=card.album.date,
            note=card.album.note,
            limited=card.album.is_limited,
            photos=card.photos,
        )
        for card in list_album_cards(albums)
    ]


@api.call(
    "GET",
    "/albums",
    ApiScope.READ,
    response=Page[AlbumOut],
    tags=["albums"],
    summary="Albums, the latest event first",
)
def find_albums(request: ApiRequest, cursor: Query[PlaceCursor | None] = None) -> Page[AlbumOut]:
    rows, following = get_album_page(list_albums(request.user), PageCursor.read(cursor or ""))
    return Page(items=show_albums(rows), next=str(following) if following else None)


@api.call(
    "POST",
    "/albums",
    ApiScope.UPLOAD,
    Role.CONTRIBUTOR,
    response={201: AlbumOut},
    tags=["albums"],
    summary="A new album",
)
def add_album(request: ApiRequest, album: AlbumIn) -> Status[AlbumOut]:
    made = create_album(request.user, album.name, date=album.date, note=album.note, is_limited=album.limited)
    return Status(201, show_albums([made])[0])


@api.call(
    "GET", "/search", ApiScope.READ, response=FoundOut, tags=["search"], summary="Photos, people and albums"
)
def search_everything(
    request: ApiRequest,
    q: str,
    order: Query[PhotoOrderWord] = "added",
    cursor: Query[PhotoCursor | None] = None,
) -> FoundOut:
    """`q` as in the site's search box: a name, an album, a date, a file name; "Anna, Bảo, -Eva" are people."""
    query = QueryDict(mutable=True)
    query["q"] = q
    user = request.user
    asked = parse_search_query(user, query)
    page = paginate_photos(search_photos(user, asked), ORDERS[order], cursor, PHOTOS_PER_PAGE)
    people = list_people(text=asked.text)[:MAX_FOUND_PEOPLE] if asked.text else []
    photos = Page(items=show_photos(user, page.rows), next=str(page.after) if page.after else None)
    return FoundOut(
        photos=photos,
        people=show_people(user, list(people)),
        albums=show_albums(search_albums(user, asked)[:MAX_FOUND_ALBUMS]),
    )


@api.call(
    "GET",
    "/builds",
    ApiScope.READ,
    Role.CURATOR,
    response=Page[BuildOut],
    tags=["site"],
    summary="Versions of the index, the newest first",
)
def list_builds(request: ApiRequest, cursor: Query[IdCursor | None] = None) -> Page[BuildOut]:
    page = get_build_list(Photo.objects.visible_to(request.user), cursor)
    items = [
        BuildOut(
            id=build.pk,
            status=cast("Any", build.work),
            reason=build.failure_text or None,
            embedder=build.embedder_id,
            contents=cast("Any", build.contents),
            active=build.is_active,
            vectors=build.vectors,
            index=build.index_key,
            recall=build.recall,
            milliseconds=build.milliseconds,
            created=build.created_at,
        )
        for build in page.rows
    ]
    return Page(items=items, next=str(page.after) if page.after else None)


@api.call(
    "GET",
    "/jobs",
    ApiScope.READ,
    Role.CURATOR,
    response=JobsOut,
    tags=["site"],
    summary="What the workers do",
)
def get_jobs(request: ApiRequest) -> JobsOut:
    page = build_jobs_page(request.user)
    return JobsOut(
        kinds=[
            JobKindOut(
                kind=line.kind.name,
                title=str(line.kind.title),
                waiting=line.waiting,
                running=line.running,
                failed=line.failed,
                aside=line.aside,
            )
            for line in page.lines
        ],
        failures=[
            FailedJobOut(
                kind=one.kind, id=one.pk, label=str(one.label), reason=one.reason, remedy=str(one.remedy)
            )
            for one in page.failures
        ],
        paused=page.is_paused,
        has_worker=page.has_worker,
        minutes_left=page.minutes_left,
    )


@api.call(
    "GET",
    "/history",
    ApiScope.READ,
    Role.CONTRIBUTOR,
    response=Page[EventOut],
    tags=["history"],
    summary="What was done, the latest first",
)
def list_history(request: ApiRequest, cursor: Query[IdCursor | None] = None) -> Page[EventOut]:
    events = list_history_events(request.user, actor=None, person=None, photo=None)
    entries, page = get_history_page(request.user, events, cursor)
    items = [
        EventOut(
            id=entry.event.pk,
            at=entry.event.at,
            actor=str(entry.event.actor) if entry.event.actor else None,
            verb=entry.event.verb,
            description=entry.says,
            undone=entry.event.undone_at is not None,
            can_undo=entry.may_undo,
        )
        for entry in entries
    ]
    return Page(items=items, next=str(page.after) if page.after else None)


@api.call(
    "POST",
    "/history/{int:pk}/undo",
    ApiScope.CURATE,
    Role.CONTRIBUTOR,
    response=ActOut,
    tags=["history"],
    summary="Take an act back",
)
def undo_event(request: ApiRequest, pk: int) -> ActOut:
    """409 where it cannot be taken back, or not without losing what was decided since. An undo can be undone."""
    event = get_object_or_404(visible_events(request.user), pk=pk)
    return ActOut(event=undo_event_as_shown(request.user, event).pk)

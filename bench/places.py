"""The addresses of all list and detail pages of a made-up site, the worst rows among them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from urllib.parse import quote

from django.urls import reverse
from django.utils import timezone

from bench.crowd import Crowd

Pages = list[tuple[str, str]]
LISTS = ("home", "people", "albums", "photos", "trash", "review", "unknown", "history", "jobs", "builds")
OTHERS = (
    "upload",
    "calibration",
    "account",
    "search",
    "consents",
    "gallery_health",
    "person_new",
    "album_new",
)
TABLES = ("person", "reference", "photo", "face", "album", "event", "bulkact", "build", "calibration")
OF_PERSON = ("split", "merge", "edit", "consent", "recognition")


def curators_pages(crowd: Crowd) -> Pages:
    from gallery.models import Photo
    from gallery.models.photos import PhotoOrder
    from gallery.photos.ordering import get_after

    photo, late = crowd.photos[len(crowd.photos) // 2], crowd.photos[len(crowd.photos) // 10]
    late_in_order = quote(get_after(Photo.objects.get(pk=late), PhotoOrder.LATEST))
    person, album, face = crowd.person, _album(crowd), _face(crowd)
    pages = [(name, reverse(name)) for name in (*LISTS, *OTHERS)]
    pages += [(name, reverse(f"person_{name}", args=(person,))) for name in OF_PERSON]
    pages += [
        ("person (on most photos)", reverse("person", args=(person,))),
        ("person, together (fragment)", reverse("person", args=(person,)) + "?together=1"),
        ("person, late page", reverse("person", args=(person,)) + f"?after={late_in_order}"),
        ("photo", reverse("photo", args=(photo,))),
        ("photo state (fragment)", reverse("photo_state", args=(photo,))),
        ("photo, recognition", reverse("photo_recognition", args=(photo,))),
        ("photos, progress (fragment)", reverse("photo_progress") + f"?ids={_joined(crowd.photos[:100])}"),
        ("album", reverse("album", args=(album,))),
        *((f"album, {name}", reverse(f"album_{name}", args=(album,))) for name in ("edit", "share")),
        ("photos, timeline", reverse("timeline") + "?in=photos:"),
        ("photos, slides (fragment)", reverse("slides") + "?in=photos:"),
        ("photos, late page", reverse("photos") + f"?after={late_in_order}"),
        ("history, late page", reverse("history") + "?after=100"),
        ("face (fragment)", reverse("face", args=(face,))),
        ("review, decided (fragment)", reverse("review_decided") + f"?ids={face}"),
        ("review, card (fragment)", reverse("review_card", args=(face,))),
        ("unknown group", reverse("unknown_group", args=(1,))),
        ("unknown, single", reverse("unknown_others", args=("single",))),
        ("build", reverse("build", args=(_build(),))),
        ("people, by name", reverse("people") + "?name=nguyen"),
        ("suggest", reverse("people_suggest") + "?name=ng"),
        ("search, by text", reverse("search") + "?q=nguyen"),
        ("search, by people", reverse("search") + f"?with={person}"),
        *(
            (f"photos, {kind}", reverse("photos") + f"?show={kind}")
            for kind in ("unnamed", "unsure", "failed")
        ),
    ]
    return pages + _last_pages() + _health() + _admin(crowd)


def _build() -> int:
    from gallery.models import Build

    return Build.objects.values_list("pk", flat=True).earliest("pk")


def _joined(ids: Iterable[int]) -> str:
    return ",".join(map(str, ids))


def _last_pages() -> Pages:
    """Where following "more" from page to page would end up."""
    from gallery.core.pagination import PageCursor
    from gallery.models import Album, Candidate, Person

    last = Candidate.objects.filter(rank=0, face__state="unsure").order_by("-person_id", "similarity").first()
    after = f"{last.person_id}:0.99:0" if last else ""
    person, album = Person.objects.order_by("-search")[5], Album.objects.order_by("date")[1]
    marks = {"people": PageCursor(person.pk, person.search), "albums": PageCursor(album.pk, f"{album.date}")}
    return [
        ("review, late page", reverse("review") + f"?after={after}"),
        *(
            (f"{name}, late page", reverse(name) + f"?after={quote(str(mark))}")
            for name, mark in marks.items()
        ),
    ]


def _health() -> Pages:
    from gallery.models import Finding

    lists = [(f"health, {kind}", reverse("worklist", args=(kind,))) for kind in Finding.Kind.values]
    first = Finding.objects.filter(kind="wrong").order_by("pk").values_list("pk", flat=True)[:20]
    return [
        *lists,
        (
            "health, late page of poor",
            reverse("worklist", args=("poor",)) + f"?after=0.0:{_late('reference')}",
        ),
        ("health, late page of wrong", reverse("worklist", args=("wrong",)) + "?after=0.3:0"),
        ("health, card (fragment)", reverse("worklist_card", args=("wrong", first[0]))),
        (
            "health, decided (fragment)",
            reverse("worklist_decided", args=("wrong",)) + f"?ids={_joined(first)}",
        ),
    ]


def _late(table: str) -> int:
    """The id of a row near the end of its table."""
    from django.apps import apps

    ids = apps.get_model("gallery", table)._default_manager.order_by("-pk").values_list("pk", flat=True)
    return int(ids[ids.count() // 20])


def _admin(crowd: Crowd) -> Pages:
    """The admin's lists at their beginning and at their end, what is in the middle of them, and each one's page."""
    rows = {name: _late(name) for name in TABLES} | {"person": crowd.person, "event": _event(crowd)}
    lists = {name: reverse(f"admin:gallery_{name}_changelist") for name in TABLES}
    references = lists["reference"]
    return [
        ("admin", reverse("admin:index")),
        *((f"admin {name}", address) for name, address in lists.items()),
        *((f"admin {name}, late page", f"{address}?p={_pages(name)}") for name, address in lists.items()),
        *(
            (f"admin {name}, one", reverse(f"admin:gallery_{name}_change", args=(pk,)))
            for name, pk in rows.items()
        ),
        ("admin reference, middle page", f"{references}?p={max(1, _pages('reference') // 2)}"),
        ("admin face, middle page", f"{lists['face']}?p={max(1, _pages('face') // 2)}"),
        *(
            (f"admin person, most {kind}", f"{lists['person']}?o=-{o}")
            for kind, o in (("references", 3), ("faces", 4))
        ),
        ("admin reference, pending, late page", f"{references}?status__exact=pending&p=2"),
        *(
            (f"admin reference, {kind}", f"{references}?quality={kind}")
            for kind in ("poor", "small", "unmeasured")
        ),
        *((f"admin reference, health {kind}", f"{references}?health={kind}") for kind in ("poor", "wrong")),
        ("admin reference, no vector", f"{references}?embedder=none"),
        ("admin reference, by name", f"{references}?q=nguyen+7"),
        ("admin person, by name", f"{lists['person']}?q=nguyen+7"),
        ("admin person, single reference", f"{lists['person']}?references=one"),
        ("admin person, to judge", f"{lists['person']}?pending=yes"),
        ("admin person, new pictures", reverse("admin:gallery_person_pictures", args=(crowd.person,))),
        ("admin type-ahead", reverse("admin:autocomplete") + _typed("gallery", "reference", "person", "ng")),
    ]


def _event(crowd: Crowd) -> int:
    from gallery.models import Event

    return Event.objects.get(object_type="photo", object_id=crowd.photos[1]).pk


def _typed(app: str, model: str, field: str, term: str) -> str:
    return f"?app_label={app}&model_name={model}&field_name={field}&term={term}"


def _pages(table: str) -> int:
    """A page near the end of the admin's list, which leaves some rows out: those in the trash, say."""
    from django.apps import apps

    from gallery.admin.base import GalleryModelAdmin

    count: int = apps.get_model("gallery", table)._default_manager.count()
    return max(1, count * 9 // (10 * GalleryModelAdmin.list_per_page))


def administrators_pages(crowd: Crowd) -> Pages:
    """What only administrators see."""
    from gallery.models import Erasure

    receipt = Erasure.objects.order_by("pk").values_list("receipt", flat=True)[0]
    return [
        *((name, reverse(name)) for name in ("audit", "backups", "erasures")),
        ("erasure", reverse("erasure", args=(receipt,))),
        ("person, what is known", reverse("person_export", args=(crowd.person,))),
        ("person, erasing", reverse("person_erase", args=(crowd.person,))),
        ("photo, erasing", reverse("photo_erase", args=(crowd.photos[0],))),
        ("user, erasing", reverse("user_erase", args=(crowd.curator.pk,))),
        *((f"admin {name}", reverse(f"admin:gallery_{name}_changelist")) for name in ("user", "invitation")),
        ("admin user, one", reverse("admin:gallery_user_change", args=(crowd.curator.pk,))),
    ]


def shared_pages(crowd: Crowd) -> Pages:
    """An album open to whoever has its address."""
    from gallery.models import ShareLink
    from gallery.models.accounts import hash_token

    token = "made-up" * 8
    ShareLink.objects.create(
        album_id=_album(crowd), token_hash=hash_token(token), expires_at=timezone.now() + timedelta(days=9)
    )
    return [
        ("shared album", reverse("shared_album", args=(token,))),
        ("shared photo", reverse("shared_photo", args=(token, crowd.photos[1]))),
    ]


def _album(crowd: Crowd) -> int:
    from gallery.models import Photo

    return Photo.objects.get(pk=crowd.photos[1]).albums.order_by("pk")[0].pk


def _face(crowd: Crowd) -> int:
    from gallery.models import Face

    faces = Face.objects.filter(photo=crowd.photos[1])
    face: Face = faces.filter(state="unsure").first() or faces[0]
    return face.pk

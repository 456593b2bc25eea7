"""The addresses of all list and detail pages of a made-up site, the worst rows among them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone

from bench.crowd import Crowd

Pages = list[tuple[str, str]]
LISTS = ("home", "people", "albums", "photos", "trash", "review", "unknown", "history", "jobs", "builds")
TABLES = ("person", "reference", "photo", "build", "calibration")


def curators_pages(crowd: Crowd) -> Pages:
    person, photo, album = crowd.people[0], crowd.photos[len(crowd.photos) // 2], crowd.photos[1].album_id
    late = crowd.photos[len(crowd.photos) // 10].pk
    pages = [(name, reverse(name)) for name in (*LISTS, "upload", "calibration", "account", "search")]
    pages += [
        ("person (on most photos)", reverse("person", args=(person.pk,))),
        ("person, late page", reverse("person", args=(person.pk,)) + f"?after={late}"),
        ("photo", reverse("photo", args=(photo.pk,))),
        ("album", reverse("album", args=(album,))),
        ("photos, late page", reverse("photos") + f"?after={late}"),
        ("history, late page", reverse("history") + "?after=100"),
        ("face (fragment)", reverse("face", args=(_face(crowd).pk,))),
        ("unknown group", reverse("unknown_group", args=(1,))),
        ("unknown, single", reverse("unknown_others", args=("single",))),
        ("split", reverse("person_split", args=(person.pk,))),
        ("merge", reverse("person_merge", args=(person.pk,))),
        ("build", reverse("build", args=(1,))),
        ("people, by name", reverse("people") + "?name=nguyen"),
        ("suggest", reverse("people_suggest") + "?name=ng"),
        ("search, by text", reverse("search") + "?q=nguyen"),
        ("search, by people", reverse("search") + f"?with={person.pk}"),
        *(
            (f"photos, {kind}", reverse("photos") + f"?show={kind}")
            for kind in ("unnamed", "unsure", "failed")
        ),
        *((f"admin {name}", reverse(f"admin:gallery_{name}_changelist")) for name in TABLES),
    ]
    return pages + _last_pages()


def _last_pages() -> Pages:
    """Where following "more" from page to page would end up."""
    from gallery.models import Candidate

    last = Candidate.objects.filter(rank=0, face__state="unsure").order_by("-person_id", "similarity").first()
    after = f"{last.person_id}:0.99:0" if last else ""
    return [("review, late page", reverse("review") + f"?after={after}")]


def shared_pages(crowd: Crowd) -> Pages:
    """An album open to whoever has its address."""
    from gallery.models import ShareLink
    from gallery.models.users import token_hash

    photo = crowd.photos[1]
    token = "made-up" * 8
    ShareLink.objects.create(
        album_id=photo.album_id, token_hash=token_hash(token), expires_at=timezone.now() + timedelta(days=9)
    )
    return [
        ("shared album", reverse("shared_album", args=(token,))),
        ("shared photo", reverse("shared_photo", args=(token, photo.pk))),
    ]


def _face(crowd: Crowd) -> Any:
    return crowd.photos[1].faces.filter(state="unsure").first() or crowd.photos[1].faces.first()

"""Consents that end, what erasing or switching recognition off would take away, and receipts of erasures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from gallery.core.pagination import PageCursor
from gallery.models import (
    Album,
    Decision,
    Erasure,
    Event,
    Face,
    Person,
    Photo,
    Reference,
    ReferenceVector,
    User,
)
from gallery.models.clock import get_site_time
from gallery.models.people import get_search_key
from gallery.models.querysets import get_today
from gallery.people.selectors import PersonCard, get_person_cards
from gallery.privacy.erasure import describe_kept_backups, find_faces_of_person, get_likely_faces_filter

EXPIRING_SOON_DAYS = 30
CONSENT_PAGE_SIZE = 60


def get_people_with_ended_consent() -> QuerySet[Person]:
    """Longest ago first."""
    return Person.objects.filter(consent_until__lt=get_today()).order_by("consent_until", "pk")


def get_people_with_ending_consent() -> QuerySet[Person]:
    """Whose consent holds today and will not in 30 days; the next first."""
    today = get_today()
    soon = Person.objects.filter(
        consent_until__gte=today, consent_until__lt=today + timedelta(days=EXPIRING_SOON_DAYS)
    )
    return soon.order_by("consent_until", "pk")


def get_consent_page(
    user: User, rows: QuerySet[Person], after: PageCursor | None
) -> tuple[list[PersonCard], PageCursor | None]:
    """Some of these people as cards, and what the next page begins behind."""
    try:
        last = date.fromisoformat(after.value) if after else None
    except ValueError:
        last = None
    if after and last:
        rows = rows.filter(Q(consent_until__gt=last) | Q(consent_until=last, pk__gt=after.pk))
    found = list(rows.select_related("cover")[: CONSENT_PAGE_SIZE + 1])
    shown = found[:CONSENT_PAGE_SIZE]
    has_more = len(found) > len(shown)
    following = PageCursor(shown[-1].pk, str(shown[-1].consent_until)) if has_more else None
    return get_person_cards(user, shown), following


def count_recognition_losses(user: User, **of: Any) -> dict[str, int]:
    """What goes when recognition is switched off, and what stays; as far as the user may know of it.

    `of` says whose faces: `photo=photo`, `photo__albums=album`, `person=person`.
    """
    losses: dict[str, int] = (
        Face.objects.visible_to(user)
        .filter(**of)
        .aggregate(
            compared=Count("pk", filter=Q(embedding__isnull=False)),
            guessed=Count(
                "pk", filter=Q(decision=Decision.NONE, state=Face.State.KNOWN, person__isnull=False)
            ),
            said=Count("pk", filter=Q(decision=Decision.CONFIRMED)),
        )
    )
    if "person" in of:
        references = Reference.objects.visible_to(user).approved()
        losses["references"] = references.filter(person=of["person"]).count()
    return losses


ErasurePreview = dict[str, Any]  # numbers of what goes or stays, and the backups that would hold it


def preview_person_erasure(person: Person) -> ErasurePreview:
    """`likely` are not named, but first of all proposed as the person; `mentions` in the texts of others stay."""
    faces = find_faces_of_person(person)
    embedded = faces.filter(embedding__isnull=False).count()
    key = get_search_key(person.name)
    texts, notes = Q(search__contains=key), Q(note__icontains=person.name)
    described = Q(caption_search__contains=key) | Q(tags__search__contains=key)
    mentions = (
        Photo.objects.filter(texts | described).distinct(),
        Album.objects.filter(texts | notes),
        Person.objects.exclude(pk=person.pk).filter(notes),
    )
    return {
        "references": person.references.count(),
        "faces": faces.count(),
        "by_machine": faces.undecided().count(),
        "likely": Face.objects.filter(get_likely_faces_filter(person), is_twice=False).count(),
        "photos": faces.values("photo").distinct().count(),
        "embeddings": embedded + ReferenceVector.objects.filter(reference__person=person).count(),
        "mentions": sum(rows.count() for rows in mentions),
        "backups": describe_kept_backups(),
    }


def preview_photos_erasure(photos: Sequence[Photo]) -> ErasurePreview:
    """`references` that were cut from the photos may stay; `lost_references`, of photos not for everybody, go."""
    faces = Face.objects.filter(photo__in=photos)
    references = Reference.objects.filter(source_face__photo__in=photos)
    lost = references.filter(source_face__photo__in=Photo.objects.limited().values("pk")).count()
    return {
        "photos": len(photos),
        "bytes": sum(photo.bytes for photo in photos),
        "faces": faces.count(),
        "names": faces.filter(person__isnull=False).count(),
        "references": references.count() - lost,
        "lost_references": lost,
        "backups": describe_kept_backups(),
    }


def preview_user_erasure(user: User) -> ErasurePreview:
    """All of these stay."""
    return {
        "acts": Event.objects.filter(actor=user).count(),
        "photos": Photo.objects.filter(uploaded_by=user).count(),
        "backups": describe_kept_backups(),
    }


RECEIPT_LABELS = {
    "references": _("References"),
    "faces": _("Faces"),
    "photos": _("Photos"),
    "photos_with_faces": _("Photos the faces are in"),
    "embeddings": _("Embeddings"),
    "candidates": _("Proposals"),
    "rejections": _("“Not this person” decisions"),
    "events": _("Entries of the history that no longer say whom or what they were about"),
    "files": _("Files"),
    "builds": _("Index builds dropped or made anew"),
    "exports": _("Exports on disk that were cleared"),
    "sidecars": _("XMP sidecars that were written anew"),
    "sidecars_gone": _("Folders of XMP sidecars that are no longer where they were"),
    "exports_gone": _("Exports that are no longer where they were written"),
    "accounts": _("Accounts"),
    "sessions": _("Sessions"),
    "traces": _("Sign-ins, failed attempts and invitations"),
    "acts": _("Acts that stay in the history as a former user's"),
}


@dataclass(frozen=True, slots=True)
class HeldBackup:
    """A backup that was there when something was erased; no date where it could not be read."""

    made_at: datetime | None
    until: datetime | None  # None: until somebody deletes it

    @property
    def is_past(self) -> bool:
        return self.until is not None and self.until < get_site_time()


def list_held_backups(kept: Sequence[dict[str, str | None]]) -> list[HeldBackup]:
    dates = (
        (datetime.fromisoformat(text) if text else None for text in (each["made_at"], each["until"]))
        for each in kept
    )
    return [HeldBackup(*pair) for pair in dates]


def list_receipt_lines(erasure: Erasure) -> list[tuple[str, int]]:
    """What was removed, in the reader's language."""
    return [
        (str(label), erasure.counts[key]) for key, label in RECEIPT_LABELS.items() if erasure.counts.get(key)
    ]


def build_receipt_document(erasure: Erasure) -> dict[str, Any]:
    """The receipt as a file."""
    return {
        "receipt": str(erasure.receipt),
        "what": erasure.kind,
        "erased_at": erasure.at.isoformat(),
        "complete_at": erasure.finished_at.isoformat() if erasure.finished_at else None,
        "removed": erasure.counts,
        "backups_holding_it": erasure.backups,
        "hosts": [
            {
                "name": each.name,
                "cleared_at": each.cleared_at.isoformat() if each.cleared_at else None,
                "removed": each.host_id is None,
            }
            for each in erasure.hosts.all()
        ],
    }

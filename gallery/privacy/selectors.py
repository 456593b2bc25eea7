"""Consents that have expired or soon will, what switching recognition off would take away.

And receipts of erasures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gallery.core.pagination import PageCursor
from gallery.models import Album, Decision, Erasure, Face, Person, Photo, Reference, User
from gallery.models.querysets import get_today
from gallery.people.selectors import PersonCard, get_person_cards

EXPIRING_SOON_DAYS = 30
CONSENT_PAGE_SIZE = 60


@dataclass(frozen=True, slots=True)
class ConsentCounts:
    expired: int
    soon: int


def get_people_with_expired_consent() -> QuerySet[Person]:
    """Longest ago first."""
    return Person.objects.filter(consent_until__lt=get_today()).order_by("consent_until", "pk")


def get_people_with_expiring_consent() -> QuerySet[Person]:
    """Whose consent holds today and will not in 30 days; the next first."""
    soon = Person.objects.filter(consent_until__gte=get_today())
    return soon.filter(consent_until__lt=get_today() + timedelta(days=EXPIRING_SOON_DAYS)).order_by(
        "consent_until", "pk"
    )


def count_consents() -> ConsentCounts:
    return ConsentCounts(
        get_people_with_expired_consent().count(), get_people_with_expiring_consent().count()
    )


def get_consent_page(
    user: User, rows: QuerySet[Person], after: PageCursor | None
) -> tuple[list[PersonCard], PageCursor | None]:
    """Some of these people as cards, and what the next page begins behind."""
    found = list(_filter_after_cursor(rows, after).select_related("cover")[: CONSENT_PAGE_SIZE + 1])
    shown, last = found[:CONSENT_PAGE_SIZE], found[CONSENT_PAGE_SIZE - 1 : CONSENT_PAGE_SIZE]
    following = PageCursor(last[0].pk, str(last[0].consent_until)) if len(found) > CONSENT_PAGE_SIZE else None
    return get_person_cards(user, shown), following


def _filter_after_cursor(rows: QuerySet[Person], after: PageCursor | None) -> QuerySet[Person]:
    try:
        last = date.fromisoformat(after.value) if after else None
    except ValueError:
        last = None
    if after is None or last is None:
        return rows
    return rows.filter(Q(consent_until__gt=last) | Q(consent_until=last, pk__gt=after.pk))


@dataclass(frozen=True, slots=True)
class RecognitionLosses:
    """What goes when recognition is switched off, and what stays; as far as the user may know of it."""

    compared: int  # faces that are compared with others
    guessed: int  # names the machine gave
    said: int  # names people gave
    references: int = 0


def count_photo_losses(user: User, photo: Photo) -> RecognitionLosses:
    return _count_losses(Face.objects.visible_to(user).filter(photo=photo))


def count_album_losses(user: User, album: Album) -> RecognitionLosses:
    return _count_losses(Face.objects.visible_to(user).filter(photo__album=album))


def count_person_losses(user: User, person: Person) -> RecognitionLosses:
    references = Reference.objects.visible_to(user).approved().filter(person=person)
    return _count_losses(Face.objects.visible_to(user).filter(person=person), references.count())


def _count_losses(faces: QuerySet[Face], references: int = 0) -> RecognitionLosses:
    guessed = Q(decision=Decision.NONE, state=Face.State.KNOWN, person__isnull=False)
    return RecognitionLosses(
        faces.filter(embedding__isnull=False).count(),
        faces.filter(guessed).count(),
        faces.filter(decision=Decision.CONFIRMED).count(),
        references,
    )


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
        return self.until is not None and self.until < timezone.now()


def list_held_backups(kept: Sequence[dict[str, str | None]]) -> list[HeldBackup]:
    return [HeldBackup(_parse_moment(each["made_at"]), _parse_moment(each["until"])) for each in kept]


def _parse_moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


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
    }

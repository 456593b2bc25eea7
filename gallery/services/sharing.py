"""Sharing an album by a link: made, looked up, taken back."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from gallery.models import Album, ShareLink, User
from gallery.models.users import new_token, token_hash
from gallery.services.history import record

MOST_DAYS = 365


@transaction.atomic
def share(
    user: User, album: Album, *, days: int, has_names: bool = False, hides_unnamed: bool = False
) -> tuple[ShareLink, str]:
    """A link and its token, which is said this once and kept nowhere."""
    token = new_token()
    link = ShareLink.objects.create(
        album=album,
        token_hash=token_hash(token),
        has_names=has_names,
        hides_unnamed=hides_unnamed,
        created_by=user,
        expires_at=timezone.now() + timedelta(days=min(max(days, 1), MOST_DAYS)),
    )
    record(user, "album.share", album, {"name": album.name, "names": has_names, "days": days})
    return link, token


@transaction.atomic
def revoke(user: User, link: ShareLink) -> None:
    """From now on the link leads nowhere."""
    changed = ShareLink.objects.filter(pk=link.pk, revoked_at=None).update(revoked_at=timezone.now())
    if changed:
        record(user, "album.unshare", link.album, {"name": link.album.name})

"""Keys of the HTTP API: made and shown once, told by their hash, revoked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.core.exceptions import ActionRefused
from gallery.history.changeset import record_event
from gallery.models import ApiKey, ApiScope, User
from gallery.models.accounts import create_token, hash_token
from gallery.models.clock import get_site_time
from gallery.models.people import clean_name

KEY_START = "fs_"  # by which people and scanners for secrets know one
PREFIX_LENGTH = 11
MAX_KEY_DAYS = 3_650
USE_IS_NOTED_EVERY = timedelta(minutes=1)


@transaction.atomic
def create_api_key(
    by: User | None, user: User, scopes: Iterable[str], *, name: str = "", days: int | None = None
) -> tuple[ApiKey, str]:
    """A key and its secret, which is said this once and kept nowhere. Without `days` it does not expire."""
    wanted = [scope.value for scope in ApiScope if scope in set(scopes)]
    if not wanted:
        raise ActionRefused(_("Choose what the key may be used for."))
    if not user.is_active:
        raise ActionRefused(_("This account is shut out, so a key of it would open nothing."))
    secret = KEY_START + create_token()
    key = ApiKey.objects.create(
        user=user,
        name=clean_name(name)[:100],
        prefix=secret[:PREFIX_LENGTH],
        secret_hash=hash_token(secret),
        scopes=wanted,
        expires_at=get_site_time() + timedelta(days=days) if days else None,
    )
    record_event(by, "key.create", key, {**_summarise_key(key), "scopes": wanted})
    return key, secret


def list_api_keys(viewer: User) -> QuerySet[ApiKey]:
    """One's own keys that are not revoked; to an administrator everybody's."""
    keys = ApiKey.objects.filter(revoked_at=None).select_related("user")
    return keys if viewer.is_administrator else keys.filter(user=viewer)


@transaction.atomic
def revoke_api_keys(by: User | None, keys: QuerySet[ApiKey]) -> int:
    """These keys open nothing any more; how many did until now."""
    open_keys = list(keys.select_for_update(of=("self",)).filter(revoked_at=None).select_related("user"))
    for key in open_keys:
        key.revoked_at = get_site_time()
        key.save(update_fields=["revoked_at"])
        record_event(by, "key.revoke", key, _summarise_key(key))
    return len(open_keys)


def _summarise_key(key: ApiKey) -> dict[str, object]:
    return {"name": str(key), "user": key.user.username, "user_id": key.user_id}


def find_api_key(secret: str) -> ApiKey | None:
    """The key of this secret, with its user, if it may be used now."""
    key = ApiKey.objects.filter(secret_hash=hash_token(secret)).select_related("user").first()
    return key if key is not None and key.is_valid else None


def note_key_use(key: ApiKey) -> None:
    """Write when it was used, once a minute at most."""
    now = get_site_time()
    if key.used_at is None or key.used_at < now - USE_IS_NOTED_EVERY:
        is_old = Q(used_at=None) | Q(used_at__lt=now - USE_IS_NOTED_EVERY)
        ApiKey.objects.filter(is_old, pk=key.pk).update(used_at=now)


EVENT_DESCRIPTIONS = {
    "key.create": gettext_lazy("made the API key “%(name)s” for “%(user)s”"),
    "key.revoke": gettext_lazy("revoked the API key “%(name)s” of “%(user)s”"),
}

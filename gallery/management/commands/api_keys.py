"""List the keys of the HTTP API, or revoke one."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError

from gallery.accounts.api_keys import revoke_api_keys
from gallery.management.base import GalleryCommand
from gallery.models import ApiKey


class Command(GalleryCommand):
    help = "Lists the keys of the HTTP API that are not revoked, or revokes the one that begins so."
    arguments = {
        "--user": {"metavar": "USER", "help": "only this user's"},
        "--revoke": {"metavar": "PREFIX", "help": "revoke the key that begins so"},
    }

    def handle(self, **options: Any) -> None:
        keys = ApiKey.objects.filter(revoked_at=None).select_related("user")
        if options["user"]:
            keys = keys.filter(user__username=options["user"])
        if options["revoke"]:
            keys = keys.filter(prefix=options["revoke"])
            if not keys:
                raise CommandError(f"No key that is not revoked begins with {options['revoke']}.")
        listed = list(keys)
        if options["revoke"]:
            revoke_api_keys(None, keys)
        for key in listed:
            moments = {"created": key.created_at, "expires": key.expires_at, "used": key.used_at}
            document = {
                "prefix": key.prefix,
                "user": key.user.username,
                "name": key.name,
                "scopes": key.scopes,
                **{name: moment.isoformat() if moment else None for name, moment in moments.items()},
            }
            self.say_result(
                document, f"{key.prefix}  {key.user.username}  {','.join(key.scopes)}  {key.name}"
            )

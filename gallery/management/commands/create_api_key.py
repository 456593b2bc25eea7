"""Make a key of the HTTP API for a user; it is shown this once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError

from gallery.accounts.api_keys import MAX_KEY_DAYS, create_api_key
from gallery.core.exceptions import ActionRefused
from gallery.management.base import GalleryCommand
from gallery.models import ApiScope, User


class Command(GalleryCommand):
    help = "Makes a key of the HTTP API for a user. It is shown once, and only its hash is kept."
    arguments = {
        "name": {"metavar": "USER"},
        "--scopes": {
            "default": ApiScope.READ.value,
            "help": f"by commas, of {', '.join(ApiScope.values)} (default: read)",
        },
        "--days": {"type": int, "help": "how long it is valid (default: until it is revoked)"},
        "--title": {"default": "", "help": "what it is for, as lists of keys show it"},
    }

    def handle(self, **options: Any) -> None:
        user = User.objects.filter(username=options["name"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['name']}.")
        scopes, days = [scope.strip() for scope in options["scopes"].split(",")], options["days"]
        if unknown := set(scopes) - set(ApiScope.values):
            raise CommandError(f"No such scope: {', '.join(sorted(unknown))}.", returncode=2)
        if days is not None and not 1 <= days <= MAX_KEY_DAYS:
            raise CommandError(f"--days takes 1 to {MAX_KEY_DAYS}.", returncode=2)
        try:
            key, secret = create_api_key(None, user, scopes, name=options["title"], days=days)
        except ActionRefused as error:
            raise CommandError(str(error)) from error
        expires = key.expires_at.isoformat() if key.expires_at else None
        document = {"key": secret, "prefix": key.prefix, "scopes": key.scopes, "expires": expires}
        self.say_result(document, secret)

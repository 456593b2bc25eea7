"""Erase a user's account and personal data for good."""

from __future__ import annotations

from gallery.management.erase import ERASE_FLAG, EraseCommand
from gallery.models import User
from gallery.privacy.erasure import erase_user
from gallery.privacy.selectors import preview_user_erasure


class Command(EraseCommand):
    help = (
        "Erases an account and its personal data; what the user did stays as a former user's. Never undone."
    )
    kind = "user"
    arguments = {"name": {"metavar": "USERNAME"}, "--yes": ERASE_FLAG}
    preview = staticmethod(preview_user_erasure)
    erase = staticmethod(erase_user)

    @staticmethod
    def find(name: str) -> User | None:
        return User.objects.filter(username=name).first()

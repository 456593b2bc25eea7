"""Erase a user's account and personal data for good."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from gallery.management.erase import EraseCommand
from gallery.models import Erasure, User
from gallery.privacy.erasure import erase_user
from gallery.privacy.erasure_preview import UserErasurePreview, preview_user_erasure


class Command(EraseCommand):
    help = (
        "Erases an account and its personal data; what the user did stays as a former user's. Never undone."
    )
    kind = "user"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", metavar="USERNAME")

    def find(self, name: str) -> User | None:
        return User.objects.filter(username=name).first()

    def preview(self, row: User) -> UserErasurePreview:
        return preview_user_erasure(row)

    def erase(self, row: User, options: dict[str, Any]) -> Erasure:
        return erase_user(None, row)

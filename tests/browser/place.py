"""A running site for the browser: its address, its users, and ways to look behind the pages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.site import Site

PASSWORD = "a good long password"
USERS = {"mai": "curator", "nam": "contributor", "vy": "viewer", "boss": "administrator"}


@dataclass(frozen=True)
class Place:
    site: Site
    address: str
    photos: Path  # a folder with photos to upload, none of them on the site

    def make_users(self) -> None:
        self.site.ask(
            f"for name, role in {USERS!r}.items():\n"
            f"    User.objects.create_user(name, password={PASSWORD!r}, role=role)\n"
            "answer = None"
        )

    def ask(self, code: str) -> Any:
        return self.site.ask(code)

    def photo(self, name: str) -> int:
        """The id of the photo of this name."""
        found: int = self.ask(f"answer = Photo.objects.get(name={name!r}).pk")
        return found

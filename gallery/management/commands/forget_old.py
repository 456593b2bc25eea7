"""Remove what is kept only for a time: the audit trail, failed sign-ins, ended sessions, dead links."""

from __future__ import annotations

from typing import Any

from gallery.management.base import GalleryCommand
from gallery.privacy.retention import delete_expired_records


class Command(GalleryCommand):
    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        gone = delete_expired_records()
        if self.is_json:
            self.say_json(gone)
            return
        for kind, count in gone.items():
            self.stdout.write(f"{kind.replace('_', ' ')}: {count} removed")

"""Try the newest backup: read all of it, and restore its database into a scratch place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings

from gallery.backup.encryption import read_identities
from gallery.backup.layout import get_backup_folder
from gallery.backup.schedule import note_verification
from gallery.backup.verification import READ, RESTORED, VerifyResult, try_newest_backup
from gallery.management.base import IDENTITY, GalleryCommand

SENTENCES = {
    RESTORED: "Its database was restored into a scratch place and agrees with the files.",
    READ: "Its database was read to the end, not restored: PostgreSQL's role may not create a scratch database.",
}


class Command(GalleryCommand):
    help = "Reads all of the backup DIR, or of the newest in DIR, and restores its database into a scratch place."
    arguments = {
        "folder": {"metavar": "DIR", "nargs": "?", "help": "where backups are kept (FACESITE_BACKUP_DIR)"},
        "--identity": IDENTITY,
    }

    def handle(self, *, folder: str | None, identity: str, **options: Any) -> None:
        place = Path(folder).expanduser().absolute() if folder else get_backup_folder()
        identities = read_identities(identity or settings.BACKUP_IDENTITY)
        found = try_newest_backup(place, identities, self.say_step)
        if place == get_backup_folder():
            note_verification(found)
        say_verified(self, found)


def say_verified(command: GalleryCommand, found: VerifyResult) -> None:
    command.is_failed = not found.is_sound
    if command.is_json:
        command.say_json(found.as_json())
        return
    for kind in ("missing", "damaged", "unmatched"):
        for name in getattr(found, kind)[:20]:
            command.warn(f"{kind}: {name}")
    state = "is sound" if found.is_sound else "is damaged"
    command.stdout.write(f"{found.backup} {state} ({found.files} files and the database).")
    if not found.is_open:
        command.warn(
            "It is encrypted: its files are as they were written, but what they hold could not be tried without the"
            " key (--identity FILE)."
        )
    elif found.database:
        command.stdout.write(SENTENCES[found.database])

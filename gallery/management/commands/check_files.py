"""Compare the files on the disk with the rows of the database, and mend what differs."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from gallery.backup.encryption import read_identities
from gallery.maintenance.sanity_check import find_file_problems, mend_files
from gallery.management.base import IDENTITY, GalleryCommand, make_flag
from gallery.models.storage import QUARANTINE_AREA

PROBLEM_LABELS = {
    "lost": "rows without their file",
    "altered": "files that are not what they were",
    "orphans": "files without a row",
    "indexes": "index directories of no build",
}


class Command(GalleryCommand):
    help = "Looks for photos without their file and files without a row, and with --mend puts that right."
    arguments = {
        "--hash": make_flag("read every file and compare its SHA-256"),
        "--mend": make_flag(
            f"bring lost files back from backups, mark what stays lost, move the rest to {QUARANTINE_AREA}"
        ),
        "--identity": IDENTITY,
    }

    def handle(self, *, mend: bool, identity: str, **options: Any) -> None:
        found = find_file_problems(with_hash=options["hash"])
        if mend:
            mend_files(found, read_identities(identity or settings.BACKUP_IDENTITY))
        self.is_failed = bool(found.failed or found.altered or found.locked) if mend else not found.is_sound
        said = found.as_json()
        if self.is_json:
            self.say_json(said)
            return
        for key, saying in PROBLEM_LABELS.items():
            if said[key]["count"]:
                self.warn(f"{said[key]['count']} {saying}: {', '.join(said[key]['first'])}")
        self.stdout.write(f"{found.rows} rows and {found.files} files compared.")
        if mend:
            self.stdout.write(
                f"{len(found.restored)} brought back from backups, {len(found.failed)} marked as failed, "
                f"{len(found.quarantined)} moved to {QUARANTINE_AREA} (nothing is deleted there), "
                f"{found.removed} leftovers removed."
            )
            if found.locked:
                self.warn(
                    f"{len(found.locked)} are in encrypted backups and could not be opened. Run check_files --mend"
                    " --identity FILE, with the file of the key that these were made for."
                )
        elif not found.is_sound:
            self.stdout.write("Run check_files --mend to put that right.")

"""Compare the files on the disk with the rows of the database, and mend what differs."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from gallery.maintenance.sanity_check import (
    MAX_LISTED_FILES,
    QUARANTINE_FOLDER,
    find_file_problems,
    mend_files,
)
from gallery.management.base import GalleryCommand

PROBLEM_LABELS = {
    "lost": "rows without their file",
    "altered": "files that are not what they were",
    "orphans": "files without a row",
    "indexes": "index directories of no build",
}


class Command(GalleryCommand):
    help = "Looks for photos without their file and files without a row, and with --mend puts that right."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--hash", action="store_true", help="read every file and compare its SHA-256")
        parser.add_argument(
            "--mend",
            action="store_true",
            help=f"bring lost files back from backups, mark what stays lost, move the rest to {QUARANTINE_FOLDER}",
        )

    def handle(self, *, mend: bool, **options: Any) -> None:
        found = find_file_problems(with_hash=options["hash"])
        if mend:
            mend_files(found)
        left = [*found.failed, *(set() if not mend else found.altered)]
        self.is_failed = not found.is_sound if not mend else bool(left)
        if options["json"]:
            self.say_json(found.as_json())
            return
        said = found.as_json()
        for key, saying in PROBLEM_LABELS.items():
            if said[key]["count"]:
                self.warn(f"{said[key]['count']} {saying}: {', '.join(said[key]['first'])}")
        self.stdout.write(f"{found.rows} rows and {found.files} files compared.")
        if mend:
            self.stdout.write(
                f"{len(found.restored)} brought back from backups, {len(found.failed)} marked as failed, "
                f"{len(found.quarantined)} moved to {QUARANTINE_FOLDER} (nothing is deleted there), "
                f"{found.removed} leftovers removed."
            )
        elif len(found.lost) > MAX_LISTED_FILES or not found.is_sound:
            self.stdout.write("Run check_files --mend to put that right.")

"""Compare the serving index with the database."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from gallery.management.output import GalleryCommand
from gallery.pipeline import verifying


class Command(GalleryCommand):
    help = "Compares the index that answers searches with the database, and with --mend builds it anew."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--mend", action="store_true", help="build the index anew if it differs")

    def handle(self, *, mend: bool, **options: Any) -> None:
        found = verifying.verify(mend=mend)
        self.is_failed = not (found.is_sound or found.is_mended)
        if options["json"]:
            self.say_json(found.as_json())
            return
        if found.problem:
            self.warn(found.problem)
        for kind in ("missing", "extra", "misplaced", "altered"):
            if ids := getattr(found, kind):
                self.warn(f"{len(ids)} {kind}: {', '.join(map(str, ids[: verifying.LISTED]))}")
        state = "agree" if found.is_sound else "differed, and agree now" if found.is_mended else "differ"
        self.stdout.write(f"The index and the database {state} ({found.references} references).")

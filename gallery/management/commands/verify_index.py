"""Compare the serving index with the database."""

from __future__ import annotations

from typing import Any

from gallery.index.builds import MAX_LISTED_IDS, IndexDifferences, compare_index_with_database
from gallery.management.base import GalleryCommand, make_flag


class Command(GalleryCommand):
    help = "Compares the index that answers searches with the database, and with --mend builds it anew."
    arguments = {"--mend": make_flag("build the index anew if it differs")}

    def handle(self, *, mend: bool, **options: Any) -> None:
        found = compare_index_with_database(mend=mend)
        self.is_failed = not (found.is_sound or found.is_mended)
        if self.is_json:
            self.say_json(found.as_json())
            return
        indexes = [found, found.faces] if found.faces else [found]
        for each in indexes:
            self._warn_of_differences(each)
        state = "agree" if found.is_sound else "differed, and agree now" if found.is_mended else "differ"
        counts = ", ".join(f"{each.rows} {each.contents}" for each in indexes)
        self.stdout.write(f"The index and the database {state} ({counts}).")

    def _warn_of_differences(self, found: IndexDifferences) -> None:
        if found.problem:
            self.warn(found.problem)
        for kind in ("missing", "extra", "misplaced", "altered"):
            if ids := getattr(found, kind):
                listed = ", ".join(map(str, ids[:MAX_LISTED_IDS]))
                self.warn(f"{len(ids)} {found.contents} {kind}: {listed}")

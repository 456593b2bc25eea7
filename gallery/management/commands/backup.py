"""Copy the whole site to a folder while it runs, or check such a copy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from gallery.backup.create import make_backup, verify_backup
from gallery.backup.layout import find_backup, get_backup_folder, list_backups, note_backup_elsewhere
from gallery.backup.schedule import note_backup_success
from gallery.management.base import GalleryCommand


class Command(GalleryCommand):
    help = "Backs up database, photos and references to DIR (FACESITE_BACKUP_DIR), or with --verify checks a backup."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("folder", metavar="DIR", nargs="?", help="where backups are kept")
        parser.add_argument(
            "--with-index", action="store_true", help="take the index along; it can be rebuilt"
        )
        parser.add_argument("--keep", type=int, help="remove the oldest until so many are left (0: none)")
        parser.add_argument(
            "--verify", action="store_true", help="check the backup DIR, or the newest in DIR"
        )
        parser.add_argument("--list", action="store_true", dest="is_list", help="say what is kept")

    def handle(self, *, folder: str | None, verify: bool, is_list: bool, **options: Any) -> None:
        place = Path(folder).expanduser().absolute() if folder else get_backup_folder()
        if verify and is_list:
            raise CommandError("Say --verify or --list, not both.", returncode=2)
        if (options["keep"] or 0) < 0:
            raise CommandError("--keep takes 0 or more.", returncode=2)
        if is_list:
            self._list(place, is_json=options["json"])
        elif verify:
            self._verify(place, is_json=options["json"])
        else:
            self._make(place, **options)

    def _make(self, place: Path, *, with_index: bool, keep: int | None, **options: Any) -> None:
        is_own = place == get_backup_folder()
        number = keep if keep is not None else settings.BACKUP_KEEP if is_own else 0
        made = make_backup(place, with_index=with_index, keep=number, progress=self.say_step)
        if is_own:
            note_backup_success(made)
        else:
            note_backup_elsewhere(made)
        manifest = made.manifest
        for name in manifest.missing[:20]:
            self.warn(f"{name} is not there, so it is not in the backup. Run check_files.")
        for name in manifest.altered[:20]:
            self.warn(f"{name} is not what it was when it came; it is in the backup as it is now.")
        if options["json"]:
            self.say_json({"folder": str(made.folder), **manifest.as_json(), "bytes": manifest.bytes})
            return
        self.stdout.write(
            f"{made.folder}: {manifest.counts['photos']} photos, {manifest.counts['references']} references, "
            f"{manifest.bytes / 1e6:.1f} MB, {manifest.seconds:.1f} s."
        )

    def _verify(self, place: Path, *, is_json: bool) -> None:
        found = verify_backup(find_backup(place), self.say_step)
        self.is_failed = not found.is_sound
        if is_json:
            self.say_json(found.as_json())
            return
        for kind in ("missing", "damaged"):
            for name in getattr(found, kind)[:20]:
                self.warn(f"{kind}: {name}")
        state = "is sound" if found.is_sound else "is damaged"
        self.stdout.write(f"{found.backup} {state} ({found.files} files and the database).")

    def _list(self, place: Path, *, is_json: bool) -> None:
        for each in list_backups(place):
            manifest = each.manifest
            if is_json:
                self.say_json({"folder": str(each.folder), **manifest.as_json(), "bytes": manifest.bytes})
            else:
                self.stdout.write(
                    f"{each.folder}: {manifest.counts['photos']} photos, {manifest.bytes / 1e6:.1f} MB"
                )

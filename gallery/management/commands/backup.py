"""Copy the whole site to a folder while it runs, or check such a copy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from facesite.disks import find_problem, say_problem
from gallery.backup.create import make_backup
from gallery.backup.encryption import Identities, read_identities
from gallery.backup.layout import (
    Backup,
    count_plain_backups,
    find_backup,
    get_backup_folder,
    list_backups,
    note_backup_elsewhere,
)
from gallery.backup.schedule import note_backup_success
from gallery.backup.verification import verify_backup
from gallery.management.base import IDENTITY, GalleryCommand, make_flag
from gallery.management.commands.verify_backup import say_verified


class Command(GalleryCommand):
    help = "Backs up database, photos and references to DIR (FACESITE_BACKUP_DIR), or with --verify checks a backup."
    arguments = {
        "folder": {"metavar": "DIR", "nargs": "?", "help": "where backups are kept"},
        "--with-index": make_flag("take the index along; it can be rebuilt"),
        "--keep": {"type": int, "help": "remove the oldest until so many are left (0: none)"},
        "--verify": make_flag("check the backup DIR, or the newest in DIR"),
        "--identity": IDENTITY,
        "--list": make_flag("say what is kept"),
    }

    def handle(self, *, folder: str | None, verify: bool, with_index: bool, **options: Any) -> None:
        place = Path(folder).expanduser().absolute() if folder else get_backup_folder()
        keep: int | None = options["keep"]
        if verify and options["list"]:
            raise CommandError("Say --verify or --list, not both.", returncode=2)
        if (keep or 0) < 0:
            raise CommandError("--keep takes 0 or more.", returncode=2)
        if options["list"]:
            for each in list_backups(place):
                sentence = f"{each.folder}: {each.manifest.counts['photos']} photos"
                self.say_result(describe_backup(each), f"{sentence}, {each.manifest.bytes / 1e6:.1f} MB")
        elif verify:
            self._verify(place, read_identities(options["identity"] or settings.BACKUP_IDENTITY))
        else:
            self._make(place, keep, with_index=with_index)

    def _make(self, place: Path, keep: int | None, *, with_index: bool) -> None:
        is_own = place == get_backup_folder()
        number = keep if keep is not None else settings.BACKUP_KEEP if is_own else 0
        if problem := find_problem(place):
            raise CommandError(say_problem(place, problem))
        made = make_backup(place, with_index=with_index, keep=number, progress=self.say_step)
        if is_own:
            note_backup_success(made)
        else:
            note_backup_elsewhere(made)
        manifest = made.manifest
        if settings.BACKUP_KEYS and (plain := count_plain_backups(place)):
            self.warn(
                f"Backups here from before FACESITE_BACKUP_KEY was set, which anybody can read: {plain}. Newer ones"
                " take their place; or delete their folders now, and back up again."
            )
        for name in manifest.missing[:20]:
            self.warn(f"{name} is not there, so it is not in the backup. Run check_files.")
        for name in manifest.altered[:20]:
            self.warn(f"{name} is not what it was when it came; it is in the backup as it is now.")
        self.say_result(
            describe_backup(made),
            f"{made.folder}: {manifest.counts['photos']} photos, {manifest.counts['references']} references, "
            f"{manifest.bytes / 1e6:.1f} MB, {manifest.seconds:.1f} s.",
        )

    def _verify(self, place: Path, identities: Identities) -> None:
        found = verify_backup(find_backup(place, identities), self.say_step)
        say_verified(self, found)


def describe_backup(backup: Backup) -> dict[str, Any]:
    manifest = backup.manifest
    return {"folder": str(backup.folder), **manifest.as_json(), "bytes": manifest.bytes}

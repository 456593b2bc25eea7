"""Put a backup into this empty installation."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils import timezone

from gallery.backup import restore as backup_restore
from gallery.backup.encryption import read_identities
from gallery.backup.layout import get_backup_folder
from gallery.management.base import FOLDER, IDENTITY, GalleryCommand, get_existing_folder, make_flag
from gallery.privacy.erasure_cleanup import finish_known_erasures


class Command(GalleryCommand):
    help = "Restores the backup DIR, or the newest kept in DIR, into this empty installation. Stop the site first."
    requires_system_checks = ()
    arguments = {
        "folder": {**FOLDER, "nargs": "?", "help": "a backup, or where some are kept (FACESITE_BACKUP_DIR)"},
        "--replace": make_flag("replace what is here, after a backup of it has been made"),
        "--identity": IDENTITY,
        "--without-damaged": make_flag("restore what is sound of a damaged backup"),
    }

    def handle(
        self, *, folder: str | None, replace: bool, without_damaged: bool, identity: str, **options: Any
    ) -> None:
        source = get_existing_folder(folder).absolute() if folder else get_backup_folder()
        done = backup_restore.restore_backup(
            source,
            replace=replace,
            without_damaged=without_damaged,
            identities=read_identities(identity or settings.BACKUP_IDENTITY),
            progress=self.say_step,
        )
        done.erased_again = [
            {"kind": each.kind, "at": timezone.localtime(each.at).isoformat(), "receipt": str(each.receipt)}
            for each in finish_known_erasures()
        ]
        again = {each["receipt"] for each in done.erased_again}
        done.erased_since = [each for each in done.erased_since if each["receipt"] not in again]
        if self.is_json:
            self.say_json(done.as_json())
            return
        for name in done.left_out[:20]:
            self.warn(f"left out, damaged: {name}")
        for name, value in done.differing.items():
            self.warn(f"Where the backup was made, {name} was {value}; here it is not.")
        for erased in done.erased_since:
            self.warn(
                f"A {erased['kind']} erased here at {erased['at'][:16]}, after the backup was made, may be back "
                f"(receipt {erased['receipt']}, which is not in the backup). Erase again."
            )
        for erased in done.erased_again:
            self.stdout.write(
                f"A {erased['kind']} erased at {erased['at'][:16]} (receipt {erased['receipt']}) after the backup "
                "was made is erased here again, where the backup had brought it back."
            )
        if done.is_from_elsewhere:
            self.warn(
                "This backup lies outside FACESITE_BACKUP_DIR: of what was erased after it was copied there it "
                "cannot know. Look for such erasures in your own file of receipts, and erase again."
            )
        if done.before:
            self.stdout.write(f"What was here before is in {done.before}.")
        self.stdout.write(
            f"Restored {done.backup}: {done.counts['photos']} photos, {done.counts['references']} references, "
            f"{done.counts['users']} accounts. Start the site; everybody signs in again unless "
            "FACESITE_SECRET_KEY is the same."
        )
        if done.builds:
            self.stdout.write(
                "The index is built as soon as a worker runs; names are found without it meanwhile."
            )
        if done.left_out:
            self.stdout.write("Run check_files --mend to mark the photos whose files were damaged.")

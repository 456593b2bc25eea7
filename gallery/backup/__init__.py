"""Copies of the whole site, made while it runs, and the way back from them. docs/reliability.md says how."""

from gallery.backup.errors import BackupDamaged, BackupError, BackupRunning, NotEmpty
from gallery.backup.kept import KeptBackup, kept_backups
from gallery.backup.layout import Backup, backups_in, find, place
from gallery.backup.making import make_backup
from gallery.backup.restoring import end_earlier, restore
from gallery.backup.verifying import verify

__all__ = [
    "Backup",
    "BackupDamaged",
    "BackupError",
    "BackupRunning",
    "KeptBackup",
    "NotEmpty",
    "backups_in",
    "end_earlier",
    "find",
    "kept_backups",
    "make_backup",
    "place",
    "restore",
    "verify",
]

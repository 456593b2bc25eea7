"""Copies of the whole site, made while it runs, and the way back from them. docs/reliability.md says how."""

from gallery.backup.errors import BackupDamaged, BackupError, BackupRunning, NotEmpty
from gallery.backup.kept import KeptBackup, kept_backups
from gallery.backup.layout import Backup, find

__all__ = [
    "Backup",
    "BackupDamaged",
    "BackupError",
    "BackupRunning",
    "KeptBackup",
    "NotEmpty",
    "find",
    "kept_backups",
]

"""Backups of the whole site, made while it runs, and how they are restored. docs/reliability.md says how."""

from gallery.backup.create import make_backup, verify_backup
from gallery.backup.layout import (
    Backup,
    BackupDamaged,
    BackupError,
    BackupRunning,
    KeptBackup,
    SiteNotEmpty,
    find_backup,
    get_backup_folder,
    list_backups,
    list_kept_backups,
)
from gallery.backup.restore import end_earlier_restore, restore_backup

__all__ = [
    "Backup",
    "BackupDamaged",
    "BackupError",
    "BackupRunning",
    "KeptBackup",
    "SiteNotEmpty",
    "end_earlier_restore",
    "find_backup",
    "get_backup_folder",
    "list_backups",
    "list_kept_backups",
    "make_backup",
    "restore_backup",
    "verify_backup",
]

"""Backups of the whole site, made while it runs, and their restore; see docs/reliability.md."""

BACKUP_JOB = "make_backup"  # the site job that makes one; `maintenance` declares and runs it
VERIFY_JOB = "verify_backup"  # and the one that tries the newest

"""Upkeep of the site: the check of its files, scheduled backups, and metrics."""

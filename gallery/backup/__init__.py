"""Backups of the whole site, made while it runs, and their restore; see docs/reliability.md."""

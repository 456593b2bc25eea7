"""Backups of the whole site, made while it runs, and how they are restored. docs/reliability.md says how."""

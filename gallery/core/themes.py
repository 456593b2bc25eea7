"""The colour themes a user may choose between."""

from __future__ import annotations

THEMES = ("light", "dark")

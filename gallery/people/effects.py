"""How acts on references are taken back. Loaded at every start, so it stays light."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gallery.models import Event, User


def undo_added_references(user: User, event: Event) -> Mapping[str, Any]:
    from gallery.people.references import undo_added_references

    return undo_added_references(user, event)


def undo_automatic_setting(user: User, event: Event) -> Mapping[str, Any]:
    from gallery.people.references import undo_automatic_setting

    return undo_automatic_setting(user, event)

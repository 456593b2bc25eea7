"""What must follow an act, whether it was done or taken back: functions that the rooms above register.

They are called in the order in which `GalleryConfig.ready` registers them."""

from __future__ import annotations

from collections.abc import Callable

from gallery.history.changeset import ChangeSet

Receiver = Callable[[ChangeSet], None]

_receivers: list[Receiver] = []


def register_receivers(*receivers: Receiver) -> None:
    """Have these called with every change set, after those that are registered already."""
    _receivers.extend(receivers)


def apply_effects(changes: ChangeSet) -> None:
    """Call before the change set is recorded: what receivers write is part of the act as well."""
    for receive in _receivers:
        receive(changes)

"""Follows the calls of a piece of work through the rooms of `gallery`.

A room is entered when a call leads into it from another room. Calls that follow each other into the same room
count as one entry. `models` and `core` are the ground under all of them and do not count; `recognition` is a
library, which counts as one room however often it is asked.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from django.template.loader import render_to_string

import gallery
import recognition

GROUND = {"models", "core", "apps", "migrations"}  # all stand on it, so it is not counted
_GALLERY = str(Path(gallery.__file__).parent) + "/"
_RECOGNITION = str(Path(recognition.__file__).parent) + "/"
_rooms: dict[str, str | None] = {}


@dataclass
class Walk:
    """The rooms that were entered, in order, until the answer was rendered."""

    steps: list[str] = field(default_factory=list)
    is_over: bool = False

    @property
    def rooms(self) -> set[str]:
        return set(self.steps)

    @property
    def most_entered(self) -> tuple[str, int]:
        return Counter(step for step in self.steps if step != "recognition").most_common(1)[0]


def room_of(filename: str) -> str | None:
    if filename not in _rooms:
        room = None
        if filename.startswith(_RECOGNITION):
            room = "recognition"
        elif filename.startswith(_GALLERY):
            room = filename.removeprefix(_GALLERY).split("/")[0].removesuffix(".py")
        _rooms[filename] = None if room in GROUND else room
    return _rooms[filename]


def _calling_room(frame: FrameType | None) -> str | None:
    while frame is not None:
        room = room_of(frame.f_code.co_filename)
        if room:
            return room
        frame = frame.f_back
    return None


@contextmanager
def walked() -> Iterator[Walk]:
    walk = Walk()

    def follow(frame: FrameType, event: str, argument: Any) -> None:
        if event != "call" or walk.is_over:
            return
        if frame.f_code is render_to_string.__code__:
            walk.is_over = True
        room = room_of(frame.f_code.co_filename)
        if room and room != _calling_room(frame.f_back) and walk.steps[-1:] != [room]:
            walk.steps.append(room)

    threading.setprofile(follow)
    sys.setprofile(follow)
    try:
        yield walk
    finally:
        sys.setprofile(None)
        threading.setprofile(None)

"""What a preview holds."""

from __future__ import annotations

from dataclasses import dataclass, field

from gallery.models import Album, Person, Photo, Reference


@dataclass(slots=True)
class Preview:
    rows: int = 0  # that are still there
    same: int = 0  # of them, as they shall be already
    people: int = 0
    searchable: int = 0  # references that come into searches, or leave them
    named: int = 0  # faces that have their name by these pictures and may lose it
    decided: int = 0  # faces that people named by hand: they stay
    undecided: int = 0  # faces that may get a name
    photos: int = 0
    waiting: int = 0  # changes that wait for the next build already
    joining: int = 0  # and those that will
    owners: list[Person] = field(default_factory=list)
    orphans: list[Person] = field(default_factory=list)  # whom no picture will be left to recognise by
    orphans_count: int = 0
    pictures: list[Reference] = field(default_factory=list)
    # of acts on photos
    faces: int = 0  # in them
    vectors: int = 0  # of these that can be compared; of references, those that have one
    cut: int = 0  # references that were cut from these faces: they stay as they are
    albums: list[Album] = field(default_factory=list)  # that they are in now
    albums_count: int = 0
    limited: int = 0  # photos that only chosen users see now
    busy: int = 0  # rows that wait or are worked on already
    shown: list[Photo] = field(default_factory=list)

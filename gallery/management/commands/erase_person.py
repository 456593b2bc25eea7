"""Erase a person for good."""

from __future__ import annotations

from gallery.management.base import make_flag
from gallery.management.erase import ERASE_FLAG, EraseCommand, find_named_person
from gallery.privacy.erasure import erase_person
from gallery.privacy.selectors import preview_person_erasure


class Command(EraseCommand):
    help = "Erases a person: references, name, vectors, and every trace of them in history and index. Never undone."
    kind = "person"
    arguments = {
        "name": {"metavar": "NAME|ID"},
        "--also-likely": make_flag("also faces that are only proposed as the person"),
        "--yes": ERASE_FLAG,
    }
    choices = {"also_likely": "with_likely"}
    find = staticmethod(find_named_person)
    preview = staticmethod(preview_person_erasure)
    erase = staticmethod(erase_person)

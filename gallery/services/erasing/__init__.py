"""Erasing for good: a person, a photo, a user. Never undone; what was removed is on a receipt without names.

The rows go in one transaction: from its commit on no search, page or undo brings anything of them back. Files,
index builds and the database's own remains are cleared by the worker (`pipeline.erasing`), which a kill at any
point only delays.
"""

from gallery.services.erasing.begun import note_backups
from gallery.services.erasing.people import erase_person
from gallery.services.erasing.photos import erase_photo, erase_photos
from gallery.services.erasing.preview import (
    PersonPreview,
    PhotoPreview,
    UserPreview,
    preview_person,
    preview_photo,
    preview_photos,
    preview_user,
)
from gallery.services.erasing.users import FORMER, erase_user

__all__ = [
    "FORMER",
    "PersonPreview",
    "PhotoPreview",
    "UserPreview",
    "erase_person",
    "erase_photo",
    "erase_photos",
    "erase_user",
    "note_backups",
    "preview_person",
    "preview_photo",
    "preview_photos",
    "preview_user",
]

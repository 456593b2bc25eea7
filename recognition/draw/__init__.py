"""Pictures of results: boxes and names on a photo, faces hidden for good, contact sheets."""

from recognition.draw.annotation import Drawing, Label, annotate_photo
from recognition.draw.anonymisation import anonymise_faces
from recognition.draw.contact_sheet import Tile, draw_contact_sheet, make_tile

__all__ = [
    "Drawing",
    "Label",
    "Tile",
    "annotate_photo",
    "anonymise_faces",
    "draw_contact_sheet",
    "make_tile",
]

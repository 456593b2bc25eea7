"""Faces that a person draws because the detector missed them."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from gallery import queue
from gallery.models import Face, Photo, User
from gallery.services.errors import Refused
from gallery.services.faces.recording import record
from gallery.services.ledger import Ledger

MIN_SIDE = 8  # pixels


def draw_face(user: User, photo: Photo, box: tuple[float, float, float, float]) -> Face:
    """A new face: left, top, width, height in pixels of the upright photo; the worker embeds it."""
    left, top, width, height = (float(value) for value in box)
    right, bottom = min(left + width, photo.width), min(top + height, photo.height)
    left, top = max(left, 0.0), max(top, 0.0)
    if not (right - left >= MIN_SIDE and bottom - top >= MIN_SIDE):  # not a number fails here, too
        raise Refused(_("The box is too small. Draw it around the whole face."))
    with transaction.atomic():
        face = Face(photo=photo, left=left, top=top, width=right - left, height=bottom - top, is_drawn=True)
        ledger = Ledger()
        ledger.create(face)
        record(user, "face.draw", face, ledger, None)
        queue.send("embed_face", face.pk)
    return face

"""What must be covered so that a face cannot be recognised."""

from __future__ import annotations

from gallery.models import Face
from recognition.types import Box

AROUND_EYES = (
    0.6  # of the landmarks' extent on every side: from the eyes to the brow, from the mouth to the chin
)


def box_to_hide(face: Face) -> Box:
    """The face's box, and all of the face that was found in it: people draw boxes too small or beside it."""
    box = Box(face.left, face.top, face.width, face.height)
    if not face.landmarks:
        return box
    across, down = zip(*face.landmarks, strict=True)
    found = Box(min(across), min(down), max(across) - min(across), max(down) - min(down)).padded(AROUND_EYES)
    left, top = min(box.left, found.left), min(box.top, found.top)
    return Box(left, top, max(box.right, found.right) - left, max(box.bottom, found.bottom) - top)

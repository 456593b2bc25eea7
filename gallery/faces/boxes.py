"""Which boxes are one face, as several hands and detectors draw it."""

from __future__ import annotations

from collections.abc import Sequence

from gallery.models import Face
from recognition.types import Box

ERASED_FACE_OVERLAP = 0.15  # from which a new box is that of an erased face: rather too many than one too few
SAME_FACE_OVERLAP = 0.4  # intersection over union from which two boxes are one face
DRAWN_BOX_OVERLAP = 0.15  # of a drawn box and the face found in it: people draw heads, detectors find faces


def pair_faces(old: Sequence[Face], new: Sequence[Box]) -> dict[int, int]:
    """New position -> old position, best overlaps first, each used once."""
    overlaps = [
        (face.box.iou(box), -before, -after)
        for before, face in enumerate(old)
        for after, box in enumerate(new)
        if face.box.iou(box) >= SAME_FACE_OVERLAP or (face.is_drawn and is_in_drawn_box(box, face.box))
    ]
    pairs: dict[int, int] = {}
    for _overlap, before, after in sorted(overlaps, reverse=True):
        if -after not in pairs and -before not in pairs.values():
            pairs[-after] = -before
    return pairs


def is_in_drawn_box(found: Box, drawn: Box) -> bool:
    """Whether a face that was found may be the one that somebody drew this box around."""
    across, down = found.left + found.width / 2, found.top + found.height / 2
    is_inside = drawn.left <= across <= drawn.right and drawn.top <= down <= drawn.bottom
    return is_inside and found.iou(drawn) >= DRAWN_BOX_OVERLAP


def is_box_erased(old: Sequence[Face], box: Box) -> bool:
    """Whether an erased face stands there, however another detector has drawn its box."""
    return any(face.is_erased and face.box.iou(box) >= ERASED_FACE_OVERLAP for face in old)

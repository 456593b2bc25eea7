"""Cut-outs of a person's faces, and their references, without anybody else's face.

Of a photo only the face with a little around it is cut; other faces that reach into the cut are made
unrecognisable. Pictures are made anew from the pixels, so no position and no other metadata goes along.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from gallery import derived, storage
from gallery.models import Decision, Face, Person, Photo, Reference
from gallery.services.dossier.facts import faces_of, references_of
from recognition.draw import anonymise
from recognition.images import Region, encode, sandbox
from recognition.types import Box, ImageError

AROUND = 0.35  # of a face's box, on every side
AROUND_REFERENCE = 0.8  # a reference is a crop of them already
SIDE = 1_024  # pixels, at most
Picture = tuple[str, bytes | None]  # its name in the file; None where the original cannot be read


def pictures(person: Person) -> Iterator[Picture]:
    for reference in references_of(person):
        yield reference_name(reference), _reference(reference)
    faces = defaultdict(list)
    for face in faces_of(person):
        faces[face.photo].append(face)
    for photo, own in faces.items():
        yield from zip([face_name(face) for face in own], _faces(photo, own), strict=True)


def reference_name(reference: Reference) -> str:
    return f"references/{reference.pk}.jpg"


def face_name(face: Face) -> str:
    return f"faces/{face.photo_id}-{face.pk}.jpg"


def _reference(reference: Reference) -> bytes | None:
    path = storage.path(reference.image)
    try:
        if not reference.box:
            return sandbox.derive(path, SIDE, derived.LIMITS, form="JPEG", quality=90)
        box = Box(*reference.box).padded(AROUND_REFERENCE)
        return _jpeg(sandbox.read_region(path, box, derived.LIMITS, max_side=SIDE), ())
    except (ImageError, OSError):
        return None


def _faces(photo: Photo, own: Sequence[Face]) -> list[bytes | None]:
    path: Path = derived.original(photo)
    others = photo.faces.exclude(pk__in=[face.pk for face in own]).exclude(decision=Decision.NOT_A_FACE)
    hidden = [derived.box_to_hide(face) for face in others]
    try:
        cuts = [_box(face).padded(AROUND) for face in own]
        regions = sandbox.read_regions(path, cuts, derived.LIMITS, max_side=SIDE)
    except (ImageError, OSError):
        return [None] * len(own)
    return [_jpeg(region, hidden) for region in regions]


def _box(face: Face) -> Box:
    return Box(face.left, face.top, face.width, face.height)


def _jpeg(region: Region, hidden: Sequence[Box]) -> bytes:
    scale = region.pixels.shape[1] / region.box.width
    inside = [box.shifted(-region.box.left, -region.box.top).scaled(scale) for box in hidden]
    return encode(anonymise(region.pixels, inside), form="JPEG", quality=90)

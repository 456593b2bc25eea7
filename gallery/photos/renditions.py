"""Renditions: display sizes and crops, made once from originals at the first request. A cache, never the truth.

Names change with the content, so browsers may keep renditions for ever. A photo's face crops are all cut from one
decoding of the original. Functions that make one raise ImageError when the original cannot be read."""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _
from filelock import FileLock
from PIL import Image as Pillow

from gallery.core.exceptions import NotThere
from gallery.models import Face, Photo, Reference
from recognition.draw import anonymise_faces
from recognition.files import write_atomically
from recognition.images import Limits, encode_pixels, shrink_pixels
from recognition.images.sandbox import make_rendition, read_photo, read_regions
from recognition.types import Box

RENDITION_VERSION = 1  # part of every name: a change to how pictures are made gives new names
PHOTO_WIDTHS = (320, 640, 1280, 2048)
FACE_SIZES = (128, 384)  # of face and reference crops, longer side
RENDITION_SUFFIX = ".webp"


def _hash_parts(*parts: object) -> str:
    text = "/".join(map(str, (RENDITION_VERSION, *parts)))
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _hash_picture(photo: Photo, *parts: object) -> str:
    return _hash_parts(photo.sha256, *parts, *([f"turned by {photo.turn}"] if photo.turn else []))


def photo_digest(photo: Photo) -> str:
    """TIFFs were once turned twice, and raw files a thumbnail: browsers may still hold such a picture of them."""
    return _hash_picture(photo, *(["turned once"] if photo.format in ("TIFF", "RAW") else []))


def face_digest(face: Face) -> str:
    """Needs the face's photo (select_related it in lists)."""
    box = (face.left, face.top, face.width, face.height)
    return _hash_picture(face.photo, *(f"{side:.1f}" for side in box))


def hidden_digest(photo: Photo, boxes: Sequence[Box]) -> str:
    """Of the photo with these faces hidden."""
    sides = (f"{side:.1f}" for box in boxes for side in (box.left, box.top, box.width, box.height))
    return _hash_picture(photo, "hidden", *sides)


def reference_digest(reference: Reference) -> str:
    return _hash_parts(reference.sha256)


def choose_photo_width(wanted: int) -> int:
    """The smallest width made that is no smaller than the wanted one."""
    return next((width for width in PHOTO_WIDTHS if width >= wanted), PHOTO_WIDTHS[-1])


def choose_face_size(wanted: int) -> int:
    return next((size for size in FACE_SIZES if size >= wanted), FACE_SIZES[-1])


def photo_folder(sha256: str) -> Path:
    """All that was derived from one photo, its face crops included."""
    return Path(settings.CACHE_ROOT) / "photos" / sha256[:2] / sha256


def reference_folder(sha256: str) -> Path:
    return Path(settings.CACHE_ROOT) / "references" / sha256[:2] / sha256


FACE_MARGIN = 0.35  # around a face's box, as a fraction of its size
# What was accepted under the limits of its day is shown still; the sandbox bounds time and memory.
RENDITION_LIMITS = Limits(bytes=2_000_000_000, pixels=500_000_000)


def get_photo_rendition(photo: Photo, width: int) -> Path:
    """The photo at this width (or its own, if that is less)."""
    path = photo_folder(photo.sha256) / f"{photo_digest(photo)}-{width}{RENDITION_SUFFIX}"
    side = _longer_side(photo, width)
    return make_file_once(
        path, lambda: write_atomically(path, make_rendition(photo.picture, side, RENDITION_LIMITS))
    )


def _longer_side(photo: Photo, width: int) -> int:
    """How long the longer side is when the photo is this wide; very tall photos get no more than four widths."""
    if photo.width == 0 or photo.width >= photo.height:
        return width
    return min(4 * width, round(width * photo.height / photo.width))


def get_hidden_photo_rendition(photo: Photo, width: int, boxes: Sequence[Box]) -> Path:
    """The photo with these faces (boxes of the full photo) made unrecognisable."""
    path = photo_folder(photo.sha256) / f"{hidden_digest(photo, boxes)}-{width}{RENDITION_SUFFIX}"

    def make() -> None:
        check_still_so_turned(photo)
        shown = read_photo(photo.picture, RENDITION_LIMITS, max_side=_longer_side(photo, width))
        pixels = anonymise_faces(shown.pixels, [shown.box_in_pixels(box) for box in boxes])
        write_atomically(path, encode_pixels(pixels))

    return make_file_once(path, make)


def check_still_so_turned(photo: Photo) -> None:
    """Once boxes to hide have been read: NotThere where somebody has turned the photo before, and them with it."""
    if not Photo.objects.filter(pk=photo.pk, turn=photo.turn).exists():
        raise NotThere(_("Somebody has just turned this photo. Load the page again."))


def get_face_rendition(face: Face, size: int) -> Path:
    """The face with some of its surroundings, from full detail."""
    path = _face_rendition_path(face, size)

    def make() -> None:
        others = Face.objects.filter(
            photo_id=face.photo_id, photo__turn=face.photo.turn, is_erased=False
        ).exclude(pk=face.pk)
        faces = [face, *others.select_related("photo")]
        boxes = [one.box.padded(FACE_MARGIN) for one in faces]
        regions = read_regions(face.photo.picture, boxes, RENDITION_LIMITS, max_side=max(FACE_SIZES))
        for one, region in zip(faces, regions, strict=True):
            for each in FACE_SIZES:
                write_atomically(
                    _face_rendition_path(one, each), encode_pixels(shrink_pixels(region.pixels, each))
                )

    return make_file_once(path, make)


def _face_rendition_path(face: Face, size: int) -> Path:
    return photo_folder(face.photo.sha256) / f"face-{face_digest(face)}-{size}{RENDITION_SUFFIX}"


def get_face_jpeg(face: Face, size: int) -> bytes:
    """The face's rendition for programs that do not read WebP."""
    with Pillow.open(get_face_rendition(face, size)) as picture, io.BytesIO() as file:
        picture.convert("RGB").save(file, "JPEG", quality=90)
        return file.getvalue()


def get_reference_rendition(reference: Reference, size: int) -> Path:
    """The reference's crop at this size."""
    path = reference_folder(reference.sha256) / f"{reference_digest(reference)}-{size}{RENDITION_SUFFIX}"
    return make_file_once(
        path, lambda: write_atomically(path, make_rendition(reference.image.path, size, RENDITION_LIMITS))
    )


# Of the landmarks' extent on every side: from the eyes to the brow, from the mouth to the chin.
LANDMARK_MARGIN = 0.6


def get_box_to_hide(face: Face) -> Box:
    """The face's box, and all of the face that was found in it: people draw boxes too small or beside it."""
    box = face.box
    if not face.landmarks:
        return box
    across, down = zip(*face.landmarks, strict=True)
    found = Box(min(across), min(down), max(across) - min(across), max(down) - min(down)).padded(
        LANDMARK_MARGIN
    )
    left, top = min(box.left, found.left), min(box.top, found.top)
    return Box(left, top, max(box.right, found.right) - left, max(box.bottom, found.bottom) - top)


def make_file_once(path: Path, make: Callable[[], None]) -> Path:
    """`path`, after `make` has written it if it was not there; who comes second waits for the first."""
    if not path.exists():
        with FileLock(path.parent / ".lock"):  # the system lets go of it when the process dies
            if not path.exists():
                make()
    return path


def delete_photo_renditions(sha256: str) -> None:
    """Remove a photo's display sizes and face crops."""
    shutil.rmtree(photo_folder(sha256), ignore_errors=True)


def delete_reference_renditions(sha256: str) -> None:
    shutil.rmtree(reference_folder(sha256), ignore_errors=True)


def delete_orphan_renditions() -> int:
    """Remove what was derived from originals that are no more; how many originals that were.

    Folders are named after a SHA-256; the known ones are asked for one first pair of digits at a time.
    """
    count = 0
    for name, model in (("photos", Photo), ("references", Reference)):
        for shelf in sorted((Path(settings.CACHE_ROOT) / name).glob("??")):
            rows = model._default_manager.filter(sha256__startswith=shelf.name)
            known = set(rows.values_list("sha256", flat=True))
            for folder in [each for each in shelf.iterdir() if each.is_dir() and each.name not in known]:
                shutil.rmtree(folder, ignore_errors=True)
                count += 1
    return count

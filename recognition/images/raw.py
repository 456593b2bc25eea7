"""Camera raw files: the picture that the camera put inside, or the sensor's own where there is only a small one.

LibRaw (by rawpy) reads all of them; it is loaded only when such a file is there.
"""

from __future__ import annotations

import io
import struct
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from PIL import Image as Pillow
from PIL import JpegImagePlugin, TiffImagePlugin

from recognition.errors import ImageError
from recognition.images.limits import Limits
from recognition.images.metadata import EXIF_ERRORS, Metadata, describe_exif
from recognition.images.moments import Moment
from recognition.images.structure import check_dimensions

if TYPE_CHECKING:
    import rawpy

# NEF, ARW, DNG, PEF and the like are TIFF files; these are not, or not quite.
RAW_SIGNATURES = (b"IIRO", b"IIRS", b"MMOR", b"IIU\x00", b"FUJIFILMCCD-RAW")
_SUBFILE, _PHOTOMETRIC, _MAKE, _SUB_DIRECTORIES, _DNG_VERSION = 254, 262, 271, 330, 50706
_SENSOR = {32803, 34892}  # photometric interpretations: a colour filter array, linear raw
_MOST_DIRECTORIES = 16
_ORIENTATIONS = {3: 3, 5: 8, 6: 6}  # LibRaw's "flip" as EXIF has it
_LARGE_PREVIEW = 1_600  # pixels along the longer side: enough for the faces of a group


def is_raw_tiff(file: BinaryIO) -> bool:
    """Whether a TIFF holds what a sensor saw, or is a thumbnail that leads to larger pictures, as cameras write."""
    with suppress(*EXIF_ERRORS):
        file.seek(0)
        directory = TiffImagePlugin.ImageFileDirectory_v2(file.read(8))
        for _ in range(_MOST_DIRECTORIES):
            if not directory.next:
                return False
            file.seek(directory.next)
            directory.load(file)
            if _DNG_VERSION in directory or directory.get(_PHOTOMETRIC) in _SENSOR:
                return True
            if directory.get(_SUBFILE, 0) & 1 and _SUB_DIRECTORIES in directory and _MAKE in directory:
                return True
    return False


def open_raw(file: BinaryIO, limits: Limits) -> tuple[Pillow.Image, Metadata]:
    """The largest preview, not yet decoded, or where it is small the developed picture; both as they are stored.

    Raises ImageError where LibRaw cannot read the file, ImageTooLarge where the sensor is over the limits.
    """
    import rawpy

    try:
        file.seek(0)
        with rawpy.imread(file) as raw:
            metadata = _read_raw_metadata(file, raw)
            preview = _read_preview(raw)
            sensor = max(raw.sizes.width, raw.sizes.height)
            if preview is None or max(preview.size) < min(_LARGE_PREVIEW, sensor):
                check_dimensions((raw.sizes.width, raw.sizes.height), limits)
                return Pillow.fromarray(raw.postprocess(use_camera_wb=True, user_flip=0)), metadata
            if _is_upright_already(preview, raw, metadata.orientation):
                metadata = replace(metadata, orientation=1)
            return preview, metadata
    except rawpy.LibRawError:
        raise ImageError("raw_unreadable") from None


def _read_preview(raw: rawpy.RawPy) -> Pillow.Image | None:
    import rawpy

    try:
        preview = raw.extract_thumb()
    except rawpy.LibRawError:
        return None
    if isinstance(preview.data, bytes):
        with suppress(SyntaxError, struct.error):
            return JpegImagePlugin.JpegImageFile(io.BytesIO(preview.data))
        return None
    return Pillow.fromarray(preview.data)


def _is_upright_already(preview: Pillow.Image, raw: rawpy.RawPy, orientation: int) -> bool:
    """Some cameras turn the preview: then it does not lie as the sensor does."""
    is_lying = raw.sizes.width >= raw.sizes.height
    return orientation in (6, 8) and (preview.width >= preview.height) != is_lying


def _read_raw_metadata(file: BinaryIO, raw: rawpy.RawPy) -> Metadata:
    exif = Pillow.Exif()
    try:
        file.seek(0)
        exif.load_from_fp(file)
        said = describe_exif(exif)
    except EXIF_ERRORS:  # no TIFF: what LibRaw says will do, and it does not say whether there is a position
        said = Metadata(1, None, has_position=True)
    moment = said.moment
    if moment is None and raw.other.timestamp:
        moment = Moment(raw.other.timestamp, "second", "exif")
    return replace(said, orientation=_ORIENTATIONS.get(raw.sizes.flip, 1), moment=moment)

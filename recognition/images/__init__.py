"""The one place where bytes become an upright RGB array, with every safety limit.

``probe_photo`` checks a file without decoding it, ``read_photo`` decodes it, ``read_regions`` cuts parts out
in full detail, ``make_rendition`` makes a small copy for showing. ``recognition.images.sandbox`` has the same
functions, run where memory and time are limited: use those for files that strangers send.
"""

from recognition.images.limits import DEFAULT_LIMITS, Limits
from recognition.images.photo import Photo, Region
from recognition.images.reader import (
    encode_pixels,
    make_rendition,
    probe_photo,
    read_photo,
    read_region,
    read_regions,
    shrink_pixels,
)
from recognition.images.source import ImageInfo, Source, Turned

__all__ = [
    "DEFAULT_LIMITS",
    "ImageInfo",
    "Limits",
    "Photo",
    "Region",
    "Source",
    "Turned",
    "encode_pixels",
    "make_rendition",
    "probe_photo",
    "read_photo",
    "read_region",
    "read_regions",
    "shrink_pixels",
]

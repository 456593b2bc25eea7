"""The one place where bytes become an upright RGB array, with every safety limit.

``probe`` checks a file without decoding it, ``read`` decodes it, ``read_regions`` cuts parts out in full
detail, ``derive`` makes a small copy for showing. ``recognition.images.sandbox`` has the same functions, run
where memory and time are limited: use those for files that strangers send.
"""

from recognition.images.cutting import read_region, read_regions
from recognition.images.limits import DEFAULT_LIMITS, Limits
from recognition.images.opening import ImageInfo, Source
from recognition.images.photo import Photo, Region
from recognition.images.reading import derive, encode, probe, read

__all__ = [
    "DEFAULT_LIMITS",
    "ImageInfo",
    "Limits",
    "Photo",
    "Region",
    "Source",
    "derive",
    "encode",
    "probe",
    "read",
    "read_region",
    "read_regions",
]

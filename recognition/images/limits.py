"""One table of limits for every entrance: the browser, the commands and the library itself."""

from __future__ import annotations

from dataclasses import dataclass

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may cost. Everything but the time is checked before any pixel is decoded."""

    bytes: int = 64 * MEGABYTE
    pixels: int = 200_000_000  # of the first frame; about 5 bytes of memory each while decoding a JPEG
    side: int = 65_535  # pixels along the longer side
    frames: int = 1_000  # of an animation or a multi-page file; only the first is ever shown
    metadata_bytes: int = 16 * MEGABYTE  # EXIF, XMP, ICC, comments and the like, together
    seconds: float = 20.0  # in the sandbox: wall time for one file
    memory_bytes: int = 2_500 * MEGABYTE  # in the sandbox: address space of the decoding process


DEFAULT_LIMITS = Limits()

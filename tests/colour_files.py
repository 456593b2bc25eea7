"""Photos of many kinds that stand on their side, or whose colours only their profile explains, made by code."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

from tests import corpus

Turned = Callable[[int], bytes]  # by EXIF's orientation
HDR_XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"/>'
    b"</rdf:RDF></x:xmpmeta>"
)


def exif_of(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def grey_of_16_bits() -> Image.Image:
    return Image.fromarray(np.asarray(corpus.picture().convert("L")).astype(np.uint16) * 257)


def tiff_of_16_bits(orientation: int = 1) -> bytes:
    samples = (np.asarray(corpus.picture()).astype("<u2") * 257).tobytes()

    def describe(start: int) -> bytes:
        tags: list[tuple[int, int, list[int]]] = [
            (256, 4, [64]), (257, 4, [48]), (258, 3, [16, 16, 16]), (259, 3, [1]), (262, 3, [2]),
            (273, 4, [start]), (274, 3, [orientation]), (277, 3, [3]), (278, 4, [48]),
            (279, 4, [len(samples)]), (284, 3, [1]),
        ]  # fmt: skip
        return corpus._tiff_directory([*tags], 8)

    return b"II*\0\x08\0\0\0" + describe(8 + len(describe(0))) + samples


def png_of_16_bits(orientation: int = 1) -> bytes:
    samples = np.asarray(corpus.picture()).astype(">u2") * 257
    rows = b"".join(b"\0" + samples[row].astype(">u2").tobytes() for row in range(48))
    exif = b"II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, 0x0112, 3, 1, orientation, 0)
    chunks = {b"IHDR": struct.pack(">IIBBBBB", 64, 48, 16, 2, 0, 0, 0), b"eXIf": exif}
    chunks |= {b"IDAT": zlib.compress(rows), b"IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(corpus.png_chunk(*chunk) for chunk in chunks.items())


def jpeg_with_gain_map(orientation: int = 1) -> bytes:
    """A picture for every screen, and beside it what makes it brighter on some."""
    gains = Image.new("L", (16, 12), 200)
    options = {"save_all": True, "append_images": [gains], "quality": 92, "xmp": HDR_XMP}
    return corpus.saved(corpus.picture(), "MPO", exif=exif_of(orientation), **options)


def save_turned(form: str, mode: str = "RGB") -> Turned:
    options = {} if form in ("PNG", "TIFF") else {"quality": 95}
    return lambda orientation: corpus.saved(
        corpus.picture().convert(mode), form, exif=exif_of(orientation), **options
    )


# Each shows picture(), grey ones without its colours
TURNED: dict[str, Turned] = {
    "JPEG": corpus.jpeg_turned,
    "progressive JPEG": lambda orientation: corpus.jpeg(exif=exif_of(orientation), progressive=True),
    "grey JPEG": save_turned("JPEG", "L"),
    "CMYK JPEG": save_turned("JPEG", "CMYK"),
    "MPO": lambda orientation: corpus.saved(
        corpus.picture(), "MPO", save_all=True, append_images=[corpus.picture(seed=9)], exif=exif_of(orientation)
    ),
    "JPEG with a gain map": jpeg_with_gain_map,
    "PNG": save_turned("PNG"),
    "PNG of 16 bits": png_of_16_bits,
    "WebP": save_turned("WEBP"),
    "HEIC": lambda orientation: corpus.heic(exif=exif_of(orientation).tobytes()),
    "AVIF": save_turned("AVIF"),
    "JPEG XL": corpus.jxl_of_jpeg,
    "TIFF": save_turned("TIFF"),
    "CMYK TIFF": save_turned("TIFF", "CMYK"),
    "TIFF of 16 bits": tiff_of_16_bits,
    "grey TIFF of 16 bits": lambda orientation: corpus.saved(
        grey_of_16_bits(), "TIFF", exif=exif_of(orientation)
    ),
}  # fmt: skip


def save_with_profile(form: str, profile: bytes) -> bytes:
    if form == "HEIC":
        return corpus.heic(icc_profile=profile)
    if form == "JPEG XL":  # whose encoder takes a profile from nothing but a JPEG
        import pillow_jxl

        pack = pillow_jxl.Encoder(mode="RGB", lossless=True, quality=100)
        return bytes(
            pack(corpus.jpeg(icc_profile=profile), 64, 48, jpeg_encode=True, exif=b"", jumb=b"", xmp=b"")
        )
    options = {} if form in ("PNG", "TIFF") else {"quality": 95}
    return corpus.saved(corpus.picture(), form, icc_profile=profile, **options)


def linear_grey_profile() -> bytes:
    """Grey of which half is half the light, and so looks much brighter than half of sRGB."""
    curve = b"curv" + bytes(4) + struct.pack(">IHxx", 1, 0x0100)
    return _build_profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": curve})


def grey_ink_profile() -> bytes:
    """Four inks that are all black: any picture printed with them is grey."""
    ramp = bytes(range(256))
    corners = [100.0 if ink == 0 else 40.0 / ink.bit_count() for ink in range(16)]
    grid = b"".join(bytes([round(lightness * 2.55), 128, 128]) for lightness in corners)
    matrix = struct.pack(">9i", *(65536 * (place % 4 == 0) for place in range(9)))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + matrix + ramp * 4 + grid + ramp * 3
    return _build_profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": table})


def _build_profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    white = struct.pack(">3i", *(round(part * 65536) for part in (0.9642, 1.0, 0.8249)))
    tags = {b"wtpt": b"XYZ " + bytes(4) + white, **tags}
    start = 128 + 4 + 12 * len(tags)
    directory, body = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        directory += name + struct.pack(">II", start + len(body), len(content))
        body += content.ljust(-(-len(content) // 4) * 4, b"\0")
    head = struct.pack(">I4xI", start + len(body), 0x02400000) + kind + space + connection
    head += bytes(12) + b"acsp" + bytes(28) + white
    return head.ljust(128, b"\0") + directory + body

"""Photos and hostile files made by code: small, seeded, the same every time."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageCms

Maker = Callable[[], bytes]


def picture(width: int = 64, height: int = 48, seed: int = 7) -> Image.Image:
    """Soft coloured blotches: compresses well, has no symmetry."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 255, (4, 5, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def jpeg(width: int = 64, height: int = 48, **options: object) -> bytes:
    return saved(picture(width, height), "JPEG", **{"quality": 92, **options})


def jpeg_turned(orientation: object, width: int = 64, height: int = 48) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return jpeg(width, height, exif=exif)


def jpeg_with_position(moment: str = "2021:07:04 12:30:00") -> bytes:
    exif = Image.Exif()
    exif[0x0132] = moment
    exif.get_ifd(0x8769)[0x9003] = moment
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 29.6), 3: "E", 4: (2.0, 17.0, 40.2)})
    return jpeg(exif=exif)


def heic(width: int = 64, height: int = 48, **options: object) -> bytes:
    import pillow_heif

    file = io.BytesIO()
    pillow_heif.from_pillow(picture(width, height)).save(file, quality=90, **options)
    return file.getvalue()


def jxl(width: int = 64, height: int = 48, **options: object) -> bytes:
    import pillow_jxl  # noqa: F401  # makes Pillow write them

    return saved(picture(width, height), "JXL", quality=95, **options)


def jxl_of_jpeg(orientation: int = 1) -> bytes:
    """The JPEG packed anew, without loss, as archives are migrated."""
    import pillow_jxl

    pack = pillow_jxl.Encoder(mode="RGB", lossless=True, quality=100)
    return bytes(pack(jpeg_turned(orientation), 64, 48, jpeg_encode=True, exif=b"", jumb=b"", xmp=b""))


def jxl_claiming(width: int, height: int) -> bytes:
    """The header of a JPEG XL of that size: two sizes of 30 bits."""
    bits, count = 0, 0
    for value, length in ((0, 1), (3, 2), (height - 1, 30), (0, 3), (3, 2), (width - 1, 30)):
        bits |= value << count
        count += length
    return b"\xff\x0a" + bits.to_bytes(16, "little")


def dng(image: Image.Image, preview: Image.Image | None = None, orientation: int = 1) -> bytes:
    """A camera raw file: red, green and blue samples in a mosaic, and a JPEG of the picture where it is given."""
    rgb = ((np.asarray(image) / 255.0) ** 2.2 * 16383).astype(np.uint16)
    mosaic = rgb[..., 1].copy()
    mosaic[0::2, 0::2], mosaic[1::2, 1::2] = rgb[0::2, 0::2, 0], rgb[1::2, 1::2, 2]
    sensor = mosaic.tobytes()
    small = b"" if preview is None else saved(preview, "JPEG", quality=92)
    one, none = (1, 1), (0, 1)
    camera: list[_Tag] = [
        (271, 2, b"Facesite\0"), (272, 2, b"Test\0"), (274, 3, [orientation]), (306, 2, b"2021:07:04 12:30:00\0"),
        (50706, 1, bytes([1, 4, 0, 0])), (50708, 2, b"Facesite Test\0"), (50728, 5, [one] * 3), (50778, 3, [21]),
        (50721, 10, [one, none, none, none, one, none, none, none, one]),
    ]  # fmt: skip

    def describe_sensor(start: int) -> list[_Tag]:
        width, height = image.size
        return [
            (254, 4, [0]), (256, 4, [width]), (257, 4, [height]), (258, 3, [16]), (259, 3, [1]), (262, 3, [32803]),
            (273, 4, [start]), (277, 3, [1]), (278, 4, [height]), (279, 4, [len(sensor)]), (33421, 3, [2, 2]),
            (33422, 1, bytes([0, 1, 1, 2])), (50717, 4, [16383]),
        ]  # fmt: skip

    def describe_preview(start: int, sub: int) -> list[_Tag]:
        width, height = (0, 0) if preview is None else preview.size
        return [
            (254, 4, [1]), (256, 4, [width]), (257, 4, [height]), (258, 3, [8, 8, 8]), (259, 3, [7]), (262, 3, [6]),
            (273, 4, [start]), (277, 3, [3]), (278, 4, [height]), (279, 4, [len(small)]), (330, 4, [sub]),
        ]  # fmt: skip

    if preview is None:
        length = len(_tiff_directory(describe_sensor(0) + camera, 8))
        return b"II*\0\x08\0\0\0" + _tiff_directory(describe_sensor(8 + length) + camera, 8) + sensor
    sub = 8 + len(_tiff_directory(describe_preview(0, 0) + camera, 8))
    start = sub + len(_tiff_directory(describe_sensor(0), sub))
    first = _tiff_directory(describe_preview(start + len(sensor), sub) + camera, 8)
    return b"II*\0\x08\0\0\0" + first + _tiff_directory(describe_sensor(start), sub) + sensor + small


_Tag = tuple[int, int, Any]  # number, type, values


def _tiff_directory(tags: list[_Tag], start: int) -> bytes:
    formats = {3: "<H", 4: "<I"}
    body, values = struct.pack("<H", len(tags)), b""
    after = start + 2 + 12 * len(tags) + 4
    for number, kind, content in sorted(tags):
        if kind in (1, 2):
            data = bytes(content)
        elif kind in formats:
            data = b"".join(struct.pack(formats[kind], value) for value in content)
        else:
            data = b"".join(struct.pack("<ii", *value) for value in content)
        body += struct.pack("<HHI", number, kind, len(content))
        if len(data) <= 4:
            body += data.ljust(4, b"\0")
        else:
            body += struct.pack("<I", after + len(values))
            values += data + b"\0" * (len(data) % 2)
    return body + struct.pack("<I", 0) + values


def animation(form: str, frames: int = 3) -> bytes:
    pictures = [picture(seed=seed) for seed in range(frames)]
    return saved(pictures[0], form, save_all=True, append_images=pictures[1:])


def sixteen_bit(form: str) -> bytes:
    ramp = np.linspace(0, 65535, 64 * 48).reshape(48, 64).astype(np.uint16)
    return saved(Image.fromarray(ramp), form)


def half_transparent(form: str) -> bytes:
    image = Image.new("RGBA", (64, 48), (255, 0, 0, 255))
    image.paste((0, 0, 255, 0), (32, 0, 64, 48))
    return saved(image, form, **({"lossless": True} if form == "WEBP" else {}))


def wide_gamut_profile() -> bytes:
    """A valid RGB profile that is not sRGB: sRGB's own bytes with red and blue primaries exchanged."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile = bytearray(bytes(profile).replace(b"rXYZ", b"xxxx").replace(b"bXYZ", b"rXYZ"))
    return bytes(profile.replace(b"xxxx", b"bXYZ")).replace(b"s\x00R\x00G\x00B", b"t\x00e\x00s\x00t")


# Every kind of photo that must be read; "plain" ones show picture() within the error of their compression.
PLAIN: dict[str, Maker] = {
    "jpeg": jpeg,
    "progressive jpeg": lambda: jpeg(progressive=True),
    "png": lambda: saved(picture(), "PNG"),
    "webp": lambda: saved(picture(), "WEBP", quality=95),
    "lossless webp": lambda: saved(picture(), "WEBP", lossless=True),
    "heic": heic,
    "avif": lambda: saved(picture(), "AVIF", quality=95),
    "jpeg xl": lambda: jxl(),
    "jpeg xl in boxes": lambda: jxl(use_container=True),
    "jpeg xl made of a jpeg": lambda: jxl_of_jpeg(),
    "tiff": lambda: saved(picture(), "TIFF"),
    "packed tiff": lambda: saved(picture(), "TIFF", compression="tiff_lzw"),
    "gif": lambda: saved(picture(), "GIF"),
    "bmp": lambda: saved(picture(), "BMP"),
    "jpeg of a phone, with a second picture": lambda: saved(
        picture(), "MPO", save_all=True, append_images=[picture(seed=9)], quality=92
    ),
}
ODD: dict[str, Maker] = {
    "cmyk jpeg": lambda: saved(picture().convert("CMYK"), "JPEG", quality=95),
    "cmyk tiff": lambda: saved(picture().convert("CMYK"), "TIFF"),
    "grey jpeg": lambda: saved(picture().convert("L"), "JPEG"),
    "bilevel png": lambda: saved(picture().convert("1"), "PNG"),
    "palette png": lambda: saved(picture().convert("P"), "PNG"),
    "palette png with a transparent colour": lambda: saved(picture().convert("P"), "PNG", transparency=0),
    "grey and alpha png": lambda: saved(picture().convert("LA"), "PNG"),
    "transparent png": lambda: half_transparent("PNG"),
    "transparent webp": lambda: half_transparent("WEBP"),
    "transparent tiff": lambda: half_transparent("TIFF"),
    "16-bit png": lambda: sixteen_bit("PNG"),
    "16-bit tiff": lambda: sixteen_bit("TIFF"),
    "float tiff": lambda: saved(Image.fromarray(np.linspace(0, 1, 3072, dtype="f4").reshape(48, 64)), "TIFF"),
    "animated gif": lambda: animation("GIF"),
    "animated png": lambda: animation("PNG"),
    "animated webp": lambda: animation("WEBP"),
    "tiff of many pages": lambda: animation("TIFF"),
    "one pixel": lambda: saved(Image.new("RGB", (1, 1), "red"), "PNG"),
    "one column": lambda: saved(picture(1, 300), "JPEG"),
    "broken colour profile": lambda: jpeg(icc_profile=b"\x00\x00\x02\x00broken" * 40),
    "broken exif": lambda: jpeg(exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f garbage"),
    "wide gamut": lambda: jpeg(icc_profile=wide_gamut_profile()),
    "wide gamut of grey": lambda: saved(picture().convert("L"), "JPEG", icc_profile=wide_gamut_profile()),
    "truncated jpeg": lambda: jpeg(400, 300)[:4000],
    "raw without a preview": lambda: dng(picture(200, 120)),
    "raw with a preview": lambda: dng(picture(200, 120), preview=picture(200, 120)),
}  # fmt: skip


def png_claiming(width: int, height: int) -> bytes:
    """A few bytes that say they are a very large picture."""
    body = zlib.compress(b"\x00" * 1000)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")
    )


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_bomb(side: int = 20_000) -> bytes:
    """400 megapixels of white in half a megabyte of file."""
    packer = zlib.compressobj(9)
    row = b"\x00" + b"\xff" * (side // 8)
    body = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")
    )


def jpeg_with_segments(count: int, marker: int = 0xE1, body: bytes = b"Exif\x00\x00" + b"x" * 65000) -> bytes:
    plain = jpeg()
    segment = struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body
    return plain[:2] + segment * count + plain[2:]


def zip_of(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def gif_of_frames(count: int) -> bytes:
    """An animation whose frames cost a few bytes each."""
    frame = b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00"
    return b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff" + frame * count + b";"


def tiff_going_round() -> bytes:
    """A TIFF whose directory points at itself."""
    return b"II*\x00\x08\x00\x00\x00" + struct.pack("<H", 0) + struct.pack("<I", 8)


def jpeg_of_scans(count: int = 4000, side: int = 2000) -> bytes:
    """A progressive JPEG that repeats one scan: each repetition costs the decoder a full pass."""
    data = saved(Image.new("L", (side, side)), "JPEG", progressive=True)
    start = data.index(b"\xff\xda")
    end = data.index(b"\xff", start + 2)
    while data[end + 1] == 0:
        end = data.index(b"\xff", end + 2)
    return data[:start] + data[start:end] + data[end:-2] * count + data[-2:]


# What must be refused, and a word of the reason.
HOSTILE: dict[str, tuple[Maker, str]] = {
    "nothing at all": (lambda: b"", "empty"),
    "text": (lambda: b"Dear committee,\nhere is the photo.", "text"),
    "svg": (lambda: b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
    "html": (lambda: b"\n<!DOCTYPE html><html><script>alert(1)</script>", "web page"),
    "pdf": (lambda: b"%PDF-1.7\n%\xe2\xe3", "PDF"),
    "zip": (lambda: zip_of({"a.jpg": jpeg()}), "ZIP"),
    "noise": (lambda: bytes(range(128, 256)) * 20, "not a photo"),
    "avif and no more": (
        lambda: b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1miaf",
        "AVIF photo, but is damaged",
    ),
    "jpeg xl and no more": (lambda: b"\xff\x0a", "damaged"),
    "jpeg xl that claims a gigapixel": (lambda: jxl_claiming(60_000, 20_000), "1200 megapixels"),
    "truncated jpeg xl": (lambda: jxl()[:-30], "damaged"),
    "raw and no more": (lambda: dng(picture(200, 120))[:700], "camera raw"),
    "icon": (lambda: b"\x00\x00\x01\x00\x01\x00" + b"\x00" * 40, "icon"),
    "jpeg 2000": (lambda: b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"),
    "postscript": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript"),
    "jpeg magic and no more": (lambda: b"\xff\xd8\xff\xe0", "damaged"),
    "truncated png": (lambda: saved(picture(300, 300), "PNG")[:3000], "too early"),
    "truncated webp": (lambda: saved(picture(300, 300), "WEBP")[:500], "damaged"),
    "truncated heic": (lambda: heic(300, 300)[:-2000], "damaged"),
    "truncated gif": (lambda: saved(picture(300, 300), "GIF")[:3000], "too early"),
    "truncated bmp": (lambda: saved(picture(300, 300), "BMP")[:3000], "too early"),
    "truncated tiff": (lambda: saved(picture(300, 300), "TIFF")[:3000], "damaged"),
    "png that claims 90,000 x 90,000": (lambda: png_claiming(90_000, 90_000), "no side"),
    "png bomb": (png_bomb, "megapixels"),
    "long thin png": (lambda: png_claiming(100_000, 1), "no side"),
    "no pixels": (lambda: png_claiming(0, 10), "damaged"),
    "endless exif": (lambda: jpeg_with_segments(300), "beside the picture"),
    "endless comments": (lambda: jpeg_with_segments(300, 0xFE), "beside the picture"),
    "gif of 5,000 frames": (lambda: gif_of_frames(5000), "frames"),
    "tiff going round": (tiff_going_round, "damaged"),
    "jpeg and zip": (lambda: jpeg() + zip_of({"evil.html": b"<script>"}), "ZIP archive at once"),
    "gif and script": (lambda: b"GIF89a/*<script>*/=1;" + b"\x00" * 40, "at once"),
    "jpeg and web page": (lambda: jpeg(comment=b"<html><script>alert(1)</script>"), "at once"),
    "png and pdf": (
        lambda: saved(picture(), "PNG")[:33] + png_chunk(b"teXt", b"%PDF-1.4") + saved(picture(), "PNG")[33:],
        "at once",
    ),
}

"""What a file is, told by its first and last bytes; its name is never looked at."""

from __future__ import annotations

import zipfile
from typing import BinaryIO

from recognition.errors import ImageError
from recognition.images.raw import RAW_SIGNATURES, is_raw_tiff

HEAD_BYTES = 1024  # as far as browsers look when they guess what a file is
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JXL"),
    (b"\xff\x0a", "JXL"),
    *((signature, "RAW") for signature in RAW_SIGNATURES),
)
_STRANGERS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"%PDF-", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"8BPS", "a Photoshop document"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x00\x00\x00\x0cjP", "a JPEG 2000 image"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (b"\x00\x00\x01\x00", "an icon"),
    (b"\x1a\x45\xdf\xa3", "a video"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"ID3", "a sound file"),
    (b"OggS", "a sound file"),
)
_MARKUP: tuple[tuple[bytes, str], ...] = (
    (b"<svg", "an SVG drawing"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"<script", "a web page"),
    (b"<?php", "a PHP script"),
    (b"%pdf-", "a PDF document"),
)


def identify_photo(file: BinaryIO) -> str:
    """The kind of photo in ``file`` ("JPEG", "PNG", "WEBP", "HEIC", "AVIF", "JXL", "TIFF", "RAW", "GIF", "BMP").

    Raises ImageError for everything else, and for a file that is a photo and something else at once.
    Leaves the file at its start.
    """
    file.seek(0)
    head = file.read(HEAD_BYTES)
    kind = get_photo_kind(head)
    if kind != "TIFF" and any(mark in head.lower() for mark, _ in _MARKUP):
        other = next(name for mark, name in _MARKUP if mark in head.lower())
        raise ImageError("two_at_once", what=other)
    if zipfile.is_zipfile(file):
        raise ImageError("two_at_once", what="a ZIP archive")
    is_raw = kind == "TIFF" and is_raw_tiff(file)
    file.seek(0)
    return "RAW" if is_raw else kind


def get_photo_kind(head: bytes) -> str:
    """The kind of photo that starts with ``head`` (1024 bytes do), where most raw files are TIFFs; ImageError if none
    that is read."""
    if not head:
        raise ImageError("empty")
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return "RAW" if kind == "TIFF" and head[8:10] == b"CR" else kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        if _is_avif(head):
            return "AVIF"
        if head[8:12] in _HEIC_BRANDS:
            return "HEIC"
        if head[8:12] == b"crx ":
            return "RAW"
    raise _make_kind_error(_describe_stranger(head))


def _is_avif(head: bytes) -> bool:
    if head[8:12] in (b"avif", b"avis"):
        return True
    size = int.from_bytes(head[:4], "big")
    return b"avif" in head[16 : min(size, 256)] and b"heic" not in head[16 : min(size, 256)]


def _describe_stranger(head: bytes) -> str:
    for signature, name in _STRANGERS:
        if head.startswith(signature):
            return name
    if head[4:8] == b"ftyp":
        return "a video"
    lower = head.lower()
    for mark, name in _MARKUP:
        if mark in lower:
            return name
    if lower.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<?xml"):
        return "an XML document"
    if b"\x00" not in head and all(byte >= 32 or byte in (9, 10, 12, 13) for byte in head):
        return "text"
    return ""


def _make_kind_error(what: str) -> ImageError:
    return ImageError("looks_like", what=what) if what else ImageError("no_photo")

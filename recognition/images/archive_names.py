"""The names of a ZIP archive's members, in whatever letters the program that packed it wrote them."""

from __future__ import annotations

import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Sequence

from charset_normalizer import from_bytes

_UTF8_NAME = 0x800  # flag of a member
_UNICODE_PATH = 0x7075  # extra field of Info-ZIP: the name in UTF-8
_WESTERN = ("cp437", "cp850")
_OTHERS = ("cp932", "gb18030", "cp949", "big5", "cp866")


def decode_names(entries: Sequence[zipfile.ZipInfo]) -> list[str]:
    """The names in their order, in NFC and with "/" between folders.

    What is not marked as UTF-8 is so all the same if it can be; else it has the letters of one old encoding, which is
    guessed from all such names together.
    """
    old = [
        raw
        for entry in entries
        if not entry.flag_bits & _UTF8_NAME and not _is_utf8(raw := _get_raw_name(entry))
    ]
    encoding = _guess_encoding(old) if old else "cp437"
    names = (_find_unicode_name(entry) or _decode_name(entry, encoding) for entry in entries)
    return [unicodedata.normalize("NFC", name.replace("\\", "/")) for name in names]


def _decode_name(entry: zipfile.ZipInfo, encoding: str) -> str:
    if entry.flag_bits & _UTF8_NAME:
        return entry.orig_filename
    raw = _get_raw_name(entry)
    return raw.decode("utf-8" if _is_utf8(raw) else encoding, "replace")


def _get_raw_name(entry: zipfile.ZipInfo) -> bytes:
    return entry.orig_filename.encode("cp437")  # as which `zipfile` has read it


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _find_unicode_name(entry: zipfile.ZipInfo) -> str:
    """The name in the extra field, if that is of this name."""
    rest = entry.extra
    while len(rest) >= 4:
        kind, size = struct.unpack_from("<HH", rest)
        body, rest = rest[4 : 4 + size], rest[4 + size :]
        if kind == _UNICODE_PATH and len(body) > 5 and body[0] == 1 and not entry.flag_bits & _UTF8_NAME:
            is_of_name = struct.unpack_from("<I", body, 1)[0] == zlib.crc32(_get_raw_name(entry))
            return body[5:].decode(errors="replace") if is_of_name else ""
    return ""


def _guess_encoding(names: Sequence[bytes]) -> str:
    western = next((each for each in _WESTERN if all(_is_western(name.decode(each)) for name in names)), "")
    found = None if western else from_bytes(b"\n".join(names), cp_isolation=[*_OTHERS, *_WESTERN]).best()
    return found.encoding if found else western or "cp437"


def _is_western(name: str) -> bool:
    """Whether letters beyond ASCII stand one by one in words of plain letters, as in Café, and not in runs."""
    words = "".join(letter if letter.isalpha() or not letter.isascii() else " " for letter in name).split()
    marked = [word for word in words if not word.isascii()]
    return all(
        word.isalpha()
        and (word.islower() or word.isupper() or word.istitle())
        and 2 * sum(letter.isascii() for letter in word) >= len(word)
        for word in marked
    )

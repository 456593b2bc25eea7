"""Files beside photos in which other programs keep names: XMP sidecars, Picasa's lists, exported JSON.

Read them through ``recognition.images.sandbox``. Each says who is in which file; "" is the photo it lies beside.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from recognition.errors import ImageError
from recognition.images.names import (
    MAX_NAME_LENGTH,
    NameTag,
    clean_name,
    drop_repeated_names,
    make_box,
    make_centred_box,
    make_frame,
    parse_xml,
    read_xmp_names,
)
from recognition.types import Box

MAX_SIDECAR_BYTES = 4_000_000
_LONGEST_TITLE = 46  # of what Google's exports call a file
MAX_FILES = 20_000  # that one list speaks of
SUFFIXES = {".xmp", ".json", ".ini", ".xml"}
_NAMELESS = {"", "_unknown_", "ffffffffffffffff"}
_FACES = re.compile(r"rect64\(([0-9a-fA-F]{1,16})\),([0-9a-fA-F]{1,16})")

NamesOfFiles = dict[str, list[NameTag]]  # by the file's name
Contacts = dict[str, str]  # Picasa's number of a person, and the name


def is_sidecar_name(name: str) -> bool:
    """Whether a file is called like those in which names are looked for."""
    path = PurePath(name.lower())
    if path.suffix == ".ini":
        return path.name in (".picasa.ini", "picasa.ini")
    return path.name == "contacts.xml" if path.suffix == ".xml" else path.suffix in SUFFIXES


def list_sidecar_names(photo: str) -> list[str]:
    """What sidecars of a file of this name may be called, in small letters.

    Google cuts names short, and puts the number of a second file of one name behind its ending.
    """
    name = photo.lower()
    stem, suffix = PurePath(name).stem, PurePath(name).suffix
    plain = stem.removesuffix("-edited")
    found = [f"{name}.xmp", f"{stem}.xmp", f"{name}.json", f"{stem}.json"]
    numbered = re.fullmatch(r"(.*)(\(\d+\))", plain)
    for base, number in ((plain, ""), numbered.groups() if numbered else (plain, "")):
        titles = (base + suffix, f"{base}{suffix}.supplemental-metadata")
        found += [f"{title[:_LONGEST_TITLE]}{number}.json" for title in titles]
    return list(dict.fromkeys(found))


def read_sidecar(content: bytes, suffix: str, contacts: Mapping[str, str]) -> tuple[NamesOfFiles, Contacts]:
    """Who is in which file, and whom Picasa's numbers stand for, which other lists may need.

    Raises ImageError for what is no such file.
    """
    if len(content) > MAX_SIDECAR_BYTES:
        raise ImageError("no_sidecar")
    if suffix == ".ini":
        return _read_picasa_list(content.decode("utf-8-sig", "replace"), contacts)
    if suffix == ".json":
        return _read_json(content), {}
    root = parse_xml(content)
    if root is None:
        raise ImageError("no_sidecar")
    if suffix == ".xml":
        return {}, _clean_contacts(
            {each.get("id", ""): each.get("name", "") for each in root.iter("contact")}
        )
    return {"": read_xmp_names(content)}, {}


def _clean_contacts(contacts: Mapping[str, str]) -> Contacts:
    return {pk.lower(): name for pk, said in list(contacts.items())[:MAX_FILES] if (name := clean_name(said))}


def _read_picasa_list(text: str, contacts: Mapping[str, str]) -> tuple[NamesOfFiles, Contacts]:
    """``[photo.jpg]`` sections with ``faces=``, and ``[Contacts2]`` with ``number=name;...``.

    Boxes are of the picture as stored, but of a raw file's upright one.
    """
    section, faces, own = "", dict[str, str](), dict[str, str]()
    for line in text.splitlines():
        if line.startswith("[") and line.rstrip().endswith("]"):
            section = line.strip()[1:-1]
        elif section.lower() in ("contacts", "contacts2"):
            pk, _sign, said = line.partition("=")
            own[pk.strip()] = said.split(";")[0]
        elif line.startswith("faces=") and len(faces) < MAX_FILES:
            faces[section] = line[6:]
    known = {**contacts, **_clean_contacts(own)}
    found = {}
    for file, said in faces.items():
        pairs = ((rect, known.get(pk.lower(), "")) for rect, pk in _FACES.findall(said))
        found[file] = drop_repeated_names(NameTag(name, _read_rect64(rect)) for rect, name in pairs if name)
    return {file: tags for file, tags in found.items() if tags}, known


def _read_rect64(text: str) -> Box | None:
    number = int(text, 16)
    left, top, right, bottom = ((number >> shift & 0xFFFF) / 0xFFFF for shift in (48, 32, 16, 0))
    return make_box(left, top, right - left, bottom - top)


def _read_json(content: bytes) -> NamesOfFiles:
    """Google's exports list people; Apple's, by osxphotos, are as exiftool writes them, with regions."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise ImageError("no_sidecar") from None
    found: NamesOfFiles = {}
    for each in (document if isinstance(document, list) else [document])[:MAX_FILES]:
        if isinstance(each, dict) and (tags := drop_repeated_names(_list_json_names(each))):
            found[_get_json_file(each)] = tags
    return found


def _get_json_file(document: dict[str, Any]) -> str:
    said = document.get("title") if "people" in document else document.get("SourceFile")
    return PurePath(said.replace("\\", "/")).name[:255] if isinstance(said, str) else ""


def _list_json_names(document: dict[str, Any]) -> Iterator[NameTag]:
    fields = {key.rpartition(":")[2]: value for key, value in document.items()}
    people = [*_as_list(fields.get("people")), *_as_list(fields.get("persons"))]
    people += _as_list(fields.get("PersonInImage"))
    for person in people:
        said = person.get("name") if isinstance(person, dict) else person
        if isinstance(said, str) and (name := _clean_json_name(said)):
            yield NameTag(name)
    yield from _list_exiftool_regions(fields)


def _list_exiftool_regions(fields: dict[str, Any]) -> Iterator[NameTag]:
    """Regions as exiftool writes them: as structures, or as lists side by side."""
    info = fields.get("RegionInfo")
    if isinstance(info, dict):
        size, regions = info.get("AppliedToDimensions"), _as_list(info.get("RegionList"))
        frame = make_frame(size.get("W"), size.get("H")) if isinstance(size, dict) else None
        rows = [
            {**region, **{f"Area{side}": value for side, value in region["Area"].items()}}
            for region in regions
            if isinstance(region, dict) and isinstance(region.get("Area"), dict)
        ]
    else:
        frame = make_frame(fields.get("RegionAppliedToDimensionsW"), fields.get("RegionAppliedToDimensionsH"))
        names = ("Name", "Type", "AreaX", "AreaY", "AreaW", "AreaH", "AreaUnit")
        columns = [_as_list(fields.get(f"Region{name}")) for name in names]
        rows = [dict(zip(names, row, strict=False)) for row in zip(*columns[:6], strict=False)]
    for row in rows:
        name = _clean_json_name(str(row.get("Name") or ""))
        if name and str(row.get("Type", "")).lower() in ("face", ""):
            is_pixels = str(row.get("AreaUnit", "")).lower() == "pixel"
            sides = [row.get(f"Area{side}") for side in "XYWH"]
            yield NameTag(name, make_centred_box(sides, frame if is_pixels else None), frame)


def _clean_json_name(text: str) -> str:
    name = clean_name(text[: 2 * MAX_NAME_LENGTH])
    return "" if name.lower() in _NAMELESS else name


def _as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]

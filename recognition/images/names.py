"""Names that a photo's XMP says are in it, with boxes: regions of the Metadata Working Group (MWG 2.0, 5.9) and of
Microsoft's People Tagging, and the bare list of IPTC.

Like other metadata they are a courtesy: what is broken counts as missing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple
from xml.etree import ElementTree  # a document type is refused below  # nosec B405

from recognition.images.orientation import get_upright_box, get_upright_size
from recognition.types import Box

MAX_NAMES, MAX_NAME_LENGTH = 500, 200  # of one photo
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_REGIONS = "{http://www.metadataworkinggroup.com/schemas/regions/}"
_DIMENSIONS = "{http://ns.adobe.com/xap/1.0/sType/Dimensions#}"
_AREA = ("{http://ns.adobe.com/xmp/sType/Area#}", "{http://ns.adobe.com/xap/1.0/sType/Area#}")
_PEOPLE = "{http://ns.microsoft.com/photo/1.2/}RegionInfo"
_PEOPLE_REGIONS = "{http://ns.microsoft.com/photo/1.2/t/RegionInfo#}Regions"
_PEOPLE_REGION = "{http://ns.microsoft.com/photo/1.2/t/Region#}"
_PERSON_IN_IMAGE = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}PersonInImage"
_CAMERA_RAW = "{http://ns.adobe.com/camera-raw-settings/1.0/}"
_MARKS = (b"RegionInfo", b"RegionList", b"PersonInImage")
_NOT_SHOWN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_SAME_BOX = 0.5  # intersection over union from which two programs have written the same region
_SAME_ASPECT = 0.02  # by which two shapes may differ through rounding
_LEAST_INSIDE = 0.5  # of a box, or what it showed has been cut off


class Frame(NamedTuple):
    """What boxes are shares of: the size of that picture, and the part of it that is left, where that is said."""

    width: float
    height: float
    crop: tuple[float, float, float, float] | None = None  # left, top, right, bottom as shares


@dataclass(frozen=True, slots=True)
class NameTag:
    """A name in a photo; the box, where there is one, in shares of the picture's width and height."""

    name: str
    box: Box | None = None
    frame: Frame | None = None  # until it is placed


def read_xmp_names(packet: bytes) -> list[NameTag]:
    """The names in an XMP packet; their boxes are as they were written, see ``place_names``."""
    if not any(mark in packet for mark in _MARKS):
        return []
    root = parse_xml(packet)
    if root is None:
        return []
    regions = list(_read_regions(root))
    faces = [tag for tag, kind in regions if kind in ("face", "") and tag.name]
    others = [
        tag.box for tag, kind in regions if kind not in ("face", "") and tag.box
    ]  # focus, pets, bar codes
    frame = next((tag.frame for tag, _kind in regions), None)
    people = [
        replace(tag, frame=frame)
        for tag in _read_people_regions(root)
        if not (tag.box and any(tag.box.iou(other) >= _SAME_BOX for other in others))
    ]
    listed = [item.text or "" for each in root.iter(_PERSON_IN_IMAGE) for item in each.iter(f"{_RDF}li")]
    bare = [NameTag(name) for text in listed if (name := clean_name(text))]
    return drop_repeated_names([*faces, *people, *bare])


def _read_regions(root: ElementTree.Element) -> Iterator[tuple[NameTag, str]]:
    """The regions of the Metadata Working Group, each with its kind."""
    crop = _read_crop(root)
    for regions in root.iter(f"{_REGIONS}Regions"):
        frame = _read_frame(regions, crop)
        for region in _iterate_items(regions, f"{_REGIONS}RegionList"):
            name = clean_name(get_struct_text(region, f"{_REGIONS}Name"))
            yield (
                NameTag(name, _read_area(region, frame), frame),
                get_struct_text(region, f"{_REGIONS}Type").lower(),
            )


def _read_people_regions(root: ElementTree.Element) -> Iterator[NameTag]:
    """Those of Microsoft, which are of people alone."""
    for info in root.iter(_PEOPLE):
        for region in _iterate_items(info, _PEOPLE_REGIONS):
            if name := clean_name(get_struct_text(region, f"{_PEOPLE_REGION}PersonDisplayName")):
                yield NameTag(name, _read_rectangle(get_struct_text(region, f"{_PEOPLE_REGION}Rectangle")))


def drop_repeated_names(tags: Iterable[NameTag]) -> list[NameTag]:
    """Each name once a box, and without one only where it has none: programs write several kinds of regions."""
    kept: list[NameTag] = []
    for tag in sorted(tags, key=lambda tag: tag.box is None):
        same = (other for other in kept if other.name.casefold() == tag.name.casefold())
        if not any(not (tag.box and other.box) or tag.box.iou(other.box) >= _SAME_BOX for other in same):
            kept.append(tag)
    return kept[:MAX_NAMES]


def place_names(tags: Iterable[NameTag], width: int, height: int, orientation: int) -> list[NameTag]:
    """With boxes of the upright photo, which has this size, where they were of the picture as stored.

    A box that was written for a picture of another shape is left out: the photo was cut since, and where does not
    stand in it. So is the name of a box that lies outside.
    """
    placed = []
    for tag in tags:
        if tag.box is None:
            placed.append(replace(tag, frame=None))
            continue
        box = _place_box(tag.box, tag.frame, width, height, orientation)
        inside = box.clipped(1, 1) if box else None
        if box is None:
            placed.append(NameTag(tag.name))
        elif inside and inside.area >= _LEAST_INSIDE * box.area:
            placed.append(NameTag(tag.name, inside))
    return drop_repeated_names(placed)


def _place_box(box: Box, frame: Frame | None, width: int, height: int, orientation: int) -> Box | None:
    stored = get_upright_size(width, height, orientation)
    if frame is None or _has_shape(frame.width, frame.height, *stored):
        return get_upright_box(box, 1, 1, orientation)
    if _has_shape(frame.width, frame.height, width, height):  # some programs turn first
        return box
    if frame.crop is None:
        return None
    left, top, right, bottom = frame.crop
    across, down = right - left, bottom - top
    if across <= 0 or down <= 0 or not _has_shape(frame.width * across, frame.height * down, *stored):
        return None
    cut = Box((box.left - left) / across, (box.top - top) / down, box.width / across, box.height / down)
    return get_upright_box(cut, 1, 1, orientation)


def _has_shape(width: float, height: float, other_width: float, other_height: float) -> bool:
    return math.isclose(width * other_height, height * other_width, rel_tol=_SAME_ASPECT)


def clean_name(name: str) -> str:
    return " ".join(_NOT_SHOWN.sub(" ", name).split())[:MAX_NAME_LENGTH]


def make_box(left: float, top: float, width: float, height: float) -> Box | None:
    """None where these are no shares of a picture."""
    sides = (left, top, width, height)
    if not all(math.isfinite(side) and abs(side) <= 10 for side in sides) or min(width, height) <= 0:
        return None
    return Box(*sides)


class _WithoutDocumentType(ElementTree.TreeBuilder):
    """In whatever encoding it is written."""

    def doctype(self, *_: object) -> None:
        raise ValueError("a document type")


def parse_xml(content: bytes) -> ElementTree.Element | None:
    """The root element; None for what is broken, or declares a document type, which could define entities."""
    try:
        parser = ElementTree.XMLParser(target=_WithoutDocumentType())  # noqa: S314 -- no entities  # nosec B314
        return ElementTree.fromstring(content.strip(b"\x00 \r\n\t"), parser)  # noqa: S314 -- as above  # nosec B314
    except (ElementTree.ParseError, ValueError, LookupError):
        return None


def _open_struct(element: ElementTree.Element) -> Iterator[ElementTree.Element]:
    """The element that holds a structure's fields: itself, or the description in it."""
    yield element
    yield from element.findall(f"{_RDF}Description")


def get_struct_text(element: ElementTree.Element, tag: str) -> str:
    """A field of an XMP structure, however it is written; "" where it is missing."""
    for holder in _open_struct(element):
        if (value := holder.get(tag)) is not None:
            return value
        if (child := holder.find(tag)) is not None:
            return child.text or ""
    return ""


def _find_child(element: ElementTree.Element, tag: str) -> ElementTree.Element | None:
    return next((child for holder in _open_struct(element) if (child := holder.find(tag)) is not None), None)


def _iterate_items(element: ElementTree.Element, tag: str) -> Iterable[ElementTree.Element]:
    listed = _find_child(element, tag)
    return [] if listed is None else listed.findall(f"*/{_RDF}li")


def read_number(text: object) -> float:
    """A number as programs write it; not a number where it is none."""
    try:
        return float(str(text))
    except ValueError:
        return math.nan


def _read_frame(regions: ElementTree.Element, crop: tuple[float, float, float, float] | None) -> Frame | None:
    size = _find_child(regions, f"{_REGIONS}AppliedToDimensions")
    if size is None:
        return None
    return make_frame(
        get_struct_text(size, f"{_DIMENSIONS}w"), get_struct_text(size, f"{_DIMENSIONS}h"), crop
    )


def make_frame(
    width: object, height: object, crop: tuple[float, float, float, float] | None = None
) -> Frame | None:
    sides = read_number(width), read_number(height)
    return Frame(*sides, crop) if all(1 <= side < 1e7 for side in sides) else None


def _read_area(region: ElementTree.Element, frame: Frame | None) -> Box | None:
    area = _find_child(region, f"{_REGIONS}Area")
    if area is None:
        return None
    said = [next(filter(None, (get_struct_text(area, f"{of}{side}") for of in _AREA)), "") for side in "xywh"]
    is_pixels = any(get_struct_text(area, f"{of}unit").lower() == "pixel" for of in _AREA)
    return make_centred_box(said, frame if is_pixels else None)


def make_centred_box(said: Sequence[object], pixels: Frame | None) -> Box | None:
    """The box of this centre, width and height, in shares; they may be in pixels of a frame."""
    x, y, width, height = map(read_number, said)
    across, down = (pixels.width, pixels.height) if pixels else (1, 1)
    return make_box((x - width / 2) / across, (y - height / 2) / down, width / across, height / down)


def _read_rectangle(text: str) -> Box | None:
    sides = [read_number(part) for part in text.split(",")]
    return make_box(*sides) if len(sides) == 4 else None


def _read_crop(root: ElementTree.Element) -> tuple[float, float, float, float] | None:
    """What Lightroom has cut off, where it says that this is done."""
    for holder in root.iter(f"{_RDF}Description"):
        if get_struct_text(holder, f"{_CAMERA_RAW}AlreadyApplied").lower() == "true":
            edges = [
                read_number(get_struct_text(holder, f"{_CAMERA_RAW}Crop{e}"))
                for e in ("Left", "Top", "Right", "Bottom")
            ]
            if all(0 <= edge <= 1 for edge in edges):
                return edges[0], edges[1], edges[2], edges[3]
    return None

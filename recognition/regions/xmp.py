"""XMP packets with the faces of a photo, as the Metadata Working Group's region schema (MWG 2.0, 5.9).

Areas are centre and size as shares of the stored picture, before EXIF orientation turns it, as photo managers
write and read them; AppliedToDimensions tells which way round the reader has to think.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree  # only written here  # nosec B405

from recognition.images.names import get_struct_text, parse_xml
from recognition.regions.redaction import Redaction
from recognition.types import Box

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_META = "adobe:ns:meta/"
_REGIONS = "http://www.metadataworkinggroup.com/schemas/regions/"
_DIMENSIONS = "http://ns.adobe.com/xap/1.0/sType/Dimensions#"
_AREA = "http://ns.adobe.com/xmp/sType/Area#"
_IPTC_EXT = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_IPTC_CORE = "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"
_EXIF = "http://ns.adobe.com/exif/1.0/"
_PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"
_NOTE = "http://ns.adobe.com/xmp/note/"
_MICROSOFT = "http://ns.microsoft.com/photo/1.2/"
_CAMERA = "http://ns.google.com/photos/1.0/camera/"
_CONTAINER = "http://ns.google.com/photos/1.0/container/"
_GAIN_MAP = "http://ns.adobe.com/hdr-gain-map/1.0/"
_PREFIXES = {
    "rdf": _RDF,
    "x": _META,
    "mwg-rs": _REGIONS,
    "stDim": _DIMENSIONS,
    "stArea": _AREA,
    "Iptc4xmpExt": _IPTC_EXT,
    "Iptc4xmpCore": _IPTC_CORE,
    "exif": _EXIF,
    "photoshop": _PHOTOSHOP,
    "xmpNote": _NOTE,
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "MP": _MICROSOFT,
    "GCamera": _CAMERA,
    "digiKam": "http://www.digikam.org/ns/1.0/",
    "hdrgm": _GAIN_MAP,
}
_PLACES = [
    f"{{{_EXIF}}}GPS",
    f"{{{_IPTC_EXT}}}LocationCreated",
    f"{{{_IPTC_EXT}}}LocationShown",
    f"{{{_IPTC_CORE}}}Location",
    f"{{{_IPTC_CORE}}}CountryCode",
    f"{{{_PHOTOSHOP}}}City",
    f"{{{_PHOTOSHOP}}}State",
    f"{{{_PHOTOSHOP}}}Country",
]
_TIFF_ORIENTATION = "{http://ns.adobe.com/tiff/1.0/}Orientation"  # EXIF says it
_REGION_PROPERTIES = (f"{{{_REGIONS}}}", f"{{{_MICROSOFT}}}RegionInfo", f"{{{_NOTE}}}HasExtendedXMP")
_VIDEO_PROPERTIES = (f"{{{_CAMERA}}}Motion", f"{{{_CAMERA}}}MicroVideo", f"{{{_CONTAINER}}}")
_KEYWORDS = "{http://purl.org/dc/elements/1.1/}subject"
_DIGIKAM_TAGS = "{http://www.digikam.org/ns/1.0/}TagsList"
_LIGHTROOM_TAGS = "{http://ns.adobe.com/lightroom/1.0/}hierarchicalSubject"
_TAKEN = f"{{{_EXIF}}}DateTimeOriginal"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_ROOM_FOR_DIGEST = 300  # bytes that pointing to an extended packet takes
_NOTHING_WITHHELD = Redaction()
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BEGIN = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_END = '\n<?xpacket end="w"?>'


@dataclass(frozen=True, slots=True)
class NamedFace:
    """A face to write: its box in pixels of the picture the packet speaks of, and a name ("" for none)."""

    box: Box
    name: str = ""


def build_xmp(
    faces: Sequence[NamedFace],
    size: tuple[int, int],
    *,
    old: Iterable[bytes] = (),
    redaction: Redaction = _NOTHING_WITHHELD,
    has_gain_map: bool = False,
) -> ElementTree.Element:
    """XMP saying where these faces are in a picture of ``size`` (width, height, as stored).

    ``old`` are packets to carry over: without their faces, without what must not be said, and without promising a
    video, or a gain map unless it is there, too. What cannot be parsed, or declares a document type, is left out.
    """
    packets = [_parse_packet(packet) for packet in old] or [_parse_packet(b"")]
    root, holder = packets[0]
    for _root, more in packets[1:]:
        holder.extend(more)
    others = _list_other_regions(holder)
    for region in others:
        _remove_withheld_names(region, redaction)
    for description in holder.iterfind(f"{{{_RDF}}}Description"):
        _clean_description(description, redaction, has_gain_map=has_gain_map)
    people = _take_listed_people(holder)
    people += [name for face in faces if (name := _clean_xml_text(face.name)) and name not in people]
    holder.append(_build_description(faces, size, list(dict.fromkeys(people)), others))
    return root


def add_keywords(root: ElementTree.Element, names: Sequence[str], taken_at: str) -> None:
    """Names as keywords: plain, and below "People" as digiKam and Lightroom have them; and an ISO 8601 moment."""
    shown = list(dict.fromkeys(name for each in names if (name := _clean_xml_text(each))))
    holder = _get_holder(root)
    of_names = {_KEYWORDS: shown, _DIGIKAM_TAGS: [f"People/{name}" for name in shown]}
    of_names[_LIGHTROOM_TAGS] = [f"People|{name}" for name in shown]
    fresh = _add_struct(holder)
    fresh.set(f"{{{_RDF}}}about", "")
    for tag, words in of_names.items():
        for description in holder.iterfind(f"{{{_RDF}}}Description"):
            for listed in description.findall(tag):
                words += [
                    item.text for item in listed.iter(f"{{{_RDF}}}li") if item.text and item.text not in words
                ]
                description.remove(listed)
        if words:
            kind = "Seq" if tag == _DIGIKAM_TAGS else "Bag"
            listed = ElementTree.SubElement(ElementTree.SubElement(fresh, tag), f"{{{_RDF}}}{kind}")
            for word in words:
                ElementTree.SubElement(listed, f"{{{_RDF}}}li").text = word
    if taken_at:
        for description in holder.iterfind(f"{{{_RDF}}}Description"):
            description.attrib.pop(_TAKEN, None)
            for child in description.findall(_TAKEN):
                description.remove(child)
        fresh.set(_TAKEN, taken_at)


def write_packet(root: ElementTree.Element) -> bytes:
    """The packet in UTF-8, as it lies in a file."""
    return (_BEGIN + _write(root) + _END).encode()


def write_two_packets(root: ElementTree.Element, limit: int) -> tuple[bytes, bytes]:
    """A packet of at most ``limit`` bytes, and the extended one (XMP part 3, 1.1.3.1) that holds the rest; b"" where
    everything has room in the first. ``root`` is changed."""
    packet = write_packet(root)
    if len(packet) <= limit:
        return packet, b""
    extension, more = _parse_packet(b"")
    target = ElementTree.SubElement(more, f"{{{_RDF}}}Description", {f"{{{_RDF}}}about": ""})
    excess = len(packet) - limit + _ROOM_FOR_DIGEST
    for length, description, name in _list_properties(root):
        if isinstance(name, str):
            target.set(name, description.attrib.pop(name))
        else:
            description.remove(name)
            target.append(name)
        excess -= length
        if excess <= 0 and len(write_packet(root)) <= limit - _ROOM_FOR_DIGEST:
            break
    extended = _write(extension).encode()
    holder = _get_holder(root)
    digest = get_extension_digest(extended)
    ElementTree.SubElement(
        holder, f"{{{_RDF}}}Description", {f"{{{_RDF}}}about": "", f"{{{_NOTE}}}HasExtendedXMP": digest}
    )
    return write_packet(root), extended


def get_extension_digest(extended: bytes) -> str:
    return hashlib.md5(extended, usedforsecurity=False).hexdigest().upper()


def _list_properties(
    root: ElementTree.Element,
) -> list[tuple[int, ElementTree.Element, ElementTree.Element | str]]:
    """Properties with their lengths, the longest first: an element, or the name of an attribute, of a description."""
    found: list[tuple[int, ElementTree.Element, ElementTree.Element | str]] = []
    for description in _get_holder(root).iterfind(f"{{{_RDF}}}Description"):
        found += [(len(_write(child)), description, child) for child in description]
        attributes = ((name, value) for name, value in description.items() if name != f"{{{_RDF}}}about")
        found += [(len(value), description, name) for name, value in attributes]
    return sorted(found, key=lambda each: each[0], reverse=True)


def _write(element: ElementTree.Element) -> str:
    for prefix, uri in _PREFIXES.items():
        ElementTree.register_namespace(prefix, uri)
    return ElementTree.tostring(element, encoding="unicode")


def _parse_packet(old: bytes) -> tuple[ElementTree.Element, ElementTree.Element]:
    """The packet's root and the rdf:RDF element in it; new ones for a packet that cannot be used."""
    root = parse_xml(old)
    if root is None:
        root = ElementTree.Element(f"{{{_META}}}xmpmeta")
    return root, _get_holder(root)


def _get_holder(root: ElementTree.Element) -> ElementTree.Element:
    if root.tag == f"{{{_RDF}}}RDF":
        return root
    holder = root.find(f"{{{_RDF}}}RDF")
    return ElementTree.SubElement(root, f"{{{_RDF}}}RDF") if holder is None else holder


def _clean_description(description: ElementTree.Element, redaction: Redaction, *, has_gain_map: bool) -> None:
    dropped = [_TIFF_ORIENTATION, *_REGION_PROPERTIES, *_VIDEO_PROPERTIES]
    dropped += [] if has_gain_map else [f"{{{_GAIN_MAP}}}"]
    dropped += [] if redaction.keep_position else _PLACES
    for name in [name for name in description.attrib if name.startswith(tuple(dropped))]:
        del description.attrib[name]
    for child in [child for child in description if child.tag.startswith(tuple(dropped))]:
        description.remove(child)
    _remove_withheld_names(description, redaction)


def _remove_withheld_names(element: ElementTree.Element, redaction: Redaction) -> bool:
    """Take out each value that holds a withheld name; whether nothing is left of what had one."""
    hides = redaction.says_withheld_name
    said = [name for name, value in element.items() if hides(value)]
    for name in said:
        del element.attrib[name]
    emptied = [child for child in element if _remove_withheld_names(child, redaction)]
    for child in emptied:
        element.remove(child)
    is_said = element.text is not None and hides(element.text)
    if is_said:
        element.text = None
    has_lost = bool(said or emptied or is_said)
    is_bare = all(name == _LANGUAGE for name in element.attrib)
    return has_lost and is_bare and not len(element) and not (element.text or "").strip()


def _list_other_regions(holder: ElementTree.Element) -> list[ElementTree.Element]:
    """Regions that are no faces: pets, focus points, bar codes."""
    items = (item for each in holder.iter(f"{{{_REGIONS}}}RegionList") for item in each.iter(f"{{{_RDF}}}li"))
    return [
        item for item in items if get_struct_text(item, f"{{{_REGIONS}}}Type").lower() not in ("face", "")
    ]


def _take_listed_people(holder: ElementTree.Element) -> list[str]:
    """Take out the names already listed as shown in the picture."""
    names: list[str] = []
    tag = f"{{{_IPTC_EXT}}}PersonInImage"
    for description in holder.iterfind(f"{{{_RDF}}}Description"):
        for listed in description.findall(tag):
            names += [item.text for item in listed.iter(f"{{{_RDF}}}li") if item.text]
            description.remove(listed)
    return names


def _build_description(
    faces: Sequence[NamedFace],
    size: tuple[int, int],
    people: Sequence[str],
    others: Sequence[ElementTree.Element],
) -> ElementTree.Element:
    description = ElementTree.Element(f"{{{_RDF}}}Description", {f"{{{_RDF}}}about": ""})
    if faces or others:
        _add_regions(description, faces, size, others)
    if people:
        bag = _add_bag(description, f"{{{_IPTC_EXT}}}PersonInImage")
        for name in people:
            ElementTree.SubElement(bag, f"{{{_RDF}}}li").text = name
    return description


def _add_regions(
    description: ElementTree.Element,
    faces: Sequence[NamedFace],
    size: tuple[int, int],
    others: Sequence[ElementTree.Element],
) -> None:
    regions = _add_struct(ElementTree.SubElement(description, f"{{{_REGIONS}}}Regions"))
    ElementTree.SubElement(
        regions,
        f"{{{_REGIONS}}}AppliedToDimensions",
        {
            f"{{{_DIMENSIONS}}}w": str(size[0]),
            f"{{{_DIMENSIONS}}}h": str(size[1]),
            f"{{{_DIMENSIONS}}}unit": "pixel",
        },
    )
    bag = _add_bag(regions, f"{{{_REGIONS}}}RegionList")
    for face in faces:
        _add_region(bag, face, size)
    bag.extend(others)


def _add_region(bag: ElementTree.Element, face: NamedFace, size: tuple[int, int]) -> None:
    region = _add_struct(ElementTree.SubElement(bag, f"{{{_RDF}}}li"))
    box = face.box.clipped(*size)
    if name := _clean_xml_text(face.name):
        region.set(f"{{{_REGIONS}}}Name", name)
    region.set(f"{{{_REGIONS}}}Type", "Face")
    area = {
        "x": (box.left + box.width / 2) / size[0],
        "y": (box.top + box.height / 2) / size[1],
        "w": box.width / size[0],
        "h": box.height / size[1],
    }
    said = {f"{{{_AREA}}}{key}": f"{value:.6f}" for key, value in area.items()}
    ElementTree.SubElement(region, f"{{{_REGIONS}}}Area", said | {f"{{{_AREA}}}unit": "normalized"})


def _add_struct(parent: ElementTree.Element) -> ElementTree.Element:
    return ElementTree.SubElement(parent, f"{{{_RDF}}}Description")


def _add_bag(parent: ElementTree.Element, tag: str) -> ElementTree.Element:
    return ElementTree.SubElement(ElementTree.SubElement(parent, tag), f"{{{_RDF}}}Bag")


def _clean_xml_text(name: str) -> str:
    """Without characters that XML cannot hold; escaping is the serializer's business."""
    return " ".join(_NOT_XML.sub(" ", name).split())

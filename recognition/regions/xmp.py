"""XMP packets with the faces of a photo, as the Metadata Working Group's region schema (MWG 2.0, 5.9).

Areas are centre and size as shares of the stored picture, before EXIF orientation turns it, as photo managers
write and read them; AppliedToDimensions tells which way round the reader has to think.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree  # a document type is refused below  # nosec B405

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
}
_PLACES = {
    f"{{{_IPTC_EXT}}}LocationCreated",
    f"{{{_IPTC_EXT}}}LocationShown",
    f"{{{_IPTC_CORE}}}Location",
    f"{{{_IPTC_CORE}}}CountryCode",
    f"{{{_PHOTOSHOP}}}City",
    f"{{{_PHOTOSHOP}}}State",
    f"{{{_PHOTOSHOP}}}Country",
}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BEGIN = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_END = '\n<?xpacket end="w"?>'


@dataclass(frozen=True, slots=True)
class NamedFace:
    """A face to write: its box in pixels of the picture the packet speaks of, and a name ("" for none)."""

    box: Box
    name: str = ""


def build_xmp_packet(
    faces: Sequence[NamedFace], size: tuple[int, int], *, old: bytes = b"", keep_position: bool = False
) -> bytes:
    """An XMP packet (UTF-8) saying where these faces are in a picture of ``size`` (width, height, as stored).

    ``old`` is a packet to carry over; its regions are replaced, its position and place names kept only if
    asked. What cannot be parsed, or declares a document type, is not carried over.
    """
    root, holder = _parse_packet(old)
    for description in holder.iterfind(f"{{{_RDF}}}Description"):
        _clean_description(description, keep_position)
    people = _take_listed_people(holder)
    people += [name for face in faces if (name := _clean_xml_text(face.name)) and name not in people]
    holder.append(_build_description(faces, size, list(dict.fromkeys(people))))
    for prefix, uri in _PREFIXES.items():
        ElementTree.register_namespace(prefix, uri)
    body = ElementTree.tostring(root, encoding="unicode")
    return (_BEGIN + body + _END).encode()


class _WithoutDocumentType(ElementTree.TreeBuilder):
    """Refuses what could define entities, in whatever encoding it is written."""

    def doctype(self, *_: object) -> None:
        raise ValueError("a document type")


def _parse_packet(old: bytes) -> tuple[ElementTree.Element, ElementTree.Element]:
    """The packet's root and the rdf:RDF element in it; new ones for a packet that cannot be used."""
    root = ElementTree.Element(f"{{{_META}}}xmpmeta")
    if old:
        try:
            parser = ElementTree.XMLParser(target=_WithoutDocumentType())  # noqa: S314 -- no entities  # nosec B314
            root = ElementTree.fromstring(old.strip(b"\x00 \r\n"), parser)  # noqa: S314 -- as above  # nosec B314
        except (ElementTree.ParseError, ValueError, LookupError):
            root = ElementTree.Element(f"{{{_META}}}xmpmeta")
    if root.tag == f"{{{_RDF}}}RDF":
        return root, root
    holder = root.find(f"{{{_RDF}}}RDF")
    return root, ElementTree.SubElement(root, f"{{{_RDF}}}RDF") if holder is None else holder


def _clean_description(description: ElementTree.Element, keep_position: bool) -> None:
    for name in [name for name in description.attrib if _is_dropped(name, keep_position)]:
        del description.attrib[name]
    for child in [child for child in description if _is_dropped(child.tag, keep_position)]:
        description.remove(child)


def _is_dropped(name: str, keep_position: bool) -> bool:
    if name.startswith(f"{{{_REGIONS}}}") or name == f"{{{_NOTE}}}HasExtendedXMP":
        return True
    return not keep_position and (name.startswith(f"{{{_EXIF}}}GPS") or name in _PLACES)


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
    faces: Sequence[NamedFace], size: tuple[int, int], people: Iterable[str]
) -> ElementTree.Element:
    description = ElementTree.Element(f"{{{_RDF}}}Description", {f"{{{_RDF}}}about": ""})
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
    names = list(people)
    if names:
        bag = _add_bag(description, f"{{{_IPTC_EXT}}}PersonInImage")
        for name in names:
            ElementTree.SubElement(bag, f"{{{_RDF}}}li").text = name
    return description


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

"""Photos and sidecars with names in them, as other programs write them."""

from __future__ import annotations

import io

from PIL import Image

from tests import corpus

MWG = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/" xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"
 xmlns:stDim="http://ns.adobe.com/xap/1.0/sType/Dimensions#" xmlns:MP="http://ns.microsoft.com/photo/1.2/"
 xmlns:MPRI="http://ns.microsoft.com/photo/1.2/t/RegionInfo#" xmlns:MPReg="http://ns.microsoft.com/photo/1.2/t/Region#"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/">
<rdf:Description rdf:about="" %(more)s>%(body)s</rdf:Description></rdf:RDF></x:xmpmeta>"""
REGION = """<rdf:li><rdf:Description mwg-rs:Name="%s" mwg-rs:Type="%s"><mwg-rs:Area
 stArea:x="%s" stArea:y="%s" stArea:w="%s" stArea:h="%s" stArea:unit="%s"/></rdf:Description></rdf:li>"""

Region = tuple[str, str, float, float, float, float]  # name, type, centre, size


def mwg_packet(
    *regions: Region,
    size: tuple[int, int] | None = None,
    unit: str = "normalized",
    more: str = "",
    body: str = "",
) -> bytes:
    """As Lightroom and digiKam write it."""
    frame = (
        f'<mwg-rs:AppliedToDimensions stDim:w="{size[0]}" stDim:h="{size[1]}" stDim:unit="pixel"/>'
        if size
        else ""
    )
    items = "".join(REGION % (*region, unit) for region in regions)
    body += f"""<mwg-rs:Regions rdf:parseType="Resource">{frame}
 <mwg-rs:RegionList><rdf:Bag>{items}</rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>"""
    return (MWG % {"more": more, "body": body}).encode()


def microsoft_body(name: str, rectangle: str) -> str:
    return f"""<MP:RegionInfo rdf:parseType="Resource"><MPRI:Regions><rdf:Bag><rdf:li
 MPReg:Rectangle="{rectangle}" MPReg:PersonDisplayName="{name}"/></rdf:Bag></MPRI:Regions></MP:RegionInfo>"""


def tagged_jpeg(packet: bytes, orientation: int = 1, width: int = 400, height: int = 300) -> bytes:
    return tagged_picture(corpus.picture(width, height), packet, orientation)


def tagged_picture(image: Image.Image, packet: bytes, orientation: int = 1) -> bytes:
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    image.save(file, "JPEG", xmp=packet, exif=exif, quality=95)
    return file.getvalue()

"""Names that other programs wrote are read with their boxes where they are; whatever is broken counts as missing."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recognition import images
from recognition.errors import ImageError
from recognition.images.names import MAX_NAMES, NameTag, place_names, read_xmp_names
from recognition.images.sandbox import close_decoders, probe_photo, read_sidecar
from recognition.images.sidecars import MAX_SIDECAR_BYTES, is_sidecar_name
from recognition.images.sidecars import read_sidecar as read_sidecar_here
from recognition.types import Box
from tests import corpus
from tests.exif import EXIFTOOL, needs_exiftool
from tests.tagged_files import microsoft_body, mwg_packet, tagged_jpeg

ANNA = ("Anna Nguyễn", "Face", 0.2, 0.25, 0.2, 0.1)
# Where that box of the stored picture stands upright, for each orientation: left, top, width, height
UPRIGHT = {
    1: (0.1, 0.2, 0.2, 0.1), 2: (0.7, 0.2, 0.2, 0.1), 3: (0.7, 0.7, 0.2, 0.1), 4: (0.1, 0.7, 0.2, 0.1),
    5: (0.2, 0.1, 0.1, 0.2), 6: (0.7, 0.1, 0.1, 0.2), 7: (0.7, 0.7, 0.1, 0.2), 8: (0.2, 0.7, 0.1, 0.2),
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def _decoders_end_with_the_tests() -> Iterator[None]:
    yield
    close_decoders()


def sides(tag: NameTag) -> tuple[float, ...]:
    assert tag.box is not None
    return tag.box.left, tag.box.top, tag.box.width, tag.box.height


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_a_box_stands_where_the_face_is_however_the_photo_is_turned_or_mirrored(orientation: int) -> None:
    data = tagged_jpeg(mwg_packet(ANNA, size=(400, 300)), orientation)
    (tag,) = probe_photo(data).names
    assert tag.name == "Anna Nguyễn"
    assert sides(tag) == pytest.approx(UPRIGHT[orientation])
    assert images.probe_photo(data).names == (tag,)


def test_boxes_of_the_turned_picture_are_taken_as_such_where_their_dimensions_say_so() -> None:
    (tag,) = probe_photo(tagged_jpeg(mwg_packet(ANNA, size=(300, 400)), 6)).names
    assert sides(tag) == pytest.approx(UPRIGHT[1])


def test_a_photo_made_smaller_since_has_its_boxes_and_one_that_was_cut_only_the_names() -> None:
    (smaller,) = probe_photo(tagged_jpeg(mwg_packet(ANNA, size=(4000, 3000)))).names
    assert sides(smaller) == pytest.approx(UPRIGHT[1])
    assert probe_photo(tagged_jpeg(mwg_packet(ANNA, size=(400, 400)))).names == (NameTag("Anna Nguyễn"),)


def test_what_lightroom_says_it_has_cut_off_moves_the_boxes() -> None:
    cut = 'crs:AlreadyApplied="True" crs:CropLeft="0" crs:CropTop="0" crs:CropRight="0.5" crs:CropBottom="1"'
    gone = ("Bao", "Face", 0.9, 0.9, 0.1, 0.1)
    (tag,) = probe_photo(tagged_jpeg(mwg_packet(ANNA, gone, size=(800, 300), more=cut))).names
    assert sides(tag) == pytest.approx((0.2, 0.2, 0.4, 0.1))


def test_areas_in_pixels_and_boxes_that_reach_beyond_the_edge_are_read() -> None:
    packet = mwg_packet(("Anna", "Face", 0, 150, 100, 60), size=(400, 300), unit="pixel")
    (tag,) = read_xmp_names(packet)
    assert sides(tag) == pytest.approx((-0.125, 0.4, 0.25, 0.2))
    (placed,) = place_names([tag], 400, 300, 1)
    assert sides(placed) == pytest.approx((0, 0.4, 0.125, 0.2))
    assert place_names([NameTag("Anna", Box(-0.2, 0.4, 0.25, 0.2))], 400, 300, 1) == []


def test_what_is_no_face_is_left_out_also_where_microsofts_regions_say_it_again() -> None:
    pet, focus = ("Rex", "Pet", 0.5, 0.5, 0.2, 0.2), ("", "Focus", 0.1, 0.1, 0.1, 0.1)
    code = ("https://example.com", "BarCode", 0.8, 0.8, 0.1, 0.1)
    body = microsoft_body("Rex", "0.4, 0.4, 0.2, 0.2")
    assert [tag.name for tag in read_xmp_names(mwg_packet(pet, focus, code, ANNA, body=body))] == [
        "Anna Nguyễn"
    ]


def test_a_region_written_twice_is_one_name_and_microsofts_alone_is_read() -> None:
    body = microsoft_body("Anna Nguyễn", "0.1,0.2,0.2,0.1")
    assert len(read_xmp_names(mwg_packet(ANNA, body=body))) == 1
    (tag,) = probe_photo(tagged_jpeg(mwg_packet(body=body), 6)).names
    assert sides(tag) == pytest.approx(UPRIGHT[6])


def test_the_list_of_who_is_shown_adds_names_without_boxes() -> None:
    body = """<Iptc4xmpExt:PersonInImage><rdf:Bag><rdf:li>Anna Nguyễn</rdf:li><rdf:li>Bao</rdf:li></rdf:Bag>
    </Iptc4xmpExt:PersonInImage>"""
    tags = read_xmp_names(mwg_packet(ANNA, body=body))
    assert [(tag.name, tag.box is None) for tag in tags] == [("Anna Nguyễn", False), ("Bao", True)]


@needs_exiftool
@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "tif", "heic"])
def test_what_exiftool_wrote_is_read_from_every_kind(kind: str, tmp_path: Path) -> None:
    make = {"jpg": corpus.jpeg, "heic": corpus.heic}
    forms = {"png": "PNG", "webp": "WEBP", "tif": "TIFF"}
    path = tmp_path / f"photo.{kind}"
    path.write_bytes(make[kind]() if kind in make else corpus.saved(corpus.picture(), forms[kind]))
    region = (
        "{AppliedToDimensions={W=64,H=48,Unit=pixel},"
        "RegionList=[{Area={X=0.2,Y=0.25,W=0.2,H=0.1,Unit=normalized},Name=Anna,Type=Face}]}"
    )
    assert EXIFTOOL
    subprocess.run([EXIFTOOL, "-q", f"-XMP-mwg-rs:RegionInfo={region}", str(path)], check=True)
    (tag,) = probe_photo(path).names
    assert (tag.name, sides(tag)) == ("Anna", pytest.approx(UPRIGHT[1], abs=1e-6))


def test_picasas_lists_are_read_with_their_own_contacts_and_those_apart() -> None:
    contacts = b'<contacts><contact id="8E62398EBDA8C1A5" name="Anna &amp; Co"/></contacts>'
    _none, known = read_sidecar(contacts, ".xml")
    listed = b"""[Picasa]\nname=Trip\n[Contacts2]\na1=Bao;;\n[IMG 1.jpg]\nrotate=rotate(1)
faces=rect64(1999333366664ccc),8e62398ebda8c1a5;rect64(80000000c000ffff),a1;rect64(8000),ffffffffffffffff;
[IMG 2.jpg]\nfaces=rect64(80000000c000ffff),ffff0\n"""
    files, _contacts = read_sidecar(listed, ".ini", known)
    assert [tag.name for tag in files["IMG 1.jpg"]] == ["Anna & Co", "Bao"]
    assert sides(files["IMG 1.jpg"][0]) == pytest.approx((0.1, 0.2, 0.3, 0.1), abs=1e-4)
    assert list(files) == ["IMG 1.jpg"]


def test_exported_json_of_google_and_of_apple_is_read() -> None:
    google = {
        "title": "IMG_1.jpg",
        "people": [{"name": "Anna"}, {"name": ""}],
        "photoTakenTime": {"timestamp": "1"},
    }
    assert read_sidecar(json.dumps(google).encode(), ".json")[0] == {"IMG_1.jpg": [NameTag("Anna")]}
    apple = {
        "SourceFile": "/a/IMG_2.heic", "XMP:PersonInImage": ["Anna", "_UNKNOWN_"], "XMP:RegionName": ["Anna", "Rex"],
        "XMP:RegionAppliedToDimensionsW": 400, "XMP:RegionAppliedToDimensionsH": 300,
        "XMP:RegionType": ["Face", "Pet"],
        "XMP:RegionAreaX": [0.2, 0.5], "XMP:RegionAreaY": [0.25, 0.5], "XMP:RegionAreaW": [0.2, 0.1],
        "XMP:RegionAreaH": [0.1, 0.1], "XMP:RegionAreaUnit": ["normalized", "normalized"],
    }  # fmt: skip
    (tag,) = read_sidecar(json.dumps([apple]).encode(), ".json")[0]["IMG_2.heic"]
    assert (tag.name, sides(tag)) == ("Anna", pytest.approx(UPRIGHT[1]))
    area = {"X": 0.2, "Y": 0.25, "W": 0.2, "H": 0.1, "Unit": "normalized"}
    structs = {
        "SourceFile": "IMG_3.jpg",
        "RegionInfo": {"RegionList": [{"Area": area, "Name": "Anna", "Type": "Face"}]},
    }
    assert sides(read_sidecar(json.dumps(structs).encode(), ".json")[0]["IMG_3.jpg"][0]) == pytest.approx(
        UPRIGHT[1]
    )


BOMB = b"""<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><x:xmpmeta xmlns:x="adobe:ns:meta/">&b;
RegionList</x:xmpmeta>"""


@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        (BOMB, ".xmp"),
        (BOMB.decode().encode("utf-16"), ".xmp"),
        (b"<x>", ".xml"),
        (b"[" * 100_000, ".json"),
        (b"\xff\xfe{", ".json"),
        (b" " * (MAX_SIDECAR_BYTES + 1), ".ini"),
    ],
    ids=("entities", "in UTF-16", "cut off", "deep", "no text", "too large"),
)
def test_what_is_broken_too_large_or_declares_a_document_type_is_refused(content: bytes, suffix: str) -> None:
    with pytest.raises(ImageError, match="No names can be read"):
        read_sidecar(content, suffix)


def test_a_photo_with_such_a_packet_is_taken_without_names() -> None:
    assert probe_photo(tagged_jpeg(BOMB)).names == ()
    many = mwg_packet(*((f"Anna {number}", "Face", 0.5, 0.5, 0.1, 0.1) for number in range(MAX_NAMES + 1)))
    assert len(read_xmp_names(many)) == MAX_NAMES


def test_only_files_called_like_sidecars_are_looked_into() -> None:
    names = (
        "a.xmp",
        "a.jpg.XMP",
        ".picasa.ini",
        "Picasa.ini",
        "contacts.xml",
        "a.jpg.supplemental-metadata.json",
    )
    assert all(is_sidecar_name(name) for name in names)
    assert not any(is_sidecar_name(name) for name in ("a.jpg", "desktop.ini", "a.xml", "xmp"))


VALID = (
    (mwg_packet(ANNA, size=(400, 300), body=microsoft_body("Bao", "0.1,0.2,0.2,0.1")), ".xmp"),
    (b"[Contacts2]\na1=Bao;;\n[a.jpg]\nfaces=rect64(80000000c000ffff),a1\n", ".ini"),
    (b'{"title": "a.jpg", "people": [{"name": "Anna"}], "RegionName": "A", "RegionAreaX": 1e999}', ".json"),
    (b'<contacts><contact id="a" name="b"/></contacts>', ".xml"),
)


@settings(max_examples=150, deadline=None)
@given(
    valid=st.sampled_from(VALID),
    at=st.floats(0, 1),
    put=st.binary(max_size=12)
    | st.sampled_from([b"-1", b"1e999", b"nan", b"{", b"[", b"<", b"</rdf:li>", b"null"]),
    over=st.integers(0, 12),
)
def test_whatever_is_in_them_ends_as_names_or_as_a_refusal(
    valid: tuple[bytes, str], at: float, put: bytes, over: int
) -> None:
    content, suffix = valid
    start = int(at * len(content))
    try:
        files, _contacts = read_sidecar_here(content[:start] + put + content[start + over :], suffix, {})
    except ImageError:
        return
    for tags in files.values():
        for orientation in (1, 6):
            assert all(
                tag.box is None or tag.box.right <= 1.001 for tag in place_names(tags, 40, 30, orientation)
            )

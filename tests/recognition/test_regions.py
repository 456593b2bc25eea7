"""Names go into copies of photos where other programs find them; positions stay out of them."""

from __future__ import annotations

import io
import struct
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from recognition import images
from recognition.errors import ImageError
from recognition.regions import NamedFace, Redaction, build_sidecar, make_tagged_copy
from recognition.regions.exif import redact_exif
from recognition.regions.jpeg import with_xmp
from recognition.regions.xmp import build_xmp, write_packet
from recognition.types import Box
from tests import corpus
from tests.exif import EXIFTOOL, needs_exiftool, read_with_exiftool

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
WITH_POSITION = Redaction(keep_position=True)
WITHOUT_EVA = Redaction(says_withheld_name=lambda text: "Eva Old" in text)
HOSTILE_NAME = "\"><script>&'<![CDATA[ ]]> \x00\x0b\ud800 Đặng"


@needs_exiftool
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exiftool_reads_names_and_boxes_of_a_photo_however_it_is_turned(
    orientation: int, tmp_path: Path
) -> None:
    data = corpus.jpeg_turned(orientation, 400, 300)
    info = images.probe_photo(data)
    box = Box(info.width * 0.1, info.height * 0.2, info.width * 0.2, info.height * 0.1)
    copy = make_tagged_copy(data, [NamedFace(box, "Nguyễn Thị Hoa"), NamedFace(Box(0, 0, 10, 10))])
    answer = read_with_exiftool(copy.data, tmp_path / "photo.jpg")
    regions = answer["XMP-mwg-rs:RegionInfo"]
    assert regions["AppliedToDimensions"] == {"W": 400, "H": 300, "Unit": "pixel"}
    first, second = regions["RegionList"]
    assert (first["Name"], first["Type"]) == ("Nguyễn Thị Hoa", "Face")
    assert "Name" not in second
    area = first["Area"]
    centre = {1: (0.2, 0.25), 2: (0.8, 0.25), 3: (0.8, 0.75), 4: (0.2, 0.75)}
    turned = {5: (0.25, 0.2), 6: (0.25, 0.8), 7: (0.75, 0.8), 8: (0.75, 0.2)}
    assert (area["X"], area["Y"]) == pytest.approx({**centre, **turned}[orientation], abs=1e-5)
    assert (area["W"], area["H"]) == pytest.approx((0.2, 0.1) if orientation < 5 else (0.1, 0.2), abs=1e-5)
    assert answer["IFD0:Orientation"] == orientation
    assert "ExifTool:Warning" not in answer
    assert np.array_equal(images.read_photo(copy.data).pixels, images.read_photo(data).pixels)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("quarters", [1, 2, 3])
@pytest.mark.parametrize("orientation", [None, 1, 5, 6])
def test_a_turned_photo_reads_turned_and_its_copy_says_so_without_losing_a_pixel_or_a_date(
    form: str, quarters: int, orientation: int | None
) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2021:07:04 12:30:00"
    if orientation:
        exif[0x0112] = orientation
    data = corpus.saved(corpus.picture(90, 60), form, exif=exif)
    upright = images.read_photo(data).pixels
    turned = np.rot90(upright, -quarters)
    assert np.array_equal(images.read_photo(images.Turned(data, quarters)).pixels, turned)
    box = Box(10, 5, 20, 15)
    [region] = images.read_regions(images.Turned(data, quarters), [box])
    assert np.array_equal(region.pixels, turned[5:20, 10:30])
    copy = make_tagged_copy(images.Turned(data, quarters), [NamedFace(box, "Hoa")])
    assert np.array_equal(images.read_photo(copy.data).pixels, turned)
    assert images.probe_photo(copy.data).moment == images.probe_photo(data).moment
    plain = make_tagged_copy(images.Turned(corpus.saved(corpus.picture(), form), quarters), [])
    bare = images.read_photo(corpus.saved(corpus.picture(), form)).pixels
    assert np.array_equal(images.read_photo(plain.data).pixels, np.rot90(bare, -quarters))


@needs_exiftool
def test_exiftool_finds_no_position_unless_it_was_asked_for(tmp_path: Path) -> None:
    data = corpus.jpeg_with_position()
    assert "GPS:GPSLatitude" in read_with_exiftool(data, tmp_path / "before.jpg")
    stripped = read_with_exiftool(make_tagged_copy(data, []).data, tmp_path / "after.jpg")
    assert not [key for key in stripped if "GPS" in key]
    assert stripped["ExifIFD:DateTimeOriginal"] == "2021:07:04 12:30:00"
    assert "ExifTool:Warning" not in stripped
    kept = read_with_exiftool(make_tagged_copy(data, [], redaction=WITH_POSITION).data, tmp_path / "kept.jpg")
    assert kept["GPS:GPSLatitude"] == pytest.approx(48.858, abs=0.01)


@needs_exiftool
def test_metadata_written_by_exiftool_survive_and_places_do_not(tmp_path: Path) -> None:
    path = tmp_path / "tagged.jpg"
    path.write_bytes(corpus.jpeg(400, 300))
    assert EXIFTOOL
    written = ["-XMP-dc:Title=Summer", "-XMP-photoshop:City=Hue", "-XMP-exif:GPSLatitude=16.4", "-IPTC:City=Hue",
               "-IPTC:Caption-Abstract=All of us", "-XMP-iptcExt:PersonInImage=Old Friend", "-EXIF:Artist=Ann",
               "-XMP-mwg-rs:RegionInfo={AppliedToDimensions={W=4,H=3,Unit=pixel},"
               "RegionList=[{Name=Stale,Type=Face}]}"]  # fmt: skip
    subprocess.run([EXIFTOOL, "-q", "-overwrite_original", *written, str(path)], check=True)
    copy = make_tagged_copy(path, [NamedFace(Box(10, 10, 50, 50), "New Friend")])
    answer = read_with_exiftool(copy.data, tmp_path / "copy.jpg")
    assert answer["XMP-dc:Title"] == "Summer"
    assert answer["IPTC:Caption-Abstract"] == "All of us"
    assert answer["IFD0:Artist"] == "Ann"
    assert answer["XMP-iptcExt:PersonInImage"] == ["Old Friend", "New Friend"]
    assert [region["Name"] for region in answer["XMP-mwg-rs:RegionInfo"]["RegionList"]] == ["New Friend"]
    assert not [key for key in answer if "GPS" in key or "City" in key]
    kept = read_with_exiftool(make_tagged_copy(path, [], redaction=WITH_POSITION).data, tmp_path / "kept.jpg")
    assert kept["IPTC:City"] == "Hue"
    assert kept["XMP-photoshop:City"] == "Hue"


KINDS_OF_COPIES = {
    "png": ".png",
    "webp": ".webp",
    "heic": ".heic",
    "avif": ".avif",
    "jpeg xl": ".jxl",
    "jpeg xl in boxes": ".jxl",
    "tiff": ".tif",
    "gif": ".jpg",
    "raw with a preview": ".jpg",
}


@needs_exiftool
@pytest.mark.parametrize("name", KINDS_OF_COPIES)
def test_a_copy_stays_of_its_kind_and_keeps_its_pixels(name: str, tmp_path: Path) -> None:
    data = (corpus.PLAIN | corpus.ODD)[name]()
    before = images.read_photo(data).pixels
    height, width, _ = before.shape
    copy = make_tagged_copy(data, [NamedFace(Box(width / 10, height / 10, width / 5, height / 5), "Ann")])
    assert copy.suffix == KINDS_OF_COPIES[name]
    answer = read_with_exiftool(copy.data, tmp_path / f"copy{copy.suffix}")
    (region,) = answer["XMP-mwg-rs:RegionInfo"]["RegionList"]
    assert (region["Name"], region["Area"]["X"]) == ("Ann", pytest.approx(0.2))
    assert "ExifTool:Warning" not in answer
    difference = np.abs(images.read_photo(copy.data).pixels.astype(int) - before)
    assert difference.mean() < (6 if copy.suffix == ".jpg" else 0.001)
    again = make_tagged_copy(
        copy.data, [], redaction=Redaction(says_withheld_name=lambda text: text == "Ann")
    )
    assert b"Ann" not in again.data
    assert again.suffix == copy.suffix


TOLD = ("-XMP-dc:Title=Summer", "-XMP-dc:Subject=Eva Old", "-XMP-dc:Subject=Beach",
        "-XMP-iptcExt:PersonInImage=Eva Old",
        "-XMP-digiKam:TagsList=People/Eva Old", "-XMP-lr:HierarchicalSubject=People|Eva Old",
        "-XMP-MP:RegionInfoMP={Regions=[{PersonDisplayName=Eva Old,Rectangle=0.1|, 0.1|, 0.2|, 0.2}]}",
        "-XMP-mwg-rs:RegionInfo={AppliedToDimensions={W=4,H=3,Unit=pixel},RegionList=[{Name=Eva Old,Type=Face}]}",
        "-XMP-exif:GPSLatitude=16.4", "-EXIF:UserComment=With Eva Old", "-EXIF:XPKeywords=Eva Old;Beach",
        "-EXIF:ImageDescription=Eva Old", "-EXIF:Copyright=Ann", "-EXIF:GPSLatitude=16.4", "-EXIF:GPSLatitudeRef=N",
        "-EXIF:DateTimeOriginal=2021:07:04 12:30:00", "-IPTC:Keywords=Eva Old", "-IPTC:Caption-Abstract=All of us",
        "-IPTC:City=Hue", "-Comment=Eva Old")  # fmt: skip


@needs_exiftool
@pytest.mark.parametrize("name", ["jpeg", "webp", "heic", "jpeg xl in boxes", "tiff"])
def test_neither_withheld_names_nor_the_place_are_in_any_field_of_a_copy(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"photo{'.jpg' if name == 'jpeg' else KINDS_OF_COPIES[name]}"
    path.write_bytes(corpus.PLAIN[name]())
    assert EXIFTOOL
    subprocess.run([EXIFTOOL, "-q", "-m", "-overwrite_original", *TOLD, str(path)], check=True)
    assert b"Eva Old" in path.read_bytes()
    before = read_with_exiftool(path.read_bytes(), path)
    copy = make_tagged_copy(path, [NamedFace(Box(1, 1, 9, 9), "New Friend")], redaction=WITHOUT_EVA)
    answer = read_with_exiftool(copy.data, tmp_path / f"copy{copy.suffix}")
    assert copy.suffix == path.suffix
    assert not [key for key in answer if "GPS" in key or "City" in key]
    for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
        assert "Eva Old".encode(encoding) not in copy.data
    assert "Eva Old" not in str(answer)
    assert "ExifTool:Warning" not in answer
    assert (answer["XMP-dc:Title"], answer["XMP-iptcExt:PersonInImage"]) == ("Summer", ["New Friend"])
    kept = ("IFD0:Copyright", "ExifIFD:DateTimeOriginal", "IPTC:Caption-Abstract")
    assert {key: answer.get(key) for key in kept} == {key: before.get(key) for key in kept}
    assert np.array_equal(images.read_photo(copy.data).pixels, images.read_photo(path).pixels)


def test_a_camera_that_knows_faces_names_nobody_who_is_withheld() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x927C] = b"Panasonic\x00\x00\x01\x02Eva Old\x00\x00\x00\x05ZOOM"
    copy = make_tagged_copy(corpus.jpeg(exif=exif), [], redaction=WITHOUT_EVA)
    assert b"Eva Old" not in copy.data
    assert b"ZOOM" in copy.data


def promise_a_video(data: bytes) -> bytes:
    """The photo with XMP of a phone that appended a video and a gain map."""
    packet = (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="{RDF}"><r:Description r:about=""'
        ' xmlns:c="http://ns.google.com/photos/1.0/camera/" xmlns:g="http://ns.adobe.com/hdr-gain-map/1.0/"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:o="http://ns.google.com/photos/1.0/container/"'
        ' c:MotionPhoto="1" c:MicroVideo="1" c:MicroVideoOffset="20" g:Version="1.0" dc:source="Phone">'
        '<o:Directory><r:Seq><r:li o:Semantic="MotionPhoto"/></r:Seq></o:Directory>'
        "</r:Description></r:RDF></x:xmpmeta>"
    )
    body = b"http://ns.adobe.com/xap/1.0/\x00" + packet.encode()
    return data[:2] + struct.pack(">BBH", 0xFF, 0xE1, len(body) + 2) + body + data[2:] + b"ftypmp42" * 20


def test_a_copy_promises_no_video_and_no_gain_map_that_were_cut_off() -> None:
    copy = make_tagged_copy(promise_a_video(corpus.jpeg()), [])
    assert b"Phone" in copy.data
    for word in (b"MotionPhoto", b"MicroVideo", b"Directory", b"hdr-gain-map", b"ftypmp42"):
        assert word not in copy.data


@needs_exiftool
def test_a_motion_photo_in_heic_loses_its_video_and_keeps_its_picture(tmp_path: Path) -> None:
    picture = corpus.heic()
    copy = make_tagged_copy(picture + struct.pack(">I4s", 28, b"mpvd") + b"position of a video!", [])
    assert b"mpvd" not in copy.data
    assert np.array_equal(images.read_photo(copy.data).pixels, images.read_photo(picture).pixels)
    read_with_exiftool(copy.data, tmp_path / "copy.heic")


@needs_exiftool
def test_hostile_names_arrive_as_text(tmp_path: Path) -> None:
    answer = read_with_exiftool(
        make_tagged_copy(corpus.jpeg(), [NamedFace(Box(1, 1, 5, 5), HOSTILE_NAME)]).data, tmp_path / "a.jpg"
    )
    name = answer["XMP-mwg-rs:RegionInfo"]["RegionList"][0]["Name"]
    assert name == "\"><script>&'<![CDATA[ ]]> Đặng"


@needs_exiftool
def test_a_png_with_position_loses_it(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 29.6)})
    text = PngImagePlugin.PngInfo()
    text.add_text("Raw profile type exif", "\nexif\n 8\n4578696600004949", zip=True)
    data = corpus.saved(corpus.picture(), "PNG", exif=exif, pnginfo=text)
    assert "GPS:GPSLatitude" in read_with_exiftool(data, tmp_path / "before.png")
    answer = read_with_exiftool(make_tagged_copy(data, []).data, tmp_path / "after.png")
    assert not [key for key in answer if "GPS" in key or "Raw" in key]
    assert answer["IFD0:Orientation"] == 6


def test_the_sidecar_is_wellformed_and_escaped() -> None:
    info = images.probe_photo(corpus.jpeg_turned(6, 400, 300))
    body = build_sidecar(info, [NamedFace(Box(30, 40, 60, 80), HOSTILE_NAME)])
    root = ElementTree.fromstring(body)  # noqa: S314  # our own output
    (area,) = root.iter("{http://www.metadataworkinggroup.com/schemas/regions/}Area")
    assert area.get("{http://ns.adobe.com/xmp/sType/Area#}w") == "0.200000"
    assert b"<script" not in body


def test_a_hostile_packet_is_not_carried_over() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x:xmpmeta xmlns:x="adobe:ns:meta/">&b;</x:xmpmeta>'
    rdf = f'<r:RDF xmlns:r="{RDF}"><r:Description xmlns:n="u:n" n:t="&a;"/></r:RDF>'
    in_utf16 = b"\xfe\xff" + f'<!DOCTYPE x [<!ENTITY a "aaaa">]>{rdf}'.encode("utf-16-be")
    for old in (bomb, in_utf16, b"\xff\xfe<broken", b"<a>" * 20000, b"\x00" * 50, "<x/>".encode("utf-16")):
        body = write_packet(build_xmp([NamedFace(Box(1, 1, 2, 2), "Ann")], (10, 10), old=[old]))
        assert b"ENTITY" not in body
        assert b"aaaa" not in body
        assert b"Ann" in body


def test_what_phones_append_is_left_out() -> None:
    plain = corpus.jpeg()
    copy = make_tagged_copy(plain + b"motion video with its own position" * 100, [])
    assert copy.data.endswith(b"\xff\xd9")
    assert b"motion video" not in copy.data
    two = corpus.PLAIN["jpeg of a phone, with a second picture"]()
    copy = make_tagged_copy(two, [])
    assert copy.data.count(b"\xff\xd8\xff") == 1
    assert np.array_equal(images.read_photo(copy.data).pixels, images.read_photo(two).pixels)


def test_progressive_photos_keep_every_scan() -> None:
    data = corpus.jpeg(300, 200, progressive=True)
    assert np.array_equal(
        images.read_photo(make_tagged_copy(data, []).data).pixels, images.read_photo(data).pixels
    )


@needs_exiftool
def test_a_packet_too_large_for_its_segment_is_continued(tmp_path: Path) -> None:
    faces = [NamedFace(Box(n % 60, n % 40, 2, 2), f"Person number {n}") for n in range(500)]
    copy = make_tagged_copy(promise_a_video(corpus.jpeg()), faces)
    for number in range(2):
        answer = read_with_exiftool(copy.data, tmp_path / f"{number}.jpg", "-m")
        assert len(answer["XMP-mwg-rs:RegionInfo"]["RegionList"]) == 500
        assert answer["XMP-dc:Source"] == "Phone"
        copy = make_tagged_copy(copy.data, faces)  # reads what it had written


def test_broken_exif_is_replaced_by_the_orientation_alone() -> None:
    for tiff in (b"XX*\x00", b"II*\x00\xff\xff\xff\x7f", b"MM\x00*\x00\x00\x00\x08\xff\xff", b""):
        assert redact_exif(tiff, Redaction()) is None
    broken = corpus.jpeg(exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f")
    assert images.read_photo(make_tagged_copy(broken, []).data).info.orientation == 1


def test_removing_the_position_blanks_it_whatever_the_byte_order() -> None:
    for order, magic in (("<", b"II*\x00"), (">", b"MM\x00*")):
        gps = struct.pack(order + "HHHII", 1, 2, 5, 3, 60) + b"\x00" * 4
        entries = struct.pack(order + "HII", 3, 1, 0) + struct.pack(order + "HHII", 0x8825, 4, 1, 38)
        tiff = magic + struct.pack(order + "IHH", 8, 2, 0x0112) + entries + struct.pack(order + "I", 0)
        tiff = tiff.ljust(38, b"\x00") + gps
        tiff = tiff.ljust(60, b"\x00") + b"SECRET-POSITION-OF-24-BY"
        cleaned = redact_exif(tiff, Redaction())
        assert cleaned is not None
        assert len(cleaned) == len(tiff)
        assert b"SECRET" not in cleaned
        assert struct.unpack_from(order + "HH", cleaned, 8) == (1, 0x0112)


def test_mutated_files_are_copied_or_refused_but_never_crash_the_writer() -> None:
    rng = np.random.default_rng(11)
    sound = corpus.jpeg_with_position()
    for _ in range(300):
        data = bytearray(sound)
        for at in rng.integers(2, len(data), rng.integers(1, 12)):
            data[at] = rng.integers(0, 256)
        try:
            cleaned = with_xmp(bytes(data), build_xmp([], (8, 8)), orientation=1, redaction=WITHOUT_EVA)
        except ImageError:
            continue
        assert cleaned.startswith(b"\xff\xd8")


def test_the_copy_is_a_photo_any_decoder_opens(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(corpus.jpeg(icc_profile=corpus.wide_gamut_profile()))
    before = path.read_bytes()
    copy = make_tagged_copy(path, [NamedFace(Box(1, 1, 9, 9), "Ann")])
    opened = Image.open(io.BytesIO(copy.data))
    opened.load()
    assert opened.info["icc_profile"] == corpus.wide_gamut_profile()
    assert path.read_bytes() == before

"""Moments are read as cameras, programs and people write them, as exactly as they are said and no more."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from PIL import Image

from recognition.images.moments import find_moment_in_folder, find_moment_in_name, parse_moment
from recognition.images.sandbox import probe_photo
from tests import corpus

TOKYO = timezone(timedelta(hours=9))


@pytest.mark.parametrize(
    ("text", "at", "precision"),
    [
        ("2019:07:04 12:30:00", datetime(2019, 7, 4, 12, 30), "second"),
        ("2019/07/04 12:30:00", datetime(2019, 7, 4, 12, 30), "second"),
        ("2019.07.04 12.30.00", datetime(2019, 7, 4, 12, 30), "second"),
        ("2019:07:04 12:30", datetime(2019, 7, 4, 12, 30), "minute"),
        ("2019:07:04 24:00:00", datetime(2019, 7, 5), "second"),
        ("2019-07-04T12:30:00.25+09:00", datetime(2019, 7, 4, 12, 30, 0, 250_000, TOKYO), "second"),
        ("2019-07-04T12:30:00Z", datetime(2019, 7, 4, 12, 30, tzinfo=UTC), "second"),
        ("2019:07:04", datetime(2019, 7, 4), "day"),
        ("2019-07", datetime(2019, 7, 1), "month"),
        ("1967", datetime(1967, 1, 1), "year"),
        ("1967:00:00 00:00:00", datetime(1967, 1, 1), "year"),
    ],
)
def test_texts_say_moments(text: str, at: datetime, precision: str) -> None:
    moment = parse_moment(text, "exif")
    assert moment is not None
    assert (moment.at, moment.precision, moment.source) == (at, precision, "exif")


@pytest.mark.parametrize(
    "text",
    ["", "0000:00:00 00:00:00", "    :  :     :  :  ", "2019:02:30 10:00:00", "2019:07:04 25:00:00", "9999:01:01",
     "1700:01:01", "soon", b"\xff\xfe", None, 20190704],
)  # fmt: skip
def test_what_is_no_moment_says_nothing(text: object) -> None:
    assert parse_moment(text, "exif") is None


@pytest.mark.parametrize(
    ("name", "at", "precision"),
    [
        ("IMG-20240203-WA0001.jpg", datetime(2024, 2, 3), "day"),
        ("WhatsApp Image 2024-02-03 at 12.30.45.jpeg", datetime(2024, 2, 3, 12, 30, 45), "second"),
        ("signal-2021-05-06-070809.jpg", datetime(2021, 5, 6, 7, 8, 9), "second"),
        ("signal-2021-05-06-07-08-09-123.jpg", datetime(2021, 5, 6, 7, 8, 9), "second"),
        ("Screenshot_2021-05-06-07-08-09.png", datetime(2021, 5, 6, 7, 8, 9), "second"),
        ("Screenshot 2021-05-06 at 07.08.09.png", datetime(2021, 5, 6, 7, 8, 9), "second"),
        ("PXL_20240101_120000500.MP.jpg", datetime(2024, 1, 1, 12, 0, 0, 500_000, UTC), "second"),
        ("IMG_20240203_123456_1.jpg", datetime(2024, 2, 3, 12, 34, 56), "second"),
        ("2019-07-04 12.30.00.jpg", datetime(2019, 7, 4, 12, 30), "second"),
        ("1931-12-31 grandmother.tif", datetime(1931, 12, 31), "day"),
    ],
)
def test_names_of_files_say_moments(name: str, at: datetime, precision: str) -> None:
    moment = find_moment_in_name(name)
    assert moment is not None
    assert (moment.at, moment.precision, moment.source) == (at, precision, "name")


@pytest.mark.parametrize(
    "name",
    [
        "IMG_1234.jpg",
        "FB_IMG_1612345678901.jpg",
        "DSC00012345678.jpg",
        "12345678.jpg",
        "20191332.jpg",
        "18990101.jpg",
    ],
)
def test_other_numbers_in_names_are_no_moments(name: str) -> None:
    assert find_moment_in_name(name) is None


def test_folders_begin_with_a_year_a_month_or_a_day() -> None:
    found = [find_moment_in_folder(name) for name in ("1967", "2019-07", "2019-07-04 Trip", "2019 Summer")]
    assert [moment and (moment.at, moment.precision) for moment in found] == [
        (datetime(1967, 1, 1), "year"),
        (datetime(2019, 7, 1), "month"),
        (datetime(2019, 7, 4), "day"),
        (datetime(2019, 1, 1), "year"),
    ]
    assert find_moment_in_folder("Class of 2019") is None
    assert find_moment_in_folder("20190704") is None


def test_exif_says_fraction_and_zone_apart(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0x9003: "2024:01:01 08:30:00", 0x9291: "25", 0x9011: "+09:00"})
    moment = probe_photo(corpus.jpeg(exif=exif)).moment
    assert moment is not None
    assert moment.at == datetime(2024, 1, 1, 8, 30, 0, 250_000, TOKYO)


def test_the_surest_record_of_a_file_counts() -> None:
    xmp = b"<x:xmpmeta><rdf:Description photoshop:DateCreated='1967'/></x:xmpmeta>"
    records = b"".join(
        b"\x1c\x02" + bytes([kind]) + struct.pack(">H", len(text)) + text
        for kind, text in ((55, b"19680405"), (60, b"101112+0200"))
    )
    resources = b"Photoshop 3.0\x008BIM\x04\x04\x00\x00" + struct.pack(">I", len(records)) + records
    changed = Image.Exif()
    changed[0x0132] = "2020:01:01 00:00:00"

    def with_iptc(data: bytes) -> bytes:
        return data[:2] + struct.pack(">BBH", 0xFF, 0xED, len(resources) + 2) + resources + data[2:]

    assert str(_find_year(corpus.jpeg(exif=changed))) == "2020"
    assert str(_find_year(with_iptc(corpus.jpeg(exif=changed)))) == "1968"
    assert str(_find_year(with_iptc(corpus.jpeg(exif=changed, xmp=xmp)))) == "1967"
    changed.get_ifd(0x8769)[0x9004] = "1966:01:01 00:00:00"
    assert str(_find_year(with_iptc(corpus.jpeg(exif=changed, xmp=xmp)))) == "1966"


def _find_year(data: bytes) -> int | None:
    moment = probe_photo(data).moment
    return moment.at.year if moment else None

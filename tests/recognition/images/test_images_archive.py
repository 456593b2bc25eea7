"""Photos come out of ZIP archives; tricks in them do not get anywhere."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

import pytest

from recognition.errors import ImageError, ImageTooLarge
from recognition.images import Limits
from recognition.images.archive import ArchiveLimits, is_archive, read_archive_members
from tests import corpus


def zip_file(members: list[tuple[zipfile.ZipInfo | str, bytes]], **options: int) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as packed:
        for name, content in members:
            packed.writestr(name, content)
    return file


def test_photos_come_in_order_with_their_folders_and_others_with_a_reason() -> None:
    file = zip_file(
        [
            ("trip/", b""),
            ("trip/a.jpg", corpus.jpeg()),
            ("trip/letter.txt", b"Dear all"),
            ("trip/fake.jpg", b"<svg></svg>"),
            ("trip/inner.zip", corpus.zip_of({"x.jpg": corpus.jpeg()})),
            ("trip/empty.png", b""),
            ("__MACOSX/trip/._a.jpg", b"clutter"),
            ("trip/.DS_Store", b"clutter"),
            ("b.png", corpus.saved(corpus.picture(), "PNG")),
        ],
        compression=zipfile.ZIP_DEFLATED,
    )
    found = list(read_archive_members(file))
    assert [member.name for member in found if not member.refused] == ["trip/a.jpg", "b.png"]
    assert found[0].data == corpus.jpeg()
    reasons = {member.name: str(member.refused) for member in found if member.refused}
    assert list(reasons) == ["trip/letter.txt", "trip/fake.jpg", "trip/inner.zip", "trip/empty.png"]
    assert "text" in reasons["trip/letter.txt"]
    assert "SVG" in reasons["trip/fake.jpg"]
    assert "ZIP" in reasons["trip/inner.zip"]
    assert "empty" in reasons["trip/empty.png"]


def test_a_folder_of_the_system_is_left_out_and_said_once() -> None:
    names = ["Anna/1.jpg", "Anna/@eaDir/1.jpg/thumb.jpg", "@eaDir/2.jpg", "_cache1/3.jpg", "cache/4.jpg"]
    file = zip_file([(name, corpus.jpeg()) for name in names])
    found = list(read_archive_members(file, system_folders=["_cache*"]))
    assert [member.name for member in found if not member.refused] == ["Anna/1.jpg", "cache/4.jpg"]
    assert [member.name for member in found if member.refused] == ["@eaDir", "_cache1"]


@pytest.mark.parametrize(
    "name", ["../a.jpg", "/etc/a.jpg", "a/../../b.jpg", "..\\..\\a.jpg", "C:\\a.jpg", "c:a.jpg"]
)
def test_names_that_point_outside_are_refused(name: str) -> None:
    (member,) = read_archive_members(zip_file([(name, corpus.jpeg())]))
    assert "outside" in str(member.refused)
    assert member.data == b""


def test_links_and_devices_are_refused() -> None:
    for kind in (0o120777, 0o020666):
        entry = zipfile.ZipInfo("photo.jpg")
        entry.external_attr = kind << 16
        (member,) = read_archive_members(zip_file([(entry, b"/etc/passwd")]))
        assert "link or a device" in str(member.refused)


def test_a_bomb_is_refused_by_what_it_says_and_by_what_it_does() -> None:
    bomb = b"BM" + b"\x00" * 30_000_000
    honest = zip_file([("bomb.bmp", bomb), ("a.jpg", corpus.jpeg())], compression=zipfile.ZIP_DEFLATED)
    refused, photo = read_archive_members(honest)
    assert "far more" in str(refused.refused)
    assert photo.data == corpus.jpeg()
    lying = honest.getvalue().replace(struct.pack("<I", len(bomb)), struct.pack("<I", 1000))
    refused, photo = read_archive_members(io.BytesIO(lying))
    assert refused.refused
    assert len(refused.data) == 0
    assert photo.data == corpus.jpeg()


def test_the_total_the_count_and_the_sizes_are_limited() -> None:
    file = zip_file([(f"{number}.jpg", corpus.jpeg()) for number in range(6)])
    size = len(corpus.jpeg())
    with pytest.raises(ImageTooLarge, match="unpacks to more"):
        list(read_archive_members(file, archive_limits=ArchiveLimits(unpacked_bytes=3 * size)))
    with pytest.raises(ImageTooLarge, match="more than 5 files"):
        list(read_archive_members(file, archive_limits=ArchiveLimits(members=5)))
    with pytest.raises(ImageTooLarge, match="MB"):
        list(read_archive_members(file, archive_limits=ArchiveLimits(bytes=100)))
    with pytest.raises(ImageTooLarge, match="list of files"):
        list(read_archive_members(file, archive_limits=ArchiveLimits(directory_bytes=100)))
    assert all("MB" in str(member.refused) for member in read_archive_members(file, Limits(bytes=100)))


def test_a_directory_that_understates_its_count_is_still_limited() -> None:
    data = bytearray(zip_file([(f"{number}.jpg", b"x") for number in range(50)]).getvalue())
    end = data.rindex(b"PK\x05\x06")
    data[end + 8 : end + 12] = struct.pack("<HH", 1, 1)
    with pytest.raises(ImageTooLarge, match="more than 20 files"):
        list(read_archive_members(io.BytesIO(bytes(data)), archive_limits=ArchiveLimits(members=20)))


def test_locked_oddly_packed_and_damaged_members_are_refused_one_by_one() -> None:
    locked = bytearray(zip_file([("a.jpg", corpus.jpeg())]).getvalue())
    locked[locked.rindex(b"PK\x01\x02") + 8] |= 1
    (member,) = read_archive_members(io.BytesIO(bytes(locked)))
    assert "password" in str(member.refused)
    (member,) = read_archive_members(zip_file([("a.jpg", corpus.jpeg())], compression=zipfile.ZIP_LZMA))
    assert "uncommon" in str(member.refused)
    damaged = bytearray(zip_file([("a.jpg", corpus.jpeg()), ("b.jpg", corpus.jpeg(80, 60))]).getvalue())
    damaged[300] ^= 0xFF
    first, second = read_archive_members(io.BytesIO(bytes(damaged)))
    assert "damaged" in str(first.refused)
    assert second.data == corpus.jpeg(80, 60)


@pytest.mark.parametrize("cut", [0, 3, 30, 400, -1, -10])
def test_a_truncated_archive_is_refused(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    path.write_bytes(zip_file([("a.jpg", corpus.jpeg())]).getvalue()[:cut])
    with pytest.raises(ImageError, match="damaged"):
        list(read_archive_members(path))


def test_names_in_utf8_are_understood_with_and_without_the_flag() -> None:
    data = zip_file([("Đà Lạt/ảnh.jpg", corpus.jpeg())]).getvalue()
    assert [member.name for member in read_archive_members(io.BytesIO(data))] == ["Đà Lạt/ảnh.jpg"]
    unflagged = bytearray(data)
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = unflagged.index(signature) + offset
        unflagged[at : at + 2] = b"\x00\x00"
    assert [member.name for member in read_archive_members(io.BytesIO(bytes(unflagged)))] == [
        "Đà Lạt/ảnh.jpg"
    ]


OLD_NAMES = {
    "cp932": ["旅行の写真/IMG_テスト.jpg", "結婚式.jpg"],
    "gb18030": ["照片/我的家庭.jpg", "北京旅游.jpg", "新建文件夹/a.jpg"],
    "big5": ["照片/我的家庭.jpg", "台北旅遊.jpg"],
    "cp949": ["사진/가족.jpg", "여름휴가.jpg"],
    "cp866": ["Фото/Семья.jpg", "Отпуск.jpg"],
    "cp437": ["Café.jpg", "mañana.jpg", "Größe/Müller.jpg"],
    "cp850": ["São Paulo.jpg"],
}


def old_zip(names: list[bytes], extra: bytes = b"") -> io.BytesIO:
    """An archive whose names are these bytes, not marked as UTF-8."""
    stand_ins = [f"{number:03}".ljust(len(name), "_") for number, name in enumerate(names)]
    members: list[tuple[zipfile.ZipInfo | str, bytes]] = []
    for stand_in in stand_ins:
        info = zipfile.ZipInfo(stand_in)
        info.extra = extra
        members.append((info, corpus.jpeg()))
    content = zip_file(members).getvalue()
    for stand_in, name in zip(stand_ins, names, strict=True):
        content = content.replace(stand_in.encode(), name)
    return io.BytesIO(content)


@pytest.mark.parametrize("encoding", OLD_NAMES)
def test_names_in_old_encodings_are_read_as_they_were_written(encoding: str) -> None:
    file = old_zip([name.encode(encoding) for name in OLD_NAMES[encoding]])
    assert [member.name for member in read_archive_members(file)] == OLD_NAMES[encoding]


def test_the_name_that_the_packer_wrote_beside_the_old_one_counts_if_it_is_of_it() -> None:
    raw, name = "テスト.jpg".encode("cp932"), "本当の名前.jpg"
    for crc, expected in ((zlib.crc32(raw), name), (1, "テスト.jpg")):
        body = struct.pack("<BI", 1, crc) + name.encode()
        file = old_zip([raw], struct.pack("<HH", 0x7075, len(body)) + body)
        assert [member.name for member in read_archive_members(file)] == [expected]


def test_archives_are_told_by_their_first_bytes() -> None:
    assert is_archive(zip_file([("a", b"")]).getvalue())
    assert not is_archive(corpus.jpeg())


def test_nothing_is_written_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    list(read_archive_members(zip_file([("a.jpg", corpus.jpeg()), ("../b.jpg", corpus.jpeg())])))
    assert list(tmp_path.rglob("*")) == []


def test_an_archive_of_the_kind_for_over_four_gigabytes_is_taken_and_its_counts_are_checked() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed, packed.open("a.jpg", "w", force_zip64=True) as member:
        member.write(corpus.jpeg())
    plain = file.getvalue()
    end = plain.rindex(b"PK\x05\x06")
    size, start = struct.unpack_from("<II", plain, end + 12)
    record = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, 1, 1, size, start)
    locator = struct.pack("<IIQI", 0x07064B50, 0, end, 1)
    closing = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    archive = plain[:end] + record + locator + closing
    assert [member.data for member in read_archive_members(io.BytesIO(archive))] == [corpus.jpeg()]
    crowded = archive.replace(
        record, record.replace(struct.pack("<QQ", 1, 1), struct.pack("<QQ", 9**9, 9**9))
    )
    with pytest.raises(ImageTooLarge, match="more than"):
        list(read_archive_members(io.BytesIO(crowded)))


def test_what_was_packed_from_a_pipe_is_a_file() -> None:
    entry = zipfile.ZipInfo("-")
    entry.external_attr = 0o010644 << 16
    (member,) = read_archive_members(zip_file([(entry, corpus.jpeg())]))
    assert member.data == corpus.jpeg()


def test_what_is_checked_is_what_is_read_wherever_the_archive_says_it_lies() -> None:
    """The larger counts are said to lie elsewhere, where harmless ones are; `zipfile` reads those before the end."""
    plain = corpus.zip_of({"a.jpg": corpus.jpeg()})
    end = plain.rindex(b"PK\x05\x06")
    harmless = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, 1, 1, 60, end)
    crowded = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, 9**9, 9**9, 9**9, 0)
    closing = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    for offset in (end, 2**64 - 1):
        locator = struct.pack("<IIQI", 0x07064B50, 0, offset, 1)
        with pytest.raises(ImageTooLarge, match="more than"):
            list(read_archive_members(io.BytesIO(plain[:end] + harmless + crowded + locator + closing)))
        with pytest.raises(ImageError):
            list(read_archive_members(io.BytesIO(locator + closing)))

"""Bytes become upright sRGB pixels, or a sentence that says why not."""

from __future__ import annotations

import io
import os
import struct
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from recognition import images
from recognition.errors import ImageError, ImageTooLarge
from recognition.images.moments import Moment
from recognition.types import Box
from recognition.types import Image as Pixels
from tests import corpus


@pytest.mark.parametrize("name", corpus.PLAIN)
def test_every_kind_of_photo_is_read_as_the_picture_it_shows(name: str) -> None:
    photo = images.read_photo(corpus.PLAIN[name]())
    wanted = np.asarray(corpus.picture()).astype(int)
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels.shape == wanted.shape
    assert np.abs(photo.pixels - wanted).mean() < (20 if name == "gif" else 6)


@pytest.mark.parametrize("name", corpus.ODD)
def test_odd_photos_are_read_as_three_channels(name: str) -> None:
    data = corpus.ODD[name]()
    photo = images.read_photo(data)
    info = images.probe_photo(data)
    assert photo.pixels.shape == (info.height, info.width, 3)
    assert photo.pixels.any()


@pytest.mark.parametrize("name", corpus.HOSTILE)
def test_what_is_not_a_sound_photo_is_refused_with_its_reason(name: str) -> None:
    make, word = corpus.HOSTILE[name]
    with pytest.raises(ImageError, match=word):
        images.read_photo(make())


@pytest.mark.parametrize("size", [(677, 475), (1301, 1103)])  # one strip, and two
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_to_whole_photos_and_to_regions(
    orientation: int, size: tuple[int, int]
) -> None:
    data = corpus.jpeg_turned(orientation, *size)
    wanted = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    photo = images.read_photo(data)
    assert np.array_equal(photo.pixels, wanted)
    assert (photo.width, photo.height) == wanted.shape[1::-1]
    region = images.read_region(data, Box(81.4, 121.2, 199, 159))
    assert region.box == Box(81, 121, 200, 160)
    assert np.array_equal(region.pixels, wanted[121:281, 81:281])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("choice", [{"at_least": 150}, {"max_side": 333}, {"max_side": 100}])
def test_reduced_photos_map_back_to_exact_full_size_pixels(orientation: int, choice: dict[str, int]) -> None:
    marked = Image.new("RGB", (677, 475), "black")
    marked.paste("white", (400, 200, 440, 260))
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = corpus.saved(marked, "JPEG", quality=95, exif=exif)
    full, small = images.read_photo(data), images.read_photo(data, **choice)  # type: ignore[arg-type]
    assert small.scale < 1
    found = small.box_in_full(_bright_box(small.pixels))
    truth = _bright_box(full.pixels)
    step = small.across
    assert found.left == pytest.approx(truth.left, abs=step)
    assert found.right == pytest.approx(truth.right, abs=step)
    centre, true_centre = found.left + found.width / 2, truth.left + truth.width / 2
    assert centre == pytest.approx(true_centre, abs=0.51 * step)
    back = small.box_in_pixels(found)
    assert back.left == pytest.approx(_bright_box(small.pixels).left, abs=1e-6)


def _bright_box(pixels: Pixels) -> Box:
    rows, columns = np.nonzero(pixels[..., 0] > 127)
    return Box(columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)


@pytest.mark.parametrize(
    "entry", [(3, 0), (3, 9), (3, 0xFFFF), (4, 77), (2, 0x786973), (9, 0xFFFFFFFF), (99, 6)]
)
def test_a_broken_orientation_means_upright(entry: tuple[int, int]) -> None:
    kind, value = entry
    exif = b"Exif\x00\x00II*\x00\x08\x00\x00\x00" + struct.pack("<HHHIII", 1, 0x0112, kind, 1, value, 0)
    assert images.read_photo(corpus.jpeg(exif=exif)).info.orientation == 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["TIFF", "WEBP", "AVIF", "JXL"])
def test_every_kind_is_turned_once(form: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    if form == "JXL":
        data = corpus.jxl_of_jpeg(orientation)
    else:
        data = corpus.saved(corpus.picture(), form, exif=exif, **({} if form == "TIFF" else {"quality": 95}))
    wanted = images.read_photo(corpus.jpeg_turned(orientation)).pixels.astype(int)
    photo = images.read_photo(data)
    assert photo.pixels.shape == wanted.shape
    assert (photo.width, photo.height) == wanted.shape[1::-1]
    assert np.abs(photo.pixels - wanted).mean() < 6
    region = images.read_region(data, Box(10, 12, 20, 16))
    assert np.array_equal(region.pixels, photo.pixels[12:28, 10:30])
    assert images.probe_photo(data).orientation == orientation


def test_a_jpeg_xl_stands_as_its_own_header_says_and_not_as_its_exif() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert images.read_photo(corpus.jxl(exif=exif.tobytes())).pixels.shape == (48, 64, 3)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_of_a_raw_file_the_large_preview_is_taken_and_turned_as_the_sensor_was(orientation: int) -> None:
    sensor, preview = Image.new("RGB", (1800, 1200), "grey"), corpus.picture(1700, 1133)
    photo = images.read_photo(corpus.dng(sensor, preview, orientation))
    wanted = images.read_photo(corpus.jpeg_turned(orientation, 1700, 1133)).pixels.astype(int)
    assert photo.pixels.shape == wanted.shape
    assert np.abs(photo.pixels - wanted).mean() < 3
    assert photo.info.kind == "RAW"
    assert photo.info.moment == Moment(datetime(2021, 7, 4, 12, 30), "second", "exif")


def test_a_raw_file_with_a_thumbnail_alone_is_developed() -> None:
    data = corpus.dng(corpus.picture(1800, 1200), corpus.picture(160, 106), orientation=6)
    photo = images.read_photo(data)
    assert (photo.width, photo.height) == (1200, 1800)
    assert photo.pixels.std() > 10


def test_a_preview_that_the_camera_has_turned_is_not_turned_again() -> None:
    data = corpus.dng(Image.new("RGB", (1800, 1200), "grey"), corpus.picture(1200, 1700), orientation=6)
    photo = images.read_photo(data)
    assert np.abs(photo.pixels - np.asarray(corpus.picture(1200, 1700)).astype(int)).mean() < 3


@pytest.mark.parametrize("missing", [2, 400])
def test_a_jpeg_cut_short_is_taken_with_what_it_has_and_says_so(missing: int) -> None:
    whole = corpus.jpeg(400, 300)
    photo, wanted = images.read_photo(whole[:-missing]), images.read_photo(whole)
    assert photo.is_cut_off
    assert not wanted.is_cut_off
    assert np.array_equal(photo.pixels[:200], wanted.pixels[:200])


@pytest.mark.parametrize("is_late", [False, True])
def test_a_png_is_turned_by_its_exif_wherever_it_lies(is_late: bool) -> None:
    tiff = b"II*\x00\x08\x00\x00\x00" + struct.pack("<HHHIII", 1, 0x0112, 3, 1, 6, 0)
    plain = corpus.saved(corpus.picture(), "PNG")
    at = len(plain) - 12 if is_late else 33
    data = plain[:at] + corpus.png_chunk(b"eXIf", tiff) + plain[at:]
    photo = images.read_photo(data)
    assert np.array_equal(photo.pixels, np.rot90(np.asarray(corpus.picture()), -1))
    assert images.probe_photo(data).orientation == 6


@pytest.mark.parametrize("name", sorted(set(corpus.PLAIN) - {"jpeg xl made of a jpeg"}))
def test_probing_decodes_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("decoded")

    data = corpus.PLAIN[name]()
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", refuse)
    assert images.probe_photo(data).width == 64


def test_the_content_decides_what_a_file_is_not_its_name(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(corpus.jpeg())
    assert images.probe_photo(path).kind == "JPEG"
    path.write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    with pytest.raises(ImageError, match="SVG"):
        images.probe_photo(path)


def test_transparency_is_shown_on_white() -> None:
    for form in ("PNG", "WEBP", "TIFF"):
        pixels = images.read_photo(corpus.half_transparent(form)).pixels
        assert pixels[0, 0].tolist() == [255, 0, 0]
        assert pixels[0, -1].tolist() == [255, 255, 255]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "CMYK", "1"])
def test_kinds_without_a_reducing_decoder_are_averaged_strip_by_strip(mode: str) -> None:
    form = "TIFF" if mode == "CMYK" else "PNG"
    data = corpus.saved(corpus.picture(1301, 1603).convert(mode), form)
    small = images.read_photo(data, at_least=300)
    assert small.pixels.shape == (401, 326, 3)
    assert small.scale == 0.25
    whole = Image.fromarray(images.read_photo(data).pixels).reduce(4)
    assert np.abs(small.pixels - np.asarray(whole).astype(int)).mean() < 1.5


def test_sixteen_bits_become_eight_without_clipping() -> None:
    for form in ("PNG", "TIFF"):
        pixels = images.read_photo(corpus.sixteen_bit(form)).pixels
        assert pixels[0, 0, 0] == 0
        assert pixels[-1, -1, 0] == 255
        assert 120 < pixels.mean() < 135


def test_of_an_animation_the_first_frame_is_read() -> None:
    for form in ("PNG", "WEBP", "TIFF"):
        data = corpus.animation(form)
        assert (
            np.abs(images.read_photo(data).pixels - np.asarray(corpus.picture(seed=0)).astype(int)).mean() < 8
        )
        assert images.probe_photo(data).frames == 3


def test_a_valid_colour_profile_is_applied_and_a_broken_one_ignored() -> None:
    plain = images.read_photo(corpus.jpeg()).pixels.astype(int)
    broken = images.read_photo(corpus.ODD["broken colour profile"]()).pixels
    swapped = images.read_photo(corpus.ODD["wide gamut"]()).pixels
    assert np.array_equal(plain, broken)
    assert np.abs(plain[..., 0] - swapped[..., 2]).mean() < 3  # its primaries are exchanged
    assert np.abs(plain[..., 0] - swapped[..., 0]).mean() > 10


def test_probing_tells_size_time_and_position_without_decoding() -> None:
    info = images.probe_photo(corpus.jpeg_with_position())
    assert (info.kind, info.width, info.height) == ("JPEG", 64, 48)
    assert info.moment == Moment(datetime(2021, 7, 4, 12, 30), "second", "exif")
    assert info.has_position
    assert not images.probe_photo(corpus.jpeg()).has_position


@pytest.mark.parametrize(
    "moment", ["0000:00:00 00:00:00", "2021:13:40 99:00:00", "9999:01:01 00:00:00", "yesterday", "\x00", ""]
)
def test_an_impossible_moment_counts_as_unknown(moment: str) -> None:
    assert images.probe_photo(corpus.jpeg_with_position(moment)).moment is None


def test_limits_are_checked_before_decoding() -> None:
    data = corpus.jpeg(200, 100)
    for limits, word in (
        (images.Limits(bytes=100), "MB"),
        (images.Limits(pixels=19_999), "megapixels"),
        (images.Limits(side=199), "no side"),
        (images.Limits(metadata_bytes=10), "beside the picture"),
    ):
        with pytest.raises(ImageTooLarge, match=word):
            images.probe_photo(data, limits)
    for large in (corpus.heic(exif=b"Exif\x00\x00II*\x00" + b"x" * 5000), corpus.ODD["wide gamut"]()):
        with pytest.raises(ImageTooLarge, match="beside the picture"):
            images.probe_photo(large, images.Limits(metadata_bytes=400))
    with pytest.raises(ImageTooLarge, match="frames"):
        images.probe_photo(corpus.animation("TIFF", 4), images.Limits(frames=3))


def test_what_cannot_be_opened_is_an_image_error(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="cannot be read"):
        images.read_photo(tmp_path / "missing.jpg")
    with pytest.raises(ImageError, match="not a plain file"):
        images.read_photo(tmp_path)
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(ImageError, match="not a plain file"):
        images.read_photo(tmp_path / "pipe.jpg")
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(corpus.jpeg())
    secret.chmod(0)
    if not os.access(secret, os.R_OK):
        with pytest.raises(ImageError, match="Permission denied"):
            images.read_photo(secret)


def test_a_derived_picture_is_upright_small_and_says_nothing_about_itself() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 29.6)})
    data = corpus.jpeg(800, 600, exif=exif, comment=b"secret")
    for form in ("WEBP", "JPEG", "PNG"):
        small = images.make_rendition(data, 200, form=form)
        opened = Image.open(io.BytesIO(small))
        assert opened.size == (150, 200)
        assert not opened.getexif()
        assert b"secret" not in small


def test_regions_can_be_reduced_and_are_cut_at_the_edge() -> None:
    data = corpus.jpeg_turned(6, 800, 600)
    small = images.read_region(data, Box(100, 100, 400, 200), max_side=100)
    assert small.pixels.shape == (50, 100, 3)
    full = images.read_photo(data).pixels[100:300, 100:500]
    wanted = np.asarray(Image.fromarray(full).resize((100, 50), Image.Resampling.LANCZOS)).astype(int)
    assert np.abs(small.pixels - wanted).mean() < 3
    edge = images.read_region(data, Box(550, 750, 300, 300))
    assert edge.box == Box(550, 750, 50, 50)
    outside = images.read_region(data, Box(5000, 5000, 10, 10))
    assert outside.pixels.shape == (1, 1, 3)

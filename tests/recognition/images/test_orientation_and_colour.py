"""Photos of every kind stand upright, and have the colours that their profiles say, compared pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from recognition import images
from recognition.types import Image as Pixels
from tests import colour_files, corpus


def as_grey(pixels: Pixels) -> Pixels:
    return np.asarray(Image.fromarray(pixels).convert("L"))


@pytest.mark.parametrize("kind", colour_files.TURNED)
def test_every_kind_stands_upright_in_all_eight_orientations(kind: str) -> None:
    for orientation in range(1, 9):
        photo = images.read_photo(colour_files.TURNED[kind](orientation))
        wanted = images.read_photo(corpus.jpeg_turned(orientation)).pixels
        shown = photo.pixels
        assert shown.shape == wanted.shape, orientation
        assert (photo.width, photo.height) == wanted.shape[1::-1]
        if "grey" in kind:
            shown, wanted = as_grey(shown), as_grey(wanted)
        assert np.abs(shown.astype(int) - wanted).mean() < 6, orientation


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "HEIC", "AVIF", "JPEG XL"])
def test_the_profile_of_a_wide_gamut_is_applied_in_every_kind(form: str) -> None:
    data = colour_files.save_with_profile(form, corpus.wide_gamut_profile())
    swapped = images.read_photo(data).pixels.astype(int)  # its primaries are exchanged
    assert np.abs(swapped - np.asarray(corpus.picture())[..., ::-1]).mean() < 6
    small = images.read_photo(data, max_side=32).pixels.astype(int)
    reduced = np.asarray(corpus.picture().reduce(2))[..., ::-1]
    assert np.abs(small - reduced).mean() < 10


@pytest.mark.parametrize("form", ["JPEG", "TIFF", "PNG"])
def test_grey_is_shown_by_its_own_profile_and_not_by_one_of_colours(form: str) -> None:
    half = Image.new("L", (64, 48), 128)
    linear = corpus.saved(half, form, icc_profile=colour_files.linear_grey_profile())
    assert np.abs(images.read_photo(linear).pixels.astype(int) - 188).max() <= 2
    of_colours = corpus.saved(half, form, icc_profile=corpus.wide_gamut_profile())
    assert np.abs(images.read_photo(of_colours).pixels.astype(int) - 128).max() <= 1


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_inks_are_shown_by_their_profile(form: str) -> None:
    inks = corpus.picture().convert("CMYK")
    pixels = images.read_photo(
        corpus.saved(inks, form, icc_profile=colour_files.grey_ink_profile())
    ).pixels.astype(int)
    assert np.ptp(pixels, axis=2).max() <= 4, "all four inks are black"
    assert pixels.std() > 5
    plain = images.read_photo(corpus.saved(inks, form)).pixels.astype(int)
    assert np.abs(plain - np.asarray(corpus.picture())).mean() < 6


def test_sixteen_bits_of_colour_lose_nothing_that_a_screen_shows() -> None:
    for data in (colour_files.png_of_16_bits(), colour_files.tiff_of_16_bits()):
        assert np.array_equal(images.read_photo(data).pixels, np.asarray(corpus.picture()))


def test_of_a_picture_with_a_gain_map_the_picture_for_every_screen_is_shown() -> None:
    pixels = images.read_photo(colour_files.jpeg_with_gain_map()).pixels
    assert np.array_equal(pixels, images.read_photo(corpus.jpeg()).pixels)

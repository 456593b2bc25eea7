"""The table at the end of docs/files.md is what happens to a file of every kind: taken, kept, shown, written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from PIL import Image

from gallery.models import Photo, User
from gallery.photos.renditions import get_photo_rendition
from gallery.photos.services import add_photo
from recognition.errors import ImageError
from recognition.images import read_photo
from tests import colour_files, corpus
from tests.making import a_named_face, a_person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "own_data")]
DOCS = Path(__file__).parents[2] / "docs" / "files.md"
HEADER = ["| file | taken as | kept | shown | copy with names |", "|---|---|---|---|---|"]
SIDEWAYS = 6  # of EXIF's orientations
NAME = "Lan Nguyễn"

SAMPLES: dict[str, Callable[[], bytes]] = {
    **{
        f"{kind}, on its side": lambda make=make: make(SIDEWAYS) for kind, make in colour_files.TURNED.items()
    },
    **{
        f"{form} with a wide gamut": lambda form=form: colour_files.save_with_profile(
            form if form == "JPEG XL" else form.upper(), corpus.wide_gamut_profile()
        )
        for form in ("JPEG", "PNG", "WebP", "TIFF", "HEIC", "AVIF", "JPEG XL")
    },
    "JPEG cut short": lambda: corpus.jpeg()[:-2],
    "GIF": corpus.PLAIN["gif"],
    "BMP": corpus.PLAIN["bmp"],
    "animated WebP": corpus.ODD["animated webp"],
    "animated PNG": corpus.ODD["animated png"],
    "TIFF of three pages": corpus.ODD["tiff of many pages"],
    "transparent PNG": corpus.ODD["transparent png"],
    "camera raw with a large preview": lambda: corpus.dng(
        Image.new("RGB", (1800, 1200), "grey"), corpus.picture(1700, 1133)
    ),
    "camera raw without a preview": corpus.ODD["raw without a preview"],
    "PDF": lambda: corpus.HOSTILE["pdf"][0](),
    "SVG": lambda: corpus.HOSTILE["svg"][0](),
    "JPEG 2000": lambda: corpus.HOSTILE["jpeg 2000"][0](),
    "Windows icon": lambda: corpus.HOSTILE["icon"][0](),
}
FRAMES = {"animated WebP", "animated PNG", "TIFF of three pages"}


def describe_showing(name: str, photo: Photo) -> str:
    """What the picture on the page shows, of picture()."""
    with Image.open(get_photo_rendition(photo, 2048)) as opened:
        shown = opened.convert("RGB")
    wanted = corpus.picture(seed=0 if name in FRAMES else 7)
    if "on its side" in name:
        wanted = wanted.transpose(Image.Transpose.ROTATE_270)
    if "wide gamut" in name:
        wanted = Image.fromarray(np.asarray(wanted)[..., ::-1])
    if "grey" in name:
        wanted, shown = wanted.convert("L"), shown.convert("L")
    if "camera raw without" in name or "transparent" in name:
        return "the developed picture" if "raw" in name else "on white"
    small = shown.resize(wanted.size)
    assert (shown.width > shown.height) == (wanted.width > wanted.height)
    assert np.abs(np.asarray(small).astype(int) - np.asarray(wanted)).mean() < 12, name
    if name in FRAMES:
        return "the first of them"
    return "upright" if "on its side" in name else "in its colours" if "wide gamut" in name else "as it is"


def try_file(client: Client, user: User, name: str) -> str:
    """A line of the table."""
    data = SAMPLES[name]()
    try:
        photo = add_photo(user, [data], "photo").photo
    except ImageError as refusal:
        reason, *_advice = str(refusal).split(". ")
        return f"| {name} | no: {reason} | | | |"
    original = client.get(reverse("photo_original", args=(photo.pk,)))
    kept = b"".join(original.streaming_content) if original.streaming else original.content
    assert kept == data, name
    a_named_face(a_person(NAME), photo, left=8.0, top=8.0, width=16.0, height=16.0)
    copy = client.get(reverse("photo_export", args=(photo.pk, "xmp"))).content
    assert NAME.encode() in copy, name
    written, read = read_photo(copy), read_photo(data)
    assert written.pixels.shape == read.pixels.shape, name
    assert np.abs(written.pixels.astype(int) - read.pixels).mean() < 5, name
    pixels = "packed anew"
    if written.info.kind == read.info.kind:
        is_same = np.array_equal(written.pixels, read.pixels)
        pixels = "the same pixels" if is_same else "the same within rounding"
    taken = f"{photo.format}, {photo.width} × {photo.height}" + (", cut short" if photo.is_cut_off else "")
    return f"| {name} | {taken} | the same bytes | {describe_showing(name, photo)} | {written.info.kind}, {pixels} |"


def test_the_table_of_kinds_says_what_happens(client: Client, user: User) -> None:
    client.force_login(user)
    lines = [*HEADER, *(try_file(client, user, name) for name in SAMPLES)]
    told = DOCS.read_text().split("## Tried\n", 1)[-1].splitlines()
    assert [line for line in told if line.startswith("|")] == lines, "\n" + "\n".join(lines)

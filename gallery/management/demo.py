"""The demonstration: public-domain portraits fetched by pip, and the people and the photo made of them.

The four White House portraits ship with the source distribution of face_recognition, the NASA portrait of
Eileen Collins with scikit-image. All are works of the United States government, so in the public domain. They are
never kept in git."""

from __future__ import annotations

import io
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from recognition.download import DownloadFailed, download_package, read_member
from recognition.errors import RecognitionError

MONTAGE_HEIGHT = 900  # without the caption
CAPTION_HEIGHT = 64


class DemoUnavailable(RecognitionError):
    """The portraits cannot be downloaded here."""


@dataclass(frozen=True, slots=True)
class DemoPortrait:
    package: str  # as pip names it
    member: str  # path inside the archive
    sha256: str


PORTRAITS_FOLDER = "face_recognition-1.3.0/tests/test_images/"
FACE_RECOGNITION_PACKAGE = "face_recognition==1.3.0"
OBAMA_2012 = DemoPortrait(
    FACE_RECOGNITION_PACKAGE,
    f"{PORTRAITS_FOLDER}obama.jpg",
    "0930e3aa8cae5920329c0c8cbc6a2ab70f47b0e67b432875beaa95cbf7e741f6",
)
OBAMA_SPEAKING = DemoPortrait(
    FACE_RECOGNITION_PACKAGE,
    f"{PORTRAITS_FOLDER}obama2.jpg",
    "a7efcc907375274796f39646510704aa86672d59f6d5469d69af3c85590976a6",
)
OBAMA_STANDING = DemoPortrait(
    FACE_RECOGNITION_PACKAGE,
    f"{PORTRAITS_FOLDER}obama3.jpg",
    "76ac6bf97c36dc2da0ad16a537d6a5ac1b10f48d49aac29a0cca9a17cdbc3ca3",
)
BIDEN = DemoPortrait(
    FACE_RECOGNITION_PACKAGE,
    f"{PORTRAITS_FOLDER}biden.jpg",
    "3c17508bb91554c637a2eabddfae790e5bb1caba93130814fc2ac50be9760c4c",
)
COLLINS = DemoPortrait(
    "scikit-image==0.26.0",
    "skimage/data/astronaut.png",
    "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
)

DEMO_PEOPLE = {
    "Barack Obama": {"portrait-2012.jpg": OBAMA_2012, "speaking.jpg": OBAMA_SPEAKING},
    "Joe Biden": {"portrait-2013.jpg": BIDEN},
}
MONTAGE_PORTRAITS = (
    # portrait, the part of it that is shown (left, top, right, bottom, as fractions), caption
    (OBAMA_STANDING, (0.0, 0.0, 1.0, 0.62), "Barack Obama"),
    (COLLINS, (0.0, 0.0, 1.0, 1.0), "Eileen Collins, not in the gallery"),
)


def prepare_demo_folders(folder: Path) -> tuple[Path, Path]:
    """Make the folders of people and of photos below `folder`. Raises DemoUnavailable without a package mirror."""
    people, photos = folder / "people", folder / "photos"
    if (photos / "montage.jpg").exists():
        return people, photos
    with tempfile.TemporaryDirectory() as name:
        found = _fetch_portraits(Path(name))
        for person, images in DEMO_PEOPLE.items():
            (people / person).mkdir(parents=True, exist_ok=True)
            for file, portrait in images.items():
                (people / person / file).write_bytes(found[portrait])
        photos.mkdir(parents=True, exist_ok=True)
        shown = [
            (Image.open(io.BytesIO(found[portrait]), formats=("JPEG", "PNG")).convert("RGB"), part, caption)
            for portrait, part, caption in MONTAGE_PORTRAITS
        ]
        partial = photos / "montage.part"
        draw_montage(shown).save(partial, "JPEG", quality=92)
        partial.rename(photos / "montage.jpg")
    return people, photos


def _fetch_portraits(folder: Path) -> dict[DemoPortrait, bytes]:
    everything = [portrait for images in DEMO_PEOPLE.values() for portrait in images.values()]
    everything += [portrait for portrait, _, _ in MONTAGE_PORTRAITS]
    try:
        archives = {
            name: download_package(name, folder, is_source=name == FACE_RECOGNITION_PACKAGE)
            for name in {each.package for each in everything}
        }
        return {
            each: read_member(archives[each.package], each.member, sha256=each.sha256) for each in everything
        }
    except DownloadFailed as error:
        raise DemoUnavailable(f"The demonstration's portraits are missing. {error}") from error


def draw_montage(shown: list[tuple[Image.Image, tuple[float, float, float, float], str]]) -> Image.Image:
    """Draw the portraits side by side at the same height, each with its caption below."""
    parts = []
    for image, (left, top, right, bottom), caption in shown:
        width, height = image.size
        part = image.crop(
            (round(left * width), round(top * height), round(right * width), round(bottom * height))
        )
        size = (round(part.width * MONTAGE_HEIGHT / part.height), MONTAGE_HEIGHT)
        parts.append((part.resize(size, Image.Resampling.LANCZOS), caption))
    sheet = Image.new("RGB", (sum(part.width for part, _ in parts), MONTAGE_HEIGHT + CAPTION_HEIGHT), "white")
    pen, across = ImageDraw.Draw(sheet), 0
    for part, caption in parts:
        sheet.paste(part, (across, 0))
        middle = (across + part.width / 2, MONTAGE_HEIGHT + CAPTION_HEIGHT / 2)
        pen.text(middle, caption, fill="black", font=ImageFont.load_default(26), anchor="mm")
        across += part.width
    return sheet

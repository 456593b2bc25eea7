"""Photos to upload: the demonstration's real portraits, cut and turned, so that no two files are the same."""

from __future__ import annotations

import zipfile
from pathlib import Path

from PIL import Image, ImageOps


def _extend(picture: Image.Image, times: int) -> Image.Image:
    """Of another shape, or they would all be one stack."""
    return ImageOps.expand(picture, (0, 0, 0, times * picture.height // 30), "white")


def make_photos(montage: Path, portrait: Path, into: Path) -> None:
    """Five photos (first.jpg, mirrored.jpg, ...), folder/, photos.zip, and three that are no photos."""
    picture = Image.open(montage).convert("RGB")
    wide, high = picture.size
    _extend(picture, 7).save(into / "first.jpg", quality=90)
    ImageOps.mirror(picture).save(into / "mirrored.jpg", quality=88)
    _extend(picture, 1).reduce(2).save(into / "small.jpg", quality=88)
    _extend(picture, 2).save(into / "wide.jpg", quality=91)
    picture.crop((0, 0, wide // 3, high)).save(into / "left.jpg", quality=88)
    ImageOps.mirror(Image.open(portrait).convert("RGB")).save(into / "portrait.jpg", quality=88)
    (into / "notes.txt").write_text("not a photo")
    (into / "empty.jpg").touch()
    picture.save(into / "broken.png")
    (into / "broken.png").write_bytes((into / "broken.png").read_bytes()[:2000])
    folder = into / "folder"
    folder.mkdir()
    for number, quality in enumerate((70, 72)):
        _extend(picture, 3 + number).reduce(3).save(folder / f"from-folder-{number}.jpg", quality=quality)
    with zipfile.ZipFile(into / "photos.zip", "w") as archive:
        for number, quality in enumerate((60, 62)):
            name = f"from-zip-{number}.jpg"
            _extend(picture, 5 + number).reduce(3).save(into / name, quality=quality)
            archive.write(into / name, f"trip/{name}")
            (into / name).unlink()
        archive.writestr("trip/readme.txt", "no photo")

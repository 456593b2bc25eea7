"""The main face of every picture of a folder, cut into another."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from PIL import Image as Pillow

from gallery.index import engine
from recognition.detector import load_detector
from recognition.types import Box, Detection, Image, Quality
from tests.engines import GOOD, landmarks_in

FACE = Box(10, 20, 30, 40)
POOR = Quality(
    size=9, sharpness=0, yaw=0, roll=0, exposure=0.5, contrast=0.2, is_usable=False, reason="blurred"
)


class SeesByShade:
    """A face in every picture that is not black; a poor one where it is grey, two where it is white."""

    def detect(self, image: Image) -> list[Detection]:
        shade = int(image[0, 0, 0])
        face = Detection(FACE, landmarks_in(FACE), 0.99, POOR if 100 < shade < 150 else GOOD)
        if shade > 200:
            return [face, replace(face, box=Box(60, 20, 30, 40))]
        return [face] if shade > 50 else []


@pytest.fixture(autouse=True)
def by_shade(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "get_detector", SeesByShade)


def write_picture(path: Path, shade: int, form: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(np.full((80, 100, 3), shade, np.uint8)).save(path, form)
    return path


def crop(*arguments: object) -> dict[str, Any]:
    out = io.StringIO()
    call_command("crop_faces", *map(str, arguments), "--json", stdout=out, stderr=io.StringIO())
    said: dict[str, Any] = json.loads(out.getvalue())
    return said


def test_faces_are_cut_tightly_to_the_same_places(tmp_path: Path) -> None:
    pictures = [write_picture(tmp_path / "in/Anna" / name, 180) for name in ("1.jpg", "2.png", "3.tif")]
    before = [path.read_bytes() for path in pictures]
    said = crop(tmp_path / "in", tmp_path / "out")
    assert (said["cropped"], said["skipped"]) == (3, [])
    cut = [tmp_path / "out/Anna" / name for name in ("1.jpg", "2.png", "3.tif.jpg")]
    assert [Pillow.open(path).size for path in cut] == [(30, 40)] * 3
    assert [Pillow.open(path).format for path in cut] == ["JPEG", "PNG", "JPEG"]
    assert [path.read_bytes() for path in pictures] == before


def test_a_margin_is_a_share_of_the_face_and_ends_at_the_border(tmp_path: Path) -> None:
    write_picture(tmp_path / "in/Anna/1.jpg", 180)
    crop(tmp_path / "in", tmp_path / "out", "--margin", 0.5)
    assert Pillow.open(tmp_path / "out/Anna/1.jpg").size == (55, 80)


def test_what_is_left_out_is_listed_with_the_reason(tmp_path: Path) -> None:
    write_picture(tmp_path / "in/Anna/1.jpg", 0)
    write_picture(tmp_path / "in/Anna/2.jpg", 255)
    (tmp_path / "in/Anna/3.jpg").write_bytes(b"no picture")
    said = crop(tmp_path / "in", tmp_path / "out")
    assert [Path(each["path"]).name for each in said["skipped"]] == ["1.jpg", "2.jpg", "3.jpg"]
    assert said["skipped"][0]["reason"] == "No face was found in this image."
    assert said["skipped"][1]["reason"].startswith("Two faces")
    assert (said["cropped"], said["sheets"]) == (0, [])


def test_each_person_has_a_contact_sheet_with_the_doubtful_ones_first(tmp_path: Path) -> None:
    write_picture(tmp_path / "in/Anna/1.jpg", 180)
    write_picture(tmp_path / "in/Anna/2.jpg", 120)
    write_picture(tmp_path / "in/Bảo/1.jpg", 180)
    said = crop(tmp_path / "in", tmp_path / "out")
    assert [Path(path).name for path in said["sheets"]] == ["Anna contact sheet.jpg", "Bảo contact sheet.jpg"]
    sheet = np.asarray(Pillow.open(said["sheets"][0]))
    first, second = sheet[72, 72], sheet[72, 72 + 136]
    assert abs(int(first[0]) - 120) < 8
    assert abs(int(second[0]) - 180) < 8
    assert sheet[6, 72, 0] > 200  # its frame
    assert sheet[6, 72 + 136, 0] < 60
    write_picture(tmp_path / "in/Anna/3.jpg", 180)
    again = crop(tmp_path / "in", tmp_path / "out")
    assert (again["cropped"], len(again["skipped"])) == (1, 3)
    assert (
        abs(int(np.asarray(Pillow.open(again["sheets"][0]))[72, 72 + 2 * 136, 0]) - 180) < 8
    )  # beside the others


@pytest.mark.parametrize("out", ["in", "in/cut", "."])
def test_originals_are_never_written_over(tmp_path: Path, out: str) -> None:
    picture = write_picture(tmp_path / "in/Anna/1.jpg", 180)
    before = picture.read_bytes()
    with pytest.raises(CommandError, match="outside"):
        crop(tmp_path / "in", tmp_path / out)
    (tmp_path / "out/Anna").mkdir(parents=True)
    (tmp_path / "out/Anna/1.jpg").symlink_to(picture)
    (tmp_path / "out/Anna contact sheet.jpg").symlink_to(picture)
    assert "there already" in crop(tmp_path / "in", tmp_path / "out")["skipped"][0]["reason"]
    assert picture.read_bytes() == before


def test_real_portraits_are_cut_to_their_faces(
    tmp_path: Path, demo: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = load_detector("mtcnn-plain")
    monkeypatch.setattr(engine, "get_detector", lambda: detector)
    people, _photos = demo
    said = crop(people, tmp_path / "out")
    assert said["cropped"] >= 2
    cut = sorted(path for path in (tmp_path / "out").rglob("*.jpg") if path.parent != tmp_path / "out")
    for path in cut:
        pixels = np.asarray(Pillow.open(path).convert("RGB"))
        whole = np.asarray(Pillow.open(people / path.relative_to(tmp_path / "out")).convert("RGB"))
        assert pixels.shape[0] < whole.shape[0]
        assert detector.detect(np.pad(pixels, ((60, 60), (60, 60), (0, 0)), mode="edge"))

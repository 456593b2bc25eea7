"""The nearest reference alone decides, over two thresholds. The CLIP tests hold it against the script itself."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from PIL import Image as Pillow

from gallery.faces import script_tagging
from gallery.index import engine
from recognition.images import read_photo
from recognition.types import Detection, Image
from tests.engines import FakeEngine, Seen, somebody
from tests.gallery_world import know, world
from tests.making import a_person, a_vector

__all__ = ["world"]
pytestmark = pytest.mark.django_db


class Unsure(FakeEngine):
    """Its second face is hardly one."""

    def detect(self, image: Image) -> list[Detection]:
        first, second = super().detect(image)
        return [first, replace(second, score=0.8)]

    def embed(self, crops: Any) -> Any:
        return super().embed([replace(crop, box=self.faces[0].box) for crop in crops])


@pytest.fixture
def clip(world: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """Anna is known, and near the first of two faces."""
    vector = a_vector(1)
    know(a_person("Anna"), vector)
    found: list[Seen] = [somebody(100, 2, near=vector), somebody(300, 3)]
    made = Unsure(faces=found, name="clip")
    monkeypatch.setattr(engine, "get_serving_embedder", lambda: made)
    monkeypatch.setattr(script_tagging, "load_detector", lambda name, threads: made)
    return made


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Pillow.new("RGB", (600, 400)).save(tmp_path / "group.jpg")
    return tmp_path / "group.jpg"


def tag(*arguments: object) -> str:
    out = io.StringIO()
    call_command("tag", *map(str, arguments), stdout=out, stderr=io.StringIO())
    return out.getvalue()


@pytest.mark.usefixtures("clip")
def test_a_name_and_a_face_need_more_than_their_thresholds(photo: Path) -> None:
    (known,) = json.loads(tag(photo, "--like-the-script", "--json"))["faces"]
    assert (known["name"], known["state"]) == ("Anna", "known")
    bound = f"--similarity={known['similarity'] + 0.0001}"
    (unknown,) = json.loads(tag(photo, "--like-the-script", "--json", bound))["faces"]
    assert (unknown["name"], unknown["state"]) == (None, "unknown")
    assert (known["person_id"], unknown["person_id"]) == (unknown["candidates"][0]["person_id"], None)
    assert [(each["name"], each["similarity"]) for each in unknown["candidates"]] == [
        ("Anna", known["similarity"])
    ]
    both = json.loads(tag(photo, "--like-the-script", "--json", "--detection=0.7"))["faces"]
    assert [round(face["detection"], 2) for face in both] == [0.99, 0.8]


@pytest.mark.usefixtures("clip")
def test_named_faces_are_printed_as_the_script_printed_them(photo: Path) -> None:
    lines = tag(photo, "--like-the-script").splitlines()
    assert [line.split(":")[0] for line in lines] == ["Results", "Name", "path", "Similarity"]
    assert lines[1] == "Name: Anna"
    assert tag(photo, "--like-the-script", "--similarity=1").splitlines() == ["Results:"]


@pytest.mark.usefixtures("clip")
@pytest.mark.parametrize(
    ("side", "size"), [((), (640, 427)), (("--width", 300), (300, 200)), (("--height", 200), (300, 200))]
)
def test_what_is_drawn_has_the_wished_width_or_height(
    photo: Path, monkeypatch: pytest.MonkeyPatch, side: tuple[object, ...], size: tuple[int, int]
) -> None:
    monkeypatch.setattr(engine, "read_photo", read_photo)
    tag(photo, "--like-the-script", "--out", photo.parent / "out", *side)
    assert Pillow.open(photo.parent / "out/group.jpg").size == size


def test_a_width_and_a_height_are_not_taken_together(photo: Path) -> None:
    with pytest.raises(CommandError, match="either") as error:
        tag(photo, "--width", 300, "--height", 200)
    assert error.value.returncode == 2


@pytest.mark.usefixtures("clip")
def test_a_photo_that_cannot_be_read_is_said_and_the_others_are_tagged(photo: Path) -> None:
    (photo.parent / "broken.jpg").write_bytes(b"no picture")
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command(
            "tag", str(photo.parent), "--like-the-script", "--json", stdout=out, stderr=io.StringIO()
        )
    broken, fine = map(json.loads, out.getvalue().splitlines())
    assert broken["error"]
    assert len(fine["faces"]) == 1


def test_without_vectors_of_clip_it_says_how_they_come_in(
    photo: Path, world: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "get_named_embedder", lambda name: replace(world, name=name, id="clip-1"))
    with pytest.raises(CommandError, match="import_gallery"):
        tag(photo, "--like-the-script")


def test_the_two_thresholds_are_the_scripts_alone(photo: Path) -> None:
    with pytest.raises(CommandError, match="go with --like-the-script"):
        tag(photo, "--similarity=0.5")

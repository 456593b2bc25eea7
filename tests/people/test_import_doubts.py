"""What comes in as a reference is looked at: what is doubtful waits for a decision, the rest is approved."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from gallery.history.undo import undo_events
from gallery.index import engine
from gallery.models import Event, Person, Reference, User
from gallery.people.references import judge_references
from gallery.people.services import rename_person
from recognition.types import Box, Detection, Embeddings, FaceCrop, Image
from tests.engines import GOOD, FakeEngine, landmarks_in
from tests.gallery_world import world
from tests.making import a_vector

__all__ = ["world"]
pytestmark = pytest.mark.django_db
PLACES = Box(60, 100, 120, 150), Box(500, 120, 90, 110)  # the second weighs about half of the first
SHADES = 10  # between one face and the next, so that a JPEG does not mix them up


@dataclass
class Pictures(FakeEngine):
    """Pictures as shades of grey, one a face, so that a face is known again in its crop."""

    root: Path = Path()
    shown: dict[str, list[int]] = field(default_factory=dict)  # the faces in each picture, the largest first
    vectors: list[bytes] = field(default_factory=list)

    def put(self, path: str, *faces: bytes) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(path.encode())
        self.vectors += faces
        self.shown[str(file)] = list(range(len(self.vectors) - len(faces), len(self.vectors)))

    def look(self, path: Path) -> Any:
        pixels = np.full((self.height, self.width, 3), 255, np.uint8)
        for box, face in zip(PLACES, self.shown[str(path)], strict=False):
            left, top, across, down = box.as_ints()
            pixels[top : top + down, left : left + across] = face * SHADES
        return SimpleNamespace(pixels=pixels)

    def detect(self, image: Image) -> list[Detection]:
        middles = [(box, image[int(box.top + box.height / 2), int(box.left + 50), 0]) for box in PLACES]
        return [Detection(box, landmarks_in(box), 0.99, GOOD) for box, shade in middles if shade < 250]

    def embed(self, crops: list[FaceCrop]) -> Embeddings:  # type: ignore[override]
        shades = [
            float(crop.image[int(crop.box.top + crop.box.height / 2), int(crop.box.left + 20), 0])
            for crop in crops
        ]
        return np.stack([np.frombuffer(self.vectors[round(shade / SHADES)], "<f4") for shade in shades])


@pytest.fixture
def pictures(world: FakeEngine, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pictures:
    settings.MEDIA_ROOT = tmp_path / "media"
    made = Pictures(root=tmp_path / "people")
    for name in ("get_detector", "get_serving_embedder"):
        monkeypatch.setattr(engine, name, lambda: made)
    monkeypatch.setattr(engine, "read_photo", made.look)
    monkeypatch.setattr(engine, "count_cores", lambda: 1)
    return made


def face(person: int, number: int = 0) -> bytes:
    """Axes of their own, so that different people do not resemble each other at all."""
    axis = np.zeros(16, "<f4")
    axis[person] = 1
    return a_vector(100 * person + number, near=axis.tobytes())


def import_people(pictures: Pictures) -> dict[str, Any]:
    out = io.StringIO()
    call_command("import_people", str(pictures.root), "--json", stdout=out)
    report: dict[str, Any] = json.loads(out.getvalue())
    return report


def waiting(report: dict[str, Any]) -> dict[str, str]:
    return {"/".join(Path(each["path"]).parts[-2:]): each["reason"] for each in report["waiting"]}


def approved() -> list[str]:
    rows = Reference.objects.approved().values_list("source_path", flat=True)
    return sorted("/".join(Path(path).parts[-2:]) for path in rows)


def test_a_picture_that_does_not_resemble_the_others_waits(pictures: Pictures) -> None:
    for number in range(4):
        pictures.put(f"Anna/{number}.jpg", face(1, number))
    pictures.put("Anna/odd.jpg", face(5))
    report = import_people(pictures)
    assert waiting(report) == {"Anna/odd.jpg": "It does not resemble the person's other pictures."}
    assert report["added"] == 4
    assert Reference.objects.get(status="pending").doubt == "unlike"


def test_with_clip_whose_bounds_say_little_only_second_faces_wait(pictures: Pictures) -> None:
    pictures.name = "clip"
    for number in range(3):
        pictures.put(f"Anna/{number}.jpg", face(1, number))
    pictures.put("Anna/odd.jpg", face(5))
    pictures.put("Ben/1.jpg", face(2), face(3))
    assert list(waiting(import_people(pictures))) == ["Ben/1.jpg"]


def test_pictures_none_of_which_resembles_another_all_wait(pictures: Pictures) -> None:
    for number in range(3):
        pictures.put(f"Anna/{number}.jpg", face(number + 1))
    assert len(import_people(pictures)["waiting"]) == 3
    assert approved() == []


def test_a_picture_in_somebody_else_s_folder_waits_and_is_said_to_resemble_them(pictures: Pictures) -> None:
    for person, name in enumerate(("Anna", "Ben")):
        for number in range(3):
            pictures.put(f"{name}/{number}.jpg", face(person, number))
    pictures.put("Ben/9.jpg", face(0, 9))
    assert waiting(import_people(pictures)) == {"Ben/9.jpg": "It resembles Anna."}


def test_a_couple_s_photo_that_is_all_there_is_waits(pictures: Pictures) -> None:
    pictures.put("Anna/1.jpg", face(2), face(1))
    assert list(waiting(import_people(pictures))) == ["Anna/1.jpg"]
    assert Reference.objects.get().doubt == "rival"
    pictures.root = pictures.root.parent / "others"
    pictures.put("Ben/1.jpg", face(3))
    assert import_people(pictures)["waiting"] == []  # what waits since an earlier import is not said again


def test_a_couple_s_photo_is_approved_once_other_pictures_show_who_is_meant(pictures: Pictures) -> None:
    pictures.put("Anna/1.jpg", face(1), face(2))
    pictures.put("Anna/2.jpg", face(2), face(1))  # the other one is larger
    import_people(pictures)
    for number in (3, 4):
        pictures.put(f"Anna/{number}.jpg", face(1, number))
    assert list(waiting(import_people(pictures))) == ["Anna/2.jpg"]
    assert approved() == ["Anna/1.jpg", "Anna/3.jpg", "Anna/4.jpg"]


def test_a_class_of_children_is_not_taken_for_one_person(pictures: Pictures) -> None:
    for child in range(3):
        for number in range(4):
            pictures.put(f"Class 4b/Child {child}/{number}.jpg", face(child, number))
        pictures.put(f"Class 4b/Child {child}/and_another.jpg", face(child, 4), face(7))
    report = import_people(pictures)
    assert len(report["waiting"]) == 15
    assert report["added"] == 0


def test_one_person_s_folder_of_years_is_approved(pictures: Pictures) -> None:
    for year in range(3):
        for number in range(2):
            pictures.put(f"Anna/{2019 + year}/{number}.jpg", face(1, year * 2 + number))
    assert import_people(pictures)["waiting"] == []
    assert len(approved()) == 6


def test_what_a_killed_import_left_is_compared_by_the_next(
    pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        pictures.put(f"Anna/{number}.jpg", face(1, number))
    with monkeypatch.context() as patch:
        patch.setattr("gallery.people.folder_import.compare_imported_references", lambda embedder: [])
        import_people(pictures)
    assert approved() == []
    assert import_people(pictures)["added"] == 3


def test_what_a_curator_set_back_is_not_approved_by_an_import(pictures: Pictures, user: User) -> None:
    pictures.put("Anna/1.jpg", face(1))
    import_people(pictures)
    judge_references(user, Reference.objects.all(), "pending")
    assert import_people(pictures)["added"] == 0
    assert approved() == []


def test_a_renamed_person_is_known_by_the_folder(pictures: Pictures, user: User) -> None:
    for number in range(3):
        pictures.put(f"Anna/{number}.jpg", face(1, number))
    import_people(pictures)
    rename_person(user, Person.objects.get(), "Anna Miller")
    pictures.put("Anna/3.jpg", face(1, 3))
    pictures.put("Anna/4.jpg", face(4))  # perhaps another Anna
    report = import_people(pictures)
    assert report["renamed"] == {"Anna": "Anna Miller"}
    assert list(waiting(report)) == ["Anna/4.jpg"]
    assert Person.objects.get().references.approved().count() == 4


def test_a_picture_that_waits_is_listed_with_its_reason_and_approved_there(
    pictures: Pictures, client: Client, user: User
) -> None:
    pictures.put("Anna/1.jpg", face(2), face(1))
    import_people(pictures)
    client.force_login(user)
    address = reverse("worklist", args=("waiting",))
    reason = "Another face is in the picture, and nothing says whose is meant."
    assert reason in client.get(address).content.decode()
    reference = Reference.objects.get()
    assert (
        reason in client.get(reverse("admin:gallery_reference_change", args=(reference.pk,))).content.decode()
    )
    client.post(reverse("worklist_act", args=("waiting", reference.pk)), {"act": "approve"})
    assert approved() == ["Anna/1.jpg"]
    assert reason not in client.get(address).content.decode()
    undo_events(user, Event.objects.latest("pk"))
    assert reason in client.get(address).content.decode()

"""What a folder per person may hold beside people, and folders that can be nobody's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from gallery.models import Person, Photo, Reference
from tests import corpus
from tests.engines import FakeEngine, somebody
from tests.gallery_world import world

__all__ = ["world"]
pytestmark = pytest.mark.django_db(transaction=True)
SYSTEM = ("@eaDir", "#recycle", "$RECYCLE.BIN", ".stversions", "lost+found", "__MACOSX", "_cache1")


@pytest.fixture
def root(world: FakeEngine, settings: Any, tmp_path: Path) -> Path:
    """A folder with Anna's picture."""
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.SYSTEM_FOLDERS = ["_cache*"]
    world.faces = [somebody(300, seed=1)]
    put(tmp_path / "people" / "Anna" / "1.jpg")
    return tmp_path / "people"


def put(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"image " + os.fsencode(path))


def import_people(root: Path, capsys: Any) -> str:
    call_command("import_people", str(root))
    return str(capsys.readouterr().err)


def test_folders_of_the_system_are_nobody_and_are_said_once(root: Path, capsys: Any) -> None:
    for name in SYSTEM:
        put(root / name / "1.jpg")
        put(root / "Anna" / name / "1.jpg")
    said = import_people(root, capsys)
    assert [each.name for each in Person.objects.all()] == ["Anna"]
    assert Reference.objects.count() == 1
    assert [said.count(f"{name}: the system's own folder") for name in SYSTEM] == [1] * len(SYSTEM)


def test_photos_in_folders_of_the_system_are_left_out(root: Path, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "photos" / "@eaDir").mkdir(parents=True)
    (tmp_path / "photos" / "a.jpg").write_bytes(corpus.jpeg())
    (tmp_path / "photos" / "@eaDir" / "b.jpg").write_bytes(corpus.jpeg())
    call_command("import_photos", str(tmp_path / "photos"))
    assert [photo.name for photo in Photo.objects.all()] == ["a.jpg"]
    assert capsys.readouterr().err.count("@eaDir") == 1


def test_a_link_to_a_persons_folder_is_followed_and_one_to_a_folder_above_ends(
    root: Path, tmp_path: Path, capsys: Any
) -> None:
    put(tmp_path / "elsewhere" / "2.jpg")
    (root / "Ben").symlink_to(tmp_path / "elsewhere")
    (root / "Anna" / "all").symlink_to(root)
    import_people(root, capsys)
    counts = {person.name: person.references.count() for person in Person.objects.all()}
    assert counts == {"Anna": 1, "Ben": 1}


@pytest.mark.parametrize("name", [b"Ren\xe9", b"a" * 230])
def test_a_folder_whose_name_cannot_be_a_persons_is_told_and_the_rest_imported(
    root: Path, capsys: Any, name: bytes
) -> None:
    put(root / os.fsdecode(name) / "1.jpg")
    put(root / os.fsdecode(name) / "2.jpg")
    put(root / "Anna" / os.fsdecode(b"\xe9.jpg"))
    said = import_people(root, capsys)
    assert said.count("The name is") == 1
    assert Reference.objects.filter(person__name="Anna").count() == 2
    assert Person.objects.count() == 1


def test_pictures_called_after_who_is_on_them_are_offered_as_people(root: Path, capsys: Any) -> None:
    for name in ("Lan Nguyễn.jpg", "Ben_Adams-2.jpg", "Eva (1).jpg", "IMG_0042.jpg", "0007.jpg"):
        put(root / name)
    said = import_people(root, capsys)
    assert "3 pictures lie beside the folders." in said
    assert "“Ben Adams”, say --by-file-name." in said
    assert [person.name for person in Person.objects.all()] == ["Anna"]
    call_command("import_people", str(root), "--by-file-name")
    assert {person.name for person in Person.objects.all()} == {"Anna", "Ben Adams", "Eva", "Lan Nguyễn"}
    assert capsys.readouterr().err.count("Its name does not say who is on it.") == 2

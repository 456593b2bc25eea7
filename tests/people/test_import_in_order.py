"""Importing people streams: side by side, stored in batches, interrupted and gone on with."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from gallery.models import Person, Reference
from gallery.people import folder_import
from gallery.people.folder_import import (
    FolderImporter,
    ImportCandidate,
    PersonImage,
    find_reference_face,
)
from recognition.errors import ImageError
from tests.engines import FakeEngine, somebody
from tests.gallery_world import world

__all__ = ["world"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def folder(world: FakeEngine, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Fifty image files of ten people, in each of which the same face is seen."""
    settings.MEDIA_ROOT = tmp_path / "media"
    monkeypatch.setattr(folder_import, "EMBEDDING_BATCH_SIZE", 8)
    monkeypatch.setattr("gallery.index.engine.count_cores", lambda: 3)
    world.faces = [somebody(300, seed=1)]
    for number in range(50):
        path = tmp_path / "people" / f"Person {number // 5}" / f"{number:03}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"image %d" % number)
    return tmp_path / "people"


def test_references_are_stored_in_the_order_of_the_files(folder: Path) -> None:
    call_command("import_people", str(folder))
    stored = Reference.objects.order_by("pk").values_list("source_path", "person__name")
    assert [(path[-7:-4], name) for path, name in stored] == [
        (f"{number:03}", f"Person {number // 5}") for number in range(50)
    ]


def test_an_import_that_is_stopped_keeps_what_it_did_and_goes_on_from_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, looked = find_reference_face, []

    def look(asked: ImportCandidate, detector: Any) -> ImportCandidate:
        looked.append(asked.source.path.name)
        return real(asked, detector)

    def stop_at_thirty(importer: FolderImporter, asked: ImportCandidate) -> None:
        take(importer, asked)
        if asked.source.path.name == "030.jpg":
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(folder_import, "find_reference_face", look)
    take = FolderImporter._take
    # Ctrl-C is ignored where tests run in the background.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with monkeypatch.context() as patch:
        patch.setattr(FolderImporter, "_take", stop_at_thirty)
        with pytest.raises(KeyboardInterrupt):
            call_command("import_people", str(folder))
    signal.signal(signal.SIGINT, before)
    assert Reference.objects.count() == 31
    assert len(looked) < 40
    looked.clear()
    call_command("import_people", str(folder))
    assert Reference.objects.count() == 50
    assert Person.objects.count() == 10
    again = [name for name in looked if name <= "030.jpg"]
    assert len(again) == 31  # asked about, and refused as there already


def test_what_is_there_already_is_not_decoded_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    call_command("import_people", str(folder))
    monkeypatch.setattr("gallery.index.engine.read_photo", lambda path: pytest.fail("decoded again"))
    importer = FolderImporter()
    sources = [PersonImage(path, path.parent.name) for path in sorted(folder.rglob("*.jpg"))]
    assert len(list(importer.add_all(sources))) == 50
    assert [skipped["reason"][:22] for skipped in importer.finish().skipped] == [
        "Already a reference of"
    ] * 50
    assert len(importer.report.people) == 10


def test_the_same_file_in_two_folders_is_one_reference(folder: Path) -> None:
    (folder / "Person 9" / "copy.jpg").write_bytes(b"image 0")
    (folder / "Person 0" / "zz.jpg").write_bytes(b"image 0")
    call_command("import_people", str(folder))
    assert Reference.objects.count() == 50


def test_images_without_a_face_are_not_held_in_memory(folder: Path, world: FakeEngine) -> None:
    world.faces = []
    importer = FolderImporter()
    sources = [PersonImage(path, path.parent.name) for path in sorted(folder.rglob("*.jpg"))]
    list(importer.add_all(sources))
    assert [each.crop for each in importer._faceless] == [None] * 50


def test_one_bad_file_stops_nothing(
    folder: Path, world: FakeEngine, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def read(path: Path) -> FakeEngine:
        if path.name == "013.jpg":
            raise ImageError("cut_off")
        if path.name == "014.jpg":
            raise PermissionError(13, "Permission denied")
        return world

    monkeypatch.setattr("gallery.index.engine.read_photo", read)
    call_command("import_people", str(folder))
    assert Reference.objects.count() == 48
    said = capsys.readouterr().err
    assert "013.jpg: The file is damaged or incomplete" in said
    assert "014.jpg: The file cannot be read: Permission denied." in said

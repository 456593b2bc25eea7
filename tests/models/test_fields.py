"""Columns give what the code works with: vectors as numbers, files as files, whole or not at all."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.db.migrations.writer import MigrationWriter

from gallery.models import Face, Photo, ReferenceVector
from gallery.models.fields import vector_to_bytes
from gallery.models.storage import write_file
from tests.making import a_face, a_photo, a_vector
from tests.words import ROOT

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.mark.parametrize("given", [a_vector(1), np.frombuffer(a_vector(1), "<f4").astype(np.float64)])
def test_a_vector_is_written_as_bytes_or_numbers_and_read_as_numbers(given: object) -> None:
    face = a_face(embedding=given)
    found = Face.objects.get(pk=face.pk).embedding
    assert (found.dtype, found.shape) == (np.float32, (16,))
    assert vector_to_bytes(found) == a_vector(1)
    assert Face.objects.filter(embedding=found).exists()
    assert a_face().embedding is None


def test_migrations_know_no_field_of_ours() -> None:
    for model, name in ((Face, "embedding"), (ReferenceVector, "vector"), (Photo, "file")):
        text, imports = MigrationWriter.serialize(model._meta.get_field(name))
        assert "gallery" not in text + "".join(imports)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "gallery/migrations").glob("0*.py")), ids=lambda path: path.stem
)
def test_no_migration_imports_code_of_the_project(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    named |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not {name for name in named if name.split(".")[0] in {"gallery", "recognition", "facesite"}}


def test_a_file_that_is_saved_through_its_field_is_there_whole(media: Path) -> None:
    photo = a_photo()
    photo.file.save("photos/ab/new.jpg", ContentFile(b"content"))
    assert Photo.objects.values_list("file", flat=True).get() == "photos/ab/new.jpg"
    assert Path(photo.file.path) == media / "photos/ab/new.jpg"
    assert Path(photo.file.path).read_bytes() == b"content"
    assert list((media / "incoming").iterdir()) == []


def test_a_file_that_cannot_be_synced_leaves_nothing(media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    photo = a_photo()
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        photo.file.save("photos/ab/new.jpg", ContentFile(b"content"))
    with pytest.raises(OSError, match="No space"):
        write_file("photos/ab/other.jpg", b"content")
    assert [path for path in media.rglob("*") if path.is_file()] == []

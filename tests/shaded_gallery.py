"""A small gallery whose pictures are of one shade each, and an engine that sees in the shade whose face it is."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from gallery.index import engine
from gallery.models import Build, Person, Reference, ReferenceVector
from gallery.models.storage import build_reference_name, write_file
from recognition.types import Embeddings, FaceCrop
from tests.engines import FakeEngine
from tests.gallery_world import OTHER, PLACE
from tests.making import EMBEDDER, a_person, a_vector


@dataclass
class ReadsShades(FakeEngine):
    """Sees in the shade of a picture whose face it is."""

    def embed(self, crops: Sequence[FaceCrop]) -> Embeddings:
        return np.stack([vector_of(int(crop.image[0, 0, 0])) for crop in crops])


def vector_of(shade: int) -> np.ndarray:
    return np.frombuffer(a_vector(shade), "<f4")


def picture(shade: int) -> bytes:
    file = io.BytesIO()
    Pillow.new("RGB", (40, 40), (shade, shade, shade)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def gallery(world: FakeEngine, monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> None:
    """Anna with two references, one of them pending; Bảo with one that is rejected and one approved."""
    settings.MEDIA_ROOT = tmp_path / "media"
    reader = ReadsShades()
    for name in ("get_serving_embedder", "get_configured_embedder"):
        monkeypatch.setattr(engine, name, lambda: reader)

    def read(path: Path) -> SimpleNamespace:
        with Pillow.open(path) as image:
            return SimpleNamespace(pixels=np.asarray(image.convert("RGB")))

    monkeypatch.setattr(engine, "read_photo", read)
    anna, bao = a_person("Anna / née B."), a_person("Bảo")
    Person.objects.filter(pk=anna.pk).update(note="Line one\nline two, with “signs”", is_hidden=True)
    Person.objects.filter(pk=bao.pk).update(consent_until="2030-01-31", consent_note="by letter")
    first = store(anna, 1)
    store(anna, 2, "pending")
    store(bao, 3, "rejected")
    store(bao, 4)
    Person.objects.filter(pk=anna.pk).update(cover=first)
    ReferenceVector.objects.create(reference=first, embedder_id=OTHER, vector=a_vector(77))


def store(person: Person, shade: int, status: str = "approved") -> Reference:
    name = build_reference_name(".png")
    sha256 = write_file(name, picture(shade))
    reference = Reference.objects.create(
        person=person,
        image=name,
        sha256=sha256,
        source_sha256="0" * 63 + str(shade),
        source_path=f"/somewhere/{shade}.jpg",
        status=status,
        work="done",
        score=0.75,
        quality={"size": 60.5, "is_usable": True},
        **PLACE,
    )
    ReferenceVector.objects.create(reference=reference, embedder_id=EMBEDDER, vector=a_vector(shade))
    return reference


def forget_everything() -> None:
    Person.objects.all().delete()
    Build.objects.all().delete()

"""A gallery out to a directory and in again, and directories made by clip-retrieval and AutoFaiss."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import faiss
import numpy as np
import pandas as pd
import pytest
from django.core.management import CommandError, call_command
from PIL import Image as Pillow

from gallery.index import engine
from gallery.models import Build, Person, Reference, ReferenceVector
from gallery.models.fields import vector_to_bytes
from gallery.models.storage import build_reference_name, get_media_path, remove_file, write_file
from gallery.people.gallery_export import GalleryUnreadable, export_gallery
from gallery.people.gallery_import import import_clip_retrieval, import_gallery
from recognition.errors import EmbedderMismatch
from recognition.index import BuildFigures, builder
from recognition.types import Embeddings, FaceCrop
from tests.engines import FakeEngine
from tests.gallery_world import OTHER, PLACE, find, world
from tests.making import EMBEDDER, a_person, a_vector

__all__ = ["world"]
pytestmark = pytest.mark.django_db


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


def contents() -> dict[str, Any]:
    """Everything of the gallery that must come back, without numbers of rows."""
    people = {}
    for person in Person.objects.order_by("name"):
        columns = ("note", "is_hidden", "is_recognised", "consent_note", "consent_until", "created_at")
        people[person.name] = {name: getattr(person, name) for name in columns}
        people[person.name]["cover"] = person.cover.source_path if person.cover else None
        people[person.name]["references"] = [
            {
                **{name: getattr(each, name) for name in ("status", "box", "landmarks", "quality", "score")},
                **{name: getattr(each, name) for name in ("sha256", "source_sha256", "work", "created_at")},
                "picture": Path(each.image.path).read_bytes(),
                "vectors": {row.embedder_id: bytes(row.vector) for row in each.vectors.all()},
            }
            for each in person.references.order_by("source_path")
        ]
    return people


def forget_everything() -> None:
    Person.objects.all().delete()
    Build.objects.all().delete()


@pytest.mark.usefixtures("gallery")
def test_a_round_trip_loses_nothing(tmp_path: Path) -> None:
    before, hits = contents(), [hit.similarity for hit in find(a_vector(1))]
    done = export_gallery(tmp_path / "out")
    assert (done.people, done.references, done.embeddings, done.indexed) == (2, 4, 5, 2)
    forget_everything()
    call_command("import_gallery", str(tmp_path / "out"), stderr=io.StringIO(), stdout=io.StringIO())
    assert contents() == before
    assert [hit.similarity for hit in find(a_vector(1))] == pytest.approx(hits)
    assert Build.objects.get(is_active=True).vectors == 2


@pytest.mark.usefixtures("gallery")
def test_an_export_opens_with_plain_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    build = builder.build

    def watched(*arguments: Any, **options: Any) -> BuildFigures:
        asked.append(options)
        return build(*arguments, **options)

    monkeypatch.setattr("recognition.index.builder.build", watched)
    export_gallery(tmp_path / "out")
    assert [options["only_exact"] for options in asked] == [True]
    table = pd.read_parquet(tmp_path / "out/metadata/metadata_0.parquet")
    index = faiss.read_index(str(tmp_path / "out/knn.index"))
    _, rows = index.search(vector_of(4)[None], 1)
    found = table.iloc[rows[0, 0]]
    assert found["person"] == "Bảo"
    assert (tmp_path / "out" / found["image_path"]).read_bytes() == picture(4)
    assert (tmp_path / "out/people/Anna _ née B").is_dir()
    assert json.loads((tmp_path / "out/infos.json").read_text())["index_key"] == "Flat"
    np.testing.assert_array_equal(
        np.load(tmp_path / "out/img_emb/img_emb_0.npy"), np.stack([vector_of(1), vector_of(4)])
    )


@pytest.mark.usefixtures("gallery")
def test_importing_twice_changes_nothing(tmp_path: Path) -> None:
    export_gallery(tmp_path / "out")
    before = contents()
    done = import_gallery(tmp_path / "out")
    assert (done.people, done.added, done.already) == (0, 0, 4)
    assert contents() == before


@pytest.mark.usefixtures("gallery")
def test_an_interrupted_import_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gallery.people import gallery_import

    export_gallery(tmp_path / "out")
    before = contents()
    forget_everything()
    monkeypatch.setattr(gallery_import, "IMPORT_BATCH_SIZE", 3)
    real = gallery_import._store_references

    def stops(new):
        if len(new) < 3:
            raise KeyboardInterrupt
        real(new)

    with monkeypatch.context() as patch:
        patch.setattr(gallery_import, "_store_references", stops)
        with pytest.raises(KeyboardInterrupt):
            import_gallery(tmp_path / "out")
    assert Reference.objects.count() == 3
    done = import_gallery(tmp_path / "out")
    assert (done.added, done.already) == (1, 3)
    assert len(contents()["Bảo"]["references"]) == len(before["Bảo"]["references"])


@pytest.mark.usefixtures("gallery")
def test_an_export_never_overwrites_and_a_failed_one_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("mine")
    with pytest.raises(CommandError, match="not empty"):
        call_command("export_gallery", str(tmp_path / "out"))
    before = {path.name for path in tmp_path.iterdir()}

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gallery.people.gallery_export._write_index", full)
    with pytest.raises(CommandError, match="No space left"):
        call_command("export_gallery", str(tmp_path / "new"))
    assert {path.name for path in tmp_path.iterdir()} == before


@pytest.mark.usefixtures("gallery")
def test_a_reference_whose_picture_is_gone_keeps_everything_else(tmp_path: Path) -> None:
    lost = Reference.objects.get(source_path="/somewhere/1.jpg")
    remove_file(lost.image.name)
    done = export_gallery(tmp_path / "out")
    assert done.without_picture == [lost.pk]
    forget_everything()
    assert import_gallery(tmp_path / "out").without_picture == 1
    back = Reference.objects.get(source_path="/somewhere/1.jpg")
    assert back.vectors.count() == 2
    assert Path(back.image.path).is_file()


@pytest.mark.usefixtures("gallery")
def test_vectors_that_the_pictures_contradict_are_refused(tmp_path: Path) -> None:
    export_gallery(tmp_path / "out")
    forget_everything()
    path = tmp_path / f"out/vectors/{EMBEDDER}.npz"
    with np.load(path) as file:
        ids, vectors = file["ids"], file["vectors"]
    np.savez(path, ids=ids, vectors=np.roll(vectors, 1, axis=0))
    with pytest.raises(EmbedderMismatch, match="embedded again"):
        import_gallery(tmp_path / "out")
    assert not Person.objects.exists()


@pytest.mark.usefixtures("gallery")
def test_vectors_of_another_length_are_refused_without_a_picture_to_compare(tmp_path: Path) -> None:
    Reference.objects.update(box=None)
    export_gallery(tmp_path / "out")
    forget_everything()
    path = tmp_path / f"out/vectors/{EMBEDDER}.npz"
    with np.load(path) as file:
        ids, vectors = file["ids"], file["vectors"]
    np.savez(path, ids=ids, vectors=vectors[:, :-1])
    with pytest.raises(EmbedderMismatch, match="numbers and those of"):
        import_gallery(tmp_path / "out")
    assert not Person.objects.exists()


@pytest.mark.usefixtures("gallery")
def test_a_picture_outside_the_directory_is_not_read(tmp_path: Path) -> None:
    export_gallery(tmp_path / "out")
    forget_everything()
    path = tmp_path / "out/references.csv"
    rows = list(csv.DictReader(path.open(newline="")))
    rows[1]["picture"] = "../../../etc/hostname"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    kept = set(Path(get_media_path("references")).rglob("*.png"))
    with pytest.raises(GalleryUnreadable, match="not a whole export"):
        import_gallery(tmp_path / "out")
    assert not Reference.objects.exists()
    assert set(Path(get_media_path("references")).rglob("*.png")) == kept


def clip_retrieval(directory: Path, root: str, shades: Sequence[int], dtype: type = np.float16) -> None:
    (directory / "img_emb").mkdir(parents=True)
    (directory / "metadata").mkdir()
    vectors = np.stack([vector_of(shade) for shade in shades]).astype(dtype)
    np.save(directory / "img_emb/img_emb_0.npy", vectors)
    paths = [f"{root}/Person {shade // 10}/{shade}.png" for shade in shades]
    pd.DataFrame({"image_path": paths}).to_parquet(directory / "metadata/metadata_0.parquet")


@pytest.mark.usefixtures("gallery")
def test_a_directory_of_clip_retrieval_is_searched_as_it_is(tmp_path: Path) -> None:
    forget_everything()
    clip_retrieval(tmp_path / "clip", "/gone", [10, 11, 20])
    out = io.StringIO()
    call_command(
        "import_gallery",
        str(tmp_path / "clip"),
        "--embedder=fake",
        "--json",
        stdout=out,
        stderr=io.StringIO(),
    )
    said = json.loads(out.getvalue())
    assert (said["people"], said["added"], said["without_picture"]) == (2, 3, 3)
    assert said["checked"] == {"pictures": 0, "similarity": None}
    best = find(vector_to_bytes(vector_of(20)))[0]
    assert Person.objects.get(pk=best.person).name == "Person 2"
    assert import_clip_retrieval(tmp_path / "clip", "fake").already == 3


@pytest.mark.usefixtures("gallery")
def test_pictures_at_hand_are_kept_and_prove_the_owners_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_everything()
    monkeypatch.setattr(engine, "get_detector", lambda: SimpleNamespace(detect=lambda pixels: []))
    for shade in (10, 11, 20):
        folder = tmp_path / f"pictures/Person {shade // 10}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{shade}.png").write_bytes(picture(shade))
    clip_retrieval(tmp_path / "clip", str(tmp_path / "pictures"), [10, 11, 20])
    done = import_clip_retrieval(tmp_path / "clip", EMBEDDER)
    assert done.without_picture == 0
    assert done.checked.pictures == 3
    assert done.checked.similarity == pytest.approx(1, abs=1e-3)
    forget_everything()
    np.save(tmp_path / "clip/img_emb/img_emb_0.npy", np.stack([vector_of(each) for each in (50, 51, 52)]))
    with pytest.raises(EmbedderMismatch, match="Name the right embedder"):
        import_clip_retrieval(tmp_path / "clip", "fake")
    assert not Person.objects.exists()


@pytest.mark.usefixtures("gallery")
def test_the_owner_must_say_which_embedder_and_it_must_be_ours(tmp_path: Path) -> None:
    clip_retrieval(tmp_path / "clip", "/gone", [10])
    with pytest.raises(CommandError, match="say with --embedder"):
        call_command("import_gallery", str(tmp_path / "clip"))
    with pytest.raises(CommandError, match="FACESITE_EMBEDDER=clip"):
        call_command("import_gallery", str(tmp_path / "clip"), "--embedder=clip")
    np.save(tmp_path / "clip/img_emb/img_emb_0.npy", np.ones((1, 512), np.float32))
    with pytest.raises(EmbedderMismatch, match="512 numbers"):
        import_clip_retrieval(tmp_path / "clip", "fake")


@pytest.mark.usefixtures("gallery")
def test_a_row_without_a_person_is_named(tmp_path: Path) -> None:
    clip_retrieval(tmp_path / "clip", "/gone", [10])
    pd.DataFrame({"image_path": ["1.png"]}).to_parquet(tmp_path / "clip/metadata/metadata_0.parquet")
    with pytest.raises(GalleryUnreadable, match="Row 0 has no person"):
        import_clip_retrieval(tmp_path / "clip", "fake")

"""A gallery out to a directory and in again."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pandas as pd
import pytest
from django.core.management import CommandError, call_command

from gallery.history.changeset import ChangeSet
from gallery.models import Build, Person, Reference
from gallery.models.storage import get_media_path, remove_file
from gallery.people.gallery_export import GalleryUnreadable, export_gallery
from gallery.people.gallery_import import import_gallery
from gallery.people.listed_columns import store_listed_rows
from recognition.errors import EmbedderMismatch
from recognition.index import BuildFigures, builder
from tests.gallery_world import find, world
from tests.making import EMBEDDER, a_vector
from tests.shaded_gallery import forget_everything, gallery, picture, vector_of

__all__ = ["gallery", "world"]
pytestmark = pytest.mark.django_db


def contents() -> dict[str, Any]:
    """Everything of the gallery that must come back, without numbers of rows."""
    people = {}
    for person in Person.objects.order_by("name"):
        columns = ("note", "is_hidden", "is_recognised", "consent_note", "consent_until", "created_at")
        people[person.name] = {name: getattr(person, name) for name in columns}
        people[person.name]["other_names"] = [each.name for each in person.other_names.all()]
        memberships = person.memberships.order_by("group__name")
        people[person.name]["groups"] = list(memberships.values_list("group__name", "since", "until"))
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


@pytest.mark.usefixtures("gallery")
def test_a_round_trip_loses_nothing(tmp_path: Path) -> None:
    first, second = Person.objects.order_by("name")[:2]
    store_listed_rows(ChangeSet(), first, {"other_names": [["Ann"]], "groups": [["4b", "2019-09-01", ""]]})
    store_listed_rows(ChangeSet(), second, {"groups": [["4b", "", ""], ["Choir", "", "2021-07-31"]]})
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

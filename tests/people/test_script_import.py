"""Galleries that a script made with clip-retrieval and AutoFaiss: in, and out again in its own layout."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import faiss
import numpy as np
import pandas as pd
import pytest
from django.conf import settings as site_settings
from django.core.management import CommandError, call_command
from django.test import Client

from gallery.index import engine
from gallery.models import Build, Person, Reference, User
from gallery.models.fields import vector_to_bytes
from gallery.people.gallery_export import export_gallery
from gallery.people.gallery_import import import_gallery
from gallery.people.processing import advance_embedder_switch
from gallery.people.references import move_references
from gallery.people.script_import import import_clip_retrieval
from gallery.people.services import rename_person
from gallery.privacy.erasure import erase_person
from gallery.privacy.erasure_cleanup import finish_erasure
from gallery.privacy.person_facts import collect_person_facts
from recognition.errors import EmbedderMismatch
from recognition.types import Box, Detection
from tests.engines import FakeEngine, Seen
from tests.gallery_world import find, world
from tests.making import EMBEDDER
from tests.shaded_gallery import ReadsShades, forget_everything, gallery, picture, vector_of
from tests.site import ROOT

__all__ = ["gallery", "world"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_gallery")]

SHADES = (10, 11, 20)


@pytest.fixture
def empty_gallery(gallery: None, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_everything()
    monkeypatch.setattr(engine, "get_detector", lambda: SimpleNamespace(detect=lambda pixels: []))


def write_script_data(
    data: Path,
    root: str = "data/train",
    shades: Sequence[int] = SHADES,
    *,
    pictures: bool = False,
    **more: Any,
) -> Path:
    """The script's `data` folder; `root` is what its parquet has before the people's folders."""
    folder = data / "embedding_folder"
    (folder / "img_emb").mkdir(parents=True)
    (folder / "metadata").mkdir()
    slash = "\\" if "\\" in root else "/"
    vectors = np.stack([vector_of(shade) for shade in shades])
    np.save(folder / "img_emb/img_emb_0.npy", vectors.astype(np.float16))
    paths = [slash.join((root, f"Person {shade // 10}", f"{shade}.png")) for shade in shades]
    pd.DataFrame({"image_path": paths, **more}).to_parquet(folder / "metadata/metadata_0.parquet")
    index = faiss.index_factory(16, "HNSW15", faiss.METRIC_INNER_PRODUCT)
    index.add(vectors)
    faiss.write_index(index, str(data / "knn.index"))
    if pictures:
        write_pictures(data / "train", shades)
    return data


def write_pictures(folder: Path, shades: Sequence[int] = SHADES) -> None:
    for shade in shades:
        path = folder / f"Person {shade // 10}/{shade}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(shade))


def bring_in(*arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("import_gallery", *arguments, "--json", stdout=out, stderr=io.StringIO())
    said: dict[str, Any] = json.loads(out.getvalue())
    return said


def count(said: dict[str, Any]) -> list[int]:
    return [said[each] for each in ("people", "added", "already", "pictures", "without_picture")]


@pytest.mark.parametrize("root", ["data/train", ".\\data\\train", "C:\\Users\\me\\data\\train"])
def test_the_scripts_folder_comes_in_as_it_is(
    tmp_path: Path, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_script_data(tmp_path / "data", root, pictures=True)
    monkeypatch.chdir("/")
    said = bring_in(str(data), "--embedder=fake")
    assert count(said) == [2, 3, 0, 3, 0]
    assert said["checked"] == {"pictures": 3, "similarity": pytest.approx(1, abs=1e-3)}
    assert said["build"]["vectors"] == 3
    best = find(vector_to_bytes(vector_of(20)))[0]
    assert Person.objects.get(pk=best.person).name == "Person 2"
    assert count(bring_in(str(data), "--embedder=fake")) == [0, 0, 3, 0, 0]


def test_the_index_and_the_parquet_alone_are_enough(tmp_path: Path) -> None:
    data = write_script_data(tmp_path / "data")
    shutil.rmtree(data / "embedding_folder/img_emb")
    assert count(bring_in(str(data), "--embedder=fake")) == [2, 3, 0, 0, 3]
    assert find(vector_to_bytes(vector_of(20)))[0].similarity == pytest.approx(1, abs=1e-6)


def test_a_second_run_adds_pictures_to_references_that_have_none(tmp_path: Path) -> None:
    data = write_script_data(tmp_path / "data")
    assert count(bring_in(str(data), "--embedder=fake")) == [2, 3, 0, 0, 3]
    grey = [Path(each.image.path) for each in Reference.objects.all()]
    write_pictures(tmp_path / "drive/people", SHADES[:2])
    where = f"--pictures={tmp_path / 'drive'}"
    assert count(bring_in(str(data), "--embedder=fake", where)) == [0, 0, 3, 2, 1]
    assert [path.exists() for path in grey] == [False, False, True]
    assert [Path(each.image.path).is_file() for each in Reference.objects.all()] == [True] * 3
    write_pictures(tmp_path / "drive/people")
    assert count(bring_in(str(data), "--embedder=fake", where)) == [0, 0, 3, 1, 0]


def test_a_second_run_knows_who_was_renamed_and_what_was_given_to_somebody_else(
    tmp_path: Path, user: User
) -> None:
    data = write_script_data(tmp_path / "data", "data\\train", (10, 11, 12, 20))
    bring_in(str(data), "--embedder=fake")
    first, second = Person.objects.order_by("pk")
    rename_person(user, first, "Anna")
    move_references(user, first.references.order_by("pk")[:1], second)
    write_pictures(tmp_path / "data/train", (10, 11, 12, 20))
    said = bring_in(str(data), "--embedder=fake")
    assert (count(said), said["renamed"]) == ([0, 0, 4, 4, 0], {"Person 1": "Anna"})
    assert [first.references.count(), second.references.count()] == [2, 2]


def test_pictures_that_turn_up_after_a_change_of_embedder_are_added_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = ReadsShades(id="clip-0123456789ab", name="clip")
    monkeypatch.setattr(engine, "get_serving_embedder", lambda: clip)
    data = write_script_data(tmp_path / "data")
    import_clip_retrieval(data, "clip")
    monkeypatch.setattr(engine, "get_serving_embedder", ReadsShades)
    monkeypatch.setattr(engine, "get_named_embedder", lambda name: clip)
    write_pictures(tmp_path / "data/train")
    done = import_clip_retrieval(data, "clip")
    assert (done.added, done.already, done.pictures, done.without_picture) == (0, 3, 3, 0)


def test_two_faces_of_one_picture_stay_two_references(tmp_path: Path) -> None:
    data = write_script_data(tmp_path / "data", shades=(10, 11, 20), person=["Anna", "Anna", "Bảo"])
    table = data / "embedding_folder/metadata/metadata_0.parquet"
    rows = pd.read_parquet(table)
    rows["image_path"] = ["a/1.jpg", "a/2.jpg", "a/1.jpg"]
    rows.to_parquet(table)
    assert count(bring_in(str(data), "--embedder=fake")) == [2, 3, 0, 0, 3]
    assert count(bring_in(str(data), "--embedder=fake")) == [0, 0, 3, 0, 3]


def test_what_cannot_be_taken_is_said_and_the_rest_comes_in(tmp_path: Path) -> None:
    data = write_script_data(tmp_path / "data", shades=(10, 11, 20, 21, 22))
    folder = data / "embedding_folder"
    vectors = np.load(folder / "img_emb/img_emb_0.npy")
    vectors[1, 3], vectors[2] = np.nan, 0
    np.save(folder / "img_emb/img_emb_0.npy", vectors)
    table = pd.read_parquet(folder / "metadata/metadata_0.parquet")
    table.loc[3, "image_path"] = "21.png"
    table.loc[4, "image_path"] = f"data/train/{'n' * 201}/22.png"
    table.to_parquet(folder / "metadata/metadata_0.parquet")
    said = bring_in(str(data), "--embedder=fake")
    assert count(said) == [1, 1, 0, 0, 1]
    assert [row["row"] for row in said["skipped"]] == [1, 2, 3, 4]
    assert said["skipped"][2]["path"] == "21.png"
    assert "no person" in said["skipped"][2]["reason"]


def test_a_picture_in_two_rows_is_one_reference(tmp_path: Path) -> None:
    data = write_script_data(tmp_path / "data", shades=(10, 10, 11))
    assert count(bring_in(str(data), "--embedder=fake")) == [1, 2, 1, 0, 2]


def test_a_wrong_word_about_the_embedder_is_refused_with_the_cosine(tmp_path: Path) -> None:
    data = write_script_data(tmp_path / "data", pictures=True)
    other = np.stack([vector_of(each) for each in (50, 51, 52)])
    np.save(data / "embedding_folder/img_emb/img_emb_0.npy", other)
    cosine = np.median([vector_of(a) @ vector_of(b) for a, b in zip(SHADES, (50, 51, 52), strict=True)])
    with pytest.raises(EmbedderMismatch, match=f"{cosine:.3f}"):
        import_clip_retrieval(data, EMBEDDER)
    assert not Person.objects.exists()
    with pytest.raises(CommandError, match="say with --embedder"):
        call_command("import_gallery", str(data))
    with pytest.raises(
        EmbedderMismatch, match="no embedder called clap; name one of sface, dlib, clip, onnx"
    ):
        import_clip_retrieval(data, "clap")
    with pytest.raises(EmbedderMismatch, match="FACESITE_EMBEDDER=clip"):
        settings_say("dlib", lambda: import_clip_retrieval(data, "clip"))
    np.save(data / "embedding_folder/img_emb/img_emb_0.npy", np.ones((3, 512), np.float32))
    with pytest.raises(EmbedderMismatch, match="512 numbers"):
        import_clip_retrieval(data, "fake")


def settings_say(embedder: str, act: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site_settings, "EMBEDDER", embedder)
        act()


def test_a_new_site_begins_with_the_embedder_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def named(name: str) -> FakeEngine:
        asked.append(name)
        return ReadsShades()

    monkeypatch.setattr(site_settings, "EMBEDDER", "")
    monkeypatch.setattr(engine, "get_named_embedder", named)
    assert import_clip_retrieval(write_script_data(tmp_path / "data"), "clip").added == 3
    assert asked == ["clip"]


MORE = {"caption": ["one", "Person 2 waves", "three"], "width": [640, 480, 320]}


def test_the_parquets_columns_are_kept_shown_and_written_again(tmp_path: Path, curator: Client) -> None:
    import_clip_retrieval(write_script_data(tmp_path / "data", **MORE), "fake")
    second = Reference.objects.order_by("pk")[1]
    assert second.source_columns == {"caption": "Person 2 waves", "width": 480}
    page = curator.get(f"/admin/gallery/reference/{second.pk}/change/")
    assert "Person 2 waves" in page.content.decode()
    assert collect_person_facts(second.person)["references"][1]["came_with"] == second.source_columns
    export_gallery(tmp_path / "out")
    table = pd.read_parquet(tmp_path / "out/metadata/metadata_0.parquet")
    assert [table[name].tolist() for name in MORE] == list(MORE.values())
    forget_everything()
    import_gallery(tmp_path / "out")
    assert [each.source_columns["width"] for each in Reference.objects.order_by("pk")] == MORE["width"]


def test_erasing_somebody_takes_the_name_out_of_what_others_came_with(tmp_path: Path, user: User) -> None:
    more = {**MORE, "PERSON 2": [1, 0, 1]}
    import_clip_retrieval(write_script_data(tmp_path / "data", "data/Person 2/train", **more), "fake")
    Reference.objects.filter(source_path__contains="Person 1/10").update(source_path="person 21/10.png")
    export_gallery(tmp_path / "out", is_script_layout=True, is_half_precision=True)
    finish_erasure(erase_person(user, Person.objects.get(name="Person 2")).pk)
    assert [each.source_columns for each in Reference.objects.order_by("pk")] == [
        {"caption": "one", "width": 640},
        {"width": 480},
    ]
    assert [each.source_path for each in Reference.objects.order_by("pk")] == ["person 21/10.png", ""]
    folder = tmp_path / "out/embedding_folder"
    table = pd.read_parquet(folder / "metadata/metadata_0.parquet")
    assert table["caption"].tolist() == ["one", None]
    assert table["image_path"].str.startswith("out/train/Person 1/").all()
    assert np.load(folder / "img_emb/img_emb_0.npy").dtype == np.float16
    assert faiss.read_index(str(tmp_path / "out/knn.index")).ntotal == 2
    left = [path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert not any(b"Person 2" in content for content in left)


def test_after_a_change_of_embedder_everybody_with_a_face_in_a_picture_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_script_data(tmp_path / "data", pictures=True)
    (data / "train/Person 2/20.png").unlink()
    import_clip_retrieval(data, "fake")

    def find_a_face_unless_it_is_dark(pixels: np.ndarray) -> list[Detection]:
        return [Seen(Box(5, 5, 20, 30), b"").detection] if pixels[0, 0, 0] > 10 else []

    detector = SimpleNamespace(detect=find_a_face_unless_it_is_dark)
    monkeypatch.setattr(engine, "get_detector", lambda: detector)
    other = ReadsShades(id="other-0123456789ab")
    monkeypatch.setattr(engine, "get_configured_embedder", lambda: other)
    monkeypatch.setattr(engine, "get_embedder_by_id", lambda embedder_id: other)
    advance_embedder_switch()
    (found,) = Reference.objects.filter(vectors__embedder_id=other.id)
    assert (found.person.name, found.source_path[-6:], found.box) == ("Person 1", "11.png", [5, 5, 20, 30])


def name_as_the_script(data: Path, vectors: Path, query: np.ndarray) -> str | None:
    """The original's three steps: the parquet, the index, and the folder of the nearest picture over 0.8."""
    table = pd.read_parquet(vectors / "metadata")
    index = faiss.read_index(str(data / "knn.index"))
    similarities, rows = index.search(np.expand_dims(query, 0), 1)
    if similarities[0][0] <= 0.8:
        return None
    return str(table["image_path"][rows[0][0]]).split("/")[-2]


@pytest.mark.parametrize("options", [[], ["--layout=original"], ["--layout=original", "--float16"]])
def test_the_scripts_own_steps_give_the_sites_answers(tmp_path: Path, options: list[str]) -> None:
    bring_in(str(write_script_data(tmp_path / "in", pictures=True)), "--embedder=fake")
    out = tmp_path / "data"
    call_command("export_gallery", str(out), *options, stdout=io.StringIO(), stderr=io.StringIO())
    vectors = out / "embedding_folder" if options else out
    dtype = np.load(vectors / "img_emb/img_emb_0.npy").dtype
    assert dtype == (np.float16 if "--float16" in options else np.float32)
    build = Build.objects.get(is_active=True)
    serving = site_settings.INDEX_ROOT / build.directory
    answers = set()
    for shade in (*SHADES, 12, 77):
        query = vector_of(shade)
        best = find(vector_to_bytes(query))[0]
        ours = Person.objects.get(pk=best.person).name if best.similarity > 0.8 else None
        assert name_as_the_script(out, vectors, query) == ours
        assert name_as_the_script(serving, serving, query) == ours
        answers.add(ours)
    assert answers == {"Person 1", "Person 2", None}
    paths = pd.read_parquet(vectors / "metadata")["image_path"]
    assert all(((out.parent if options else out) / path).is_file() for path in paths)
    forget_everything()
    assert import_gallery(out).added == 3


def test_infos_have_every_key_that_autofaiss_writes_and_measured_numbers(tmp_path: Path) -> None:
    import_clip_retrieval(write_script_data(tmp_path / "data"), "fake")
    export_gallery(tmp_path / "out")
    infos = json.loads((tmp_path / "out/infos.json").read_text())
    keys = {"index_key", "index_param", "index_path", "size in bytes", "avg_search_speed_ms"}
    keys |= {"99p_search_speed_ms", "reconstruction error %", "nb vectors", "vectors dimension"}
    assert keys | {"compression ratio"} <= infos.keys()
    assert 0 < infos["avg_search_speed_ms"] <= infos["99p_search_speed_ms"] * 2
    assert infos["reconstruction error %"] == 0


MEASURED = """
import sys, resource
import django; django.setup()
import numpy as np, pandas as pd
from pathlib import Path
from django.core.management import call_command
from gallery.index import engine
from gallery.people.script_import import import_clip_retrieval
from tests.engines import FakeEngine
folder, parts = Path(sys.argv[1]), int(sys.argv[2])
call_command("migrate", "-v0")
engine.get_serving_embedder = lambda: FakeEngine(dimension=512)
rows = 2000
for number in range(parts):
    for name in ("img_emb", "metadata"):
        (folder / name).mkdir(exist_ok=True)
    vectors = np.random.default_rng(number).normal(size=(rows, 512)).astype(np.float32)
    np.save(folder / f"img_emb/img_emb_{number}.npy", vectors)
    paths = [f"data/train/Person {row % 40}/{number}-{row}.jpg" for row in range(rows)]
    pd.DataFrame({"image_path": paths}).to_parquet(folder / f"metadata/metadata_{number}.parquet")
import gallery.people.gallery_import as whole
whole.write_file = lambda name, content: "0" * 64  # forty thousand grey pictures prove nothing
print(import_clip_retrieval(folder, "fake").added, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_twenty_parts_take_the_memory_of_two(tmp_path: Path) -> None:
    peaks = []
    for parts in (2, 20):
        folder = tmp_path / str(parts)
        folder.mkdir()
        environment = {
            "FACESITE_DATA_DIR": str(folder / "site"),
            "DJANGO_SETTINGS_MODULE": "facesite.settings",
        }
        command = [sys.executable, "-c", MEASURED, str(folder), str(parts)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
        assert done.returncode == 0, done.stderr
        added, peak = map(int, done.stdout.split())
        assert added == parts * 2000
        peaks.append(peak)
    assert peaks[1] < 1.1 * peaks[0]

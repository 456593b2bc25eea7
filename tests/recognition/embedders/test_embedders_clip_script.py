"""A folder of the original script's layout, made by its own packages: docs/from-the-script.md, command by command."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Pillow

from tests.recognition.embedders.test_embedders_clip import checkpoint
from tests.site import ROOT, Site

__all__ = ["checkpoint"]
pytestmark = pytest.mark.heavy
DETECT = """
import json, sys
import cv2
from mtcnn import MTCNN
detector = MTCNN()
found = [detector.detect_faces(cv2.imread(path)) for path in sys.argv[1:]]
print(json.dumps([[(list(map(int, face["box"])), float(face["confidence"])) for face in faces] for faces in found]))
"""


class Script:
    """The original's steps: OpenCV, the mtcnn package, open_clip on torch, AutoFaiss and Faiss."""

    def __init__(self, weights: Path) -> None:
        import open_clip

        found = open_clip.create_model_and_transforms("ViT-B-32", pretrained=str(weights))
        self.network, self.transform = found[0].eval(), found[2]

    def embed(self, picture: Pillow.Image) -> np.ndarray:
        import torch

        with torch.no_grad():
            vector = self.network.encode_image(self.transform(picture).unsqueeze(0))
        return np.asarray((vector / vector.norm(dim=-1, keepdim=True)).numpy()[0])

    def make_data(self, data: Path, slash: str) -> None:
        """What clip-retrieval and AutoFaiss leave beside `train`."""
        from autofaiss import build_index

        pictures = sorted((data / "train").glob("*/*.jpg"))
        folder = data / "embedding_folder"
        (folder / "img_emb").mkdir(parents=True)
        (folder / "metadata").mkdir()
        vectors = np.stack([self.embed(Pillow.open(path)) for path in pictures]).astype(np.float16)
        np.save(folder / "img_emb/img_emb_0.npy", vectors)
        paths = [slash.join((".", "data", "train", path.parent.name, path.name)) for path in pictures]
        pd.DataFrame({"image_path": paths}).to_parquet(folder / "metadata/metadata_0.parquet")
        build_index(
            str(folder / "img_emb"),
            index_path=str(data / "knn.index"),
            index_infos_path=str(data / "infos.json"),
            metric_type="ip",
            index_key="HNSW15",
            max_index_query_time_ms=10,
            max_index_memory_usage="4GB",
            verbose=40,
        )

    def name_faces(self, data: Path, photos: list[Path]) -> list[list[tuple[str, float]]]:
        """Name and similarity of each face's nearest picture, left to right, photo by photo."""
        import faiss

        command = [sys.executable, "-c", DETECT, *map(str, photos)]  # TensorFlow keeps to itself
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        table = pd.read_parquet(data / "embedding_folder/metadata")
        index = faiss.read_index(str(data / "knn.index"))
        named = []
        for path, faces in zip(photos, json.loads(said.splitlines()[-1]), strict=True):
            picture, found = Pillow.open(path), []
            for (left, top, width, height), confidence in sorted(faces):
                if confidence > 0.8:
                    vector = self.embed(picture.crop((left, top, left + width, top + height)))
                    similarities, rows = index.search(vector[None], 1)
                    nearest = re.split(r"[\\/]", table["image_path"][rows[0][0]])
                    found.append((nearest[-2], float(similarities[0][0])))
            named.append(found)
        return named


@dataclass
class Switch:
    """Somebody's folder, and the site that they go on with."""

    faces: Path
    site: Site
    script: Script
    said: dict[str, Any]


def list_documented_commands(faces: Path) -> list[tuple[dict[str, str], list[str]]]:
    """Settings and arguments."""
    text = (ROOT / "docs/from-the-script.md").read_text(encoding="utf-8").replace("~/faces", str(faces))
    parts = [line.split(".venv/bin/python manage.py ") for line in text.splitlines()]
    return [
        (dict(each.split("=") for each in part[0].split()), shlex.split(part[1]))
        for part in parts
        if len(part) == 2
    ]


@pytest.fixture(scope="module")
def switch(checkpoint: Path, demo: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Switch:
    """After all commands of the page, in its order."""
    import shutil

    folder = tmp_path_factory.mktemp("switch")
    faces, script, said = folder / "faces", Script(checkpoint), {}
    people, photos = demo
    shutil.copytree(people, faces / "raw")
    (faces / "data").mkdir()
    site = Site(
        folder / "site",
        FACESITE_EMBEDDER="",  # a new site begins with the one that the import names
        FACESITE_CLIP_PRETRAINED=str(checkpoint),
        FACESITE_MODEL_DIR=str(checkpoint.parent / "models"),
    )
    for settings, arguments in list_documented_commands(faces):
        before = dict(site.environment)
        site.environment.update(settings)
        if "--like-the-script" in arguments:
            said["printed"] = site.manage(*arguments)
        said[" ".join(each for each in arguments if "/" not in each)] = site.json(*arguments)
        site.environment = before
        if arguments[0] == "crop_faces":
            script.make_data(faces / "data", "\\")
            shutil.copytree(photos, faces / "data/test")
            turned = Pillow.open(photos / "montage.jpg").rotate(90, expand=True)
            exif = Pillow.Exif()
            exif[0x0112] = 6  # OpenCV turns it, Pillow does not
            turned.save(faces / "data/test/turned.jpg", exif=exif, quality=95)
    return Switch(faces, site, script, said)


def test_every_documented_command_does_its_step(switch: Switch) -> None:
    pictures = len(list((switch.faces / "data/train").glob("*/*.jpg")))
    (first,) = switch.said["import_gallery --embedder clip"]
    assert first["added"] == first["pictures"] == first["build"]["vectors"] == pictures >= 3
    assert first["checked"]["similarity"] > 0.999
    (again,) = switch.said["import_gallery --embedder clip --pictures"]
    assert (again["added"], again["already"], again["skipped"]) == (0, pictures, [])
    assert len(list((switch.faces / "tagged").glob("*.jpg"))) == 2
    (decided,) = switch.said["evaluate --set decision=nearest known=0.8 detection=0.8 --apply"]
    assert decided["is_applied"]
    assert decided["set"]["bounds"]["decision"] == "nearest"
    assert switch.said["export_gallery --layout original --float16"][0]["indexed"] == pictures
    assert switch.said["build_index"][0]["index_key"] == "HNSW15"


def test_like_the_script_decides_as_the_script_did(switch: Switch) -> None:
    photos = sorted((switch.faces / "data/test").glob("*.jpg"))
    expected = switch.script.name_faces(switch.faces / "data", photos)
    every = sorted(similarity for faces in expected for _name, similarity in faces)
    middle = (every[len(every) // 2 - 1] + every[len(every) // 2]) / 2
    arguments = ["tag", *map(str, photos), "--like-the-script", "--similarity"]
    answers = set()
    for bound in (0.8, middle):
        for tagged, faces in zip(switch.site.json(*arguments, str(bound)), expected, strict=True):
            assert len(tagged["faces"]) == len(faces)
            for face, (name, similarity) in zip(tagged["faces"], faces, strict=True):
                assert face["similarity"] == pytest.approx(similarity, abs=1e-3)
                assert face["candidates"][0]["name"] == name
                if abs(similarity - bound) > 1e-3:
                    assert face["name"] == (name if similarity > bound else None)
                answers.add(bool(face["name"]))
    assert answers == {True, False}


def test_it_prints_what_the_script_printed(switch: Switch) -> None:
    lines = switch.said["printed"].splitlines()
    assert lines[0] == "Results:"
    name, path, similarity = lines[1:4]
    assert name.startswith("Name: ")
    assert path.startswith(f"path: .\\data\\train\\{name[6:]}\\")
    assert 0.8 < float(similarity.removeprefix("Similarity: ")) <= 1


def test_the_script_gives_the_same_answers_on_the_export(switch: Switch) -> None:
    photos = [switch.faces / "data/test/montage.jpg"]
    before = switch.script.name_faces(switch.faces / "data", photos)
    after = switch.script.name_faces(switch.faces / "again/data", photos)
    for (old_name, old), (new_name, new) in zip(before[0], after[0], strict=True):
        assert (new_name, new) == (old_name, pytest.approx(old, abs=1e-3))


def test_after_a_change_to_another_embedder_everybody_with_a_picture_is_found(switch: Switch) -> None:
    switch.site.environment["FACESITE_EMBEDDER"] = "dlib"
    code = "from gallery.people.processing import advance_embedder_switch as step\n"
    switch.site.ask(code + "while step(): pass\nanswer = 0")
    vectors = "Reference.objects.filter(vectors__embedder_id__startswith='dlib').count()"
    assert switch.site.ask(f"answer = {vectors}") == len(list((switch.faces / "data/train").glob("*/*.jpg")))
    (tagged,) = switch.site.json("tag", str(switch.faces / "data/test/montage.jpg"))
    assert [face["name"] for face in tagged["faces"] if face["name"]]

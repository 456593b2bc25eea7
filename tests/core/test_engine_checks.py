"""What cannot run here is told of at the start, with what to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gallery.core.checks import check_embedder
from recognition import weights
from tests.site import ROOT


def sentence() -> str:
    return " ".join(message.msg for message in check_embedder(None))


def test_the_default_embedder_runs_here(settings: Any) -> None:
    settings.EMBEDDER = "dlib"
    assert check_embedder(None) == []


def test_clip_without_its_packages_says_what_to_install(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMBEDDER = "clip"
    monkeypatch.setattr(weights, "has_package", lambda package: package not in ("open_clip", "torch"))
    assert "pip install open_clip_torch torch" in sentence()


def test_onnx_without_a_model_says_what_to_set(settings: Any, tmp_path: Path) -> None:
    settings.EMBEDDER, settings.ONNX_MODEL = "onnx", ""
    assert "FACESITE_ONNX_MODEL" in sentence()
    settings.ONNX_MODEL = str(tmp_path / "gone.onnx")
    assert "gone.onnx" in sentence()


def test_an_onnx_file_that_is_no_model_of_faces_is_refused_in_a_sentence(
    settings: Any, tmp_path: Path
) -> None:
    model = tmp_path / "mine.onnx"
    settings.EMBEDDER, settings.ONNX_MODEL = "onnx", str(model)
    model.write_bytes(b"no model at all")
    assert sentence() == "mine.onnx is not an ONNX model."
    model.write_bytes(b"")
    assert "does not take faces of 112 x 112 pixels" in sentence()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"POLICY": "autofaiss", "KEY": "HSNW15"}, "it takes a value like HNSW15 or IVF4096,PQ64x8"),
        ({"POLICY": "autofaiss", "KEY": "PQ64x8"}, "it takes a value like HNSW15 or IVF4096,PQ64x8"),
        ({"POLICY": "autofaiss", "METRIC": "cosine"}, "it takes one of: ip, l2"),
        ({"KEY": "HNSW15"}, "go with FACESITE_INDEX_POLICY=autofaiss"),
    ],
)
def test_wrong_words_about_the_index_are_refused_in_a_sentence(
    tmp_path: Path, values: dict[str, str], words: str
) -> None:
    environment = {f"FACESITE_INDEX_{name}": value for name, value in values.items()}
    done = subprocess.run(
        [sys.executable, "-m", "facesite.settings"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"FACESITE_DATA_DIR": str(tmp_path), **environment},
    )
    assert words in done.stderr.splitlines()[-1]

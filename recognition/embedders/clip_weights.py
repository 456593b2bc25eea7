"""Which CLIP weights: a checkpoint file of the owner's, or a name open_clip downloads once.

Nothing here imports torch. What a name stood for is noted in the folder of converted models, so that later
processes need neither the network nor torch.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from recognition import weights
from recognition.embedders.clip_export import EXPORT_VERSION
from recognition.embedders.clip_pixels import PixelRecipe
from recognition.errors import WeightsCorrupt, WeightsMissing
from recognition.weights import PIP_NAMES, file_sha256, get_cache_folder, get_converted_model, write_file

REQUIRED_PACKAGES = ("open_clip", "torch", "onnx", "onnxruntime")
SETTING_HINT = "set FACESITE_CLIP_PRETRAINED to the path of a checkpoint file"
HUB_TIMEOUTS = {"HF_HUB_ETAG_TIMEOUT": "10", "HF_HUB_DOWNLOAD_TIMEOUT": "20"}  # seconds without an answer
FETCH_SECONDS = 1_800
EXPORT_SECONDS = 900


@dataclass(frozen=True, slots=True)
class WeightsSource:
    """Weights that are there: what they are, and what to do to a picture for them."""

    checkpoint: Path
    sha256: str
    dimension: int
    pixels: PixelRecipe
    quick_gelu: bool


def is_checkpoint_path(pretrained: str) -> bool:
    """open_clip's names of weights hold neither dots nor slashes."""
    return "/" in pretrained or "." in pretrained


def explain_missing_clip(model: str, pretrained: str) -> str | None:
    """Why CLIP cannot run here, as a sentence; None when nothing is known against it. Imports nothing."""
    if any(not weights.has_package(package) for package in REQUIRED_PACKAGES):
        absent = [package for package in REQUIRED_PACKAGES if not weights.has_package(package)]
        pips = " ".join(PIP_NAMES.get(package, package) for package in absent)
        return f"The clip embedder needs the package {' and '.join(absent)}: pip install {pips}"
    if not _get_config_file(model).is_file():
        return (
            f"open_clip has no model called {model}; set FACESITE_CLIP_MODEL to one it has, such as ViT-B-32."
        )
    if is_checkpoint_path(pretrained) and not Path(pretrained).is_file():
        return f"There is no checkpoint file {pretrained}; {SETTING_HINT}, or to openai."
    return None


def find_weights(model: str, pretrained: str) -> WeightsSource:
    """The weights, downloaded if they have a name and are not here; raises WeightsMissing."""
    config = json.loads(_get_config_file(model).read_text())
    known = {"path": pretrained} if is_checkpoint_path(pretrained) else _find_named_weights(model, pretrained)
    path = Path(known["path"])
    changes: dict[str, Any] = {
        name: known[name] for name in ("interpolation", "resize_mode") if name in known
    }
    changes |= {name: tuple(known[name]) for name in ("mean", "std") if name in known}
    return WeightsSource(
        checkpoint=path,
        sha256=known.get("sha256") or file_sha256(path),
        dimension=config["embed_dim"],
        pixels=PixelRecipe(config["vision_cfg"]["image_size"], **changes),
        quick_gelu=bool(known.get("quick_gelu", config.get("quick_gelu", False))),
    )


def get_image_tower(model: str, pretrained: str, source: WeightsSource) -> Path:
    """The image tower as an ONNX file, written on first use; raises WeightsMissing or WeightsCorrupt."""

    def build(path: Path) -> None:
        checkpoint = source.checkpoint
        if not checkpoint.is_file() and not is_checkpoint_path(pretrained):
            checkpoint = Path(_fetch_weights(model, pretrained)["path"])
        if file_sha256(checkpoint) != source.sha256:
            raise WeightsCorrupt(
                f"The checkpoint {checkpoint} has changed since it was first used; start again."
            )
        done = _run_export(
            ["export", model, str(checkpoint), str(source.quick_gelu), str(path)], EXPORT_SECONDS
        )
        if done.returncode or not path.is_file():
            raise WeightsCorrupt(
                f"{checkpoint} cannot be used as weights of {model}: {_get_last_line(done.stderr)}"
            )

    return get_converted_model(
        f"clip-{model}", build, key=f"{source.sha256} {model} {source.quick_gelu} {EXPORT_VERSION}"
    )


def _find_named_weights(model: str, tag: str) -> dict[str, Any]:
    note = get_cache_folder() / f"clip-{model.replace('/', '-')}-{tag}.json"
    if note.is_file():
        noted: dict[str, Any] = json.loads(note.read_text())
        return noted
    known = _fetch_weights(model, tag)
    known["sha256"] = file_sha256(Path(known["path"]))
    write_file(note, json.dumps(known).encode())
    return known


def _fetch_weights(model: str, tag: str) -> dict[str, Any]:
    done = _run_export(["fetch", model, tag], FETCH_SECONDS)
    if done.returncode:
        reason = _get_last_line(done.stderr)
        raise WeightsMissing(
            f"The CLIP weights {tag} are not here and cannot be downloaded: {SETTING_HINT}. ({reason})"
        )
    known: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return known


def _run_export(arguments: list[str], seconds: float) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "recognition.embedders.clip_export", *arguments]
    places = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    environment = {**HUB_TIMEOUTS, **os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))}
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=seconds, env=environment, check=False
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"it took more than {seconds:.0f} seconds")


def _get_last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:300] if lines else "no reason given"


def _get_config_file(model: str) -> Path:
    spec = find_spec("open_clip")
    folders = (spec.submodule_search_locations if spec else None) or [""]
    return Path(folders[0]) / "model_configs" / f"{model.replace('/', '-')}.json"

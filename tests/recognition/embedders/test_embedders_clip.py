"""CLIP gives what open_clip gives, without torch in the process that uses it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from recognition import weights
from recognition.embedders import get_unavailable_reason, load_embedder
from recognition.embedders.clip_pixels import PixelRecipe, cut_face
from recognition.errors import WeightsCorrupt, WeightsMissing
from recognition.types import Box, FaceCrop, Image
from tests.models_at_hand import save_clip_by_chance
from tests.site import Site


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Weights of ViT-B-32 by chance, and a folder of their own for what is made of them."""
    folder = tmp_path_factory.mktemp("clip")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACESITE_MODEL_DIR", str(folder / "models"))
        yield save_clip_by_chance(folder)


def picture(width: int, height: int) -> Image:
    """Coarse colours with noise: uint8 (height, width, 3)."""
    random = np.random.default_rng(width * height)
    coarse = random.integers(0, 236, (height // 20 + 1, width // 20 + 1, 3)).repeat(20, 0).repeat(20, 1)
    return (coarse[:height, :width] + random.integers(0, 20, (height, width, 3))).astype(np.uint8)


def faces() -> list[FaceCrop]:
    image, points = picture(640, 480), np.zeros((5, 2), np.float32)
    boxes = [Box(10, 20, 90, 120), Box(300.4, 100.7, 224, 224), Box(500, 300, 200, 300), Box(5, 5, 9, 11)]
    return [FaceCrop(image, box, points) for box in boxes]


@pytest.mark.heavy
def test_vectors_are_those_of_open_clip(checkpoint: Path) -> None:
    import open_clip
    import torch
    from PIL import Image as Pillow

    network, _, transform = open_clip.create_model_and_transforms("ViT-B-32", pretrained=str(checkpoint))
    crops = faces()
    cuts = [Pillow.fromarray(cut_face(crop)) for crop in crops]
    with torch.no_grad():
        batch = torch.stack([transform(each) for each in cuts])
        expected = network.eval().encode_image(batch, normalize=True).numpy()
    embedder = load_embedder("clip", threads=1, model="ViT-B-32", pretrained=str(checkpoint))
    vectors = embedder.embed(crops)
    assert (vectors.shape, vectors.dtype, embedder.dimension) == ((4, 512), np.float32, 512)
    assert np.abs(vectors - expected).max() < 1e-4
    assert np.abs(embedder.embed(crops[2:3]) - vectors[2:3]).max() < 1e-5
    assert embedder.embed([]).shape == (0, 512)


@pytest.mark.heavy
@pytest.mark.parametrize(
    "size", [(224, 224), (90, 120), (121, 90), (225, 224), (500, 333), (40, 600), (1, 1), (7, 3)]
)
@pytest.mark.parametrize("mode", ["shortest", "squash"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_pixels_are_those_of_open_clips_transform(
    size: tuple[int, int], mode: str, interpolation: str
) -> None:
    from open_clip.transform import image_transform
    from PIL import Image as Pillow

    transform = image_transform(224, is_train=False, resize_mode=mode, interpolation=interpolation)
    expected = transform(Pillow.fromarray(picture(*size))).numpy()
    ours = PixelRecipe(224, resize_mode=mode, interpolation=interpolation).prepare(picture(*size))
    assert np.abs(ours - expected).max() < 1e-5


@pytest.mark.heavy
def test_once_converted_no_torch_is_imported(checkpoint: Path) -> None:
    load_embedder("clip", threads=1, pretrained=str(checkpoint)).embed(faces()[:1])
    code = (
        "import sys; from tests.recognition.embedders.test_embedders_clip import faces;"
        "from recognition import embedders;"
        f"embedders.load_embedder('clip', threads=1, pretrained={str(checkpoint)!r}).embed(faces()[:1]);"
        "print([m for m in ('torch', 'open_clip', 'tensorflow') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


@pytest.mark.heavy
def test_the_id_follows_weights_and_architecture(checkpoint: Path, tmp_path: Path) -> None:
    first = load_embedder("clip", pretrained=str(checkpoint)).id
    assert first == load_embedder("clip", model="ViT-B-32", pretrained=str(checkpoint), threads=2).id
    assert first != load_embedder("clip", model="ViT-B-32-quickgelu", pretrained=str(checkpoint)).id
    (tmp_path / "other.pt").write_bytes(checkpoint.read_bytes() + b"more")
    assert first != load_embedder("clip", pretrained=str(tmp_path / "other.pt")).id


@pytest.mark.heavy
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACESITE_MODEL_DIR", str(tmp_path / "models"))
    (tmp_path / "letter.pt").write_bytes(b"Dear Sir or Madam" * 100)
    with pytest.raises(WeightsCorrupt, match="cannot be used as weights of ViT-B-32"):
        load_embedder("clip", pretrained=str(tmp_path / "letter.pt")).embed(faces()[:1])


@pytest.mark.heavy
def test_without_weights_and_without_network_one_sentence_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACESITE_MODEL_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # where nothing answers
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(WeightsMissing, match="FACESITE_CLIP_PRETRAINED"):
        load_embedder("clip")
    assert not os.path.lexists(tmp_path / "models" / "clip-ViT-B-32-openai.json")


def test_a_stripe_is_cut_short() -> None:
    crop = FaceCrop(picture(640, 480), Box(0, 100, 640, 2), np.zeros((5, 2), np.float32))
    assert cut_face(crop).shape == (2, 32, 3)


def test_what_is_missing_is_said_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(weights, "has_package", lambda package: package not in ("open_clip", "torch"))
        assert "pip install open_clip_torch torch" in str(get_unavailable_reason("clip"))
        with pytest.raises(WeightsMissing, match="pip install open_clip_torch torch"):
            load_embedder("clip")
    if not weights.has_package("open_clip") or not weights.has_package("torch"):
        pytest.skip("NOT TESTED: open_clip and torch are not installed")
    assert "FACESITE_CLIP_MODEL" in str(get_unavailable_reason("clip", model="ViT-Z"))
    gone = str(tmp_path / "gone.pt")
    assert "FACESITE_CLIP_PRETRAINED" in str(get_unavailable_reason("clip", pretrained=gone))
    with pytest.raises(WeightsMissing, match="no checkpoint file"):
        load_embedder("clip", pretrained=gone)


@pytest.mark.heavy
def test_a_site_set_to_clip_imports_builds_and_tags(
    checkpoint: Path, demo: tuple[Path, Path], tmp_path: Path
) -> None:
    people, photos = demo
    models = str(checkpoint.parent / "models")
    site = Site(
        tmp_path,
        FACESITE_EMBEDDER="clip",
        FACESITE_CLIP_PRETRAINED=str(checkpoint),
        FACESITE_MODEL_DIR=models,
    )
    site.manage("import_people", str(people))
    site.manage("build_index")
    vectors = "list(ReferenceVector.objects.values_list('embedder_id', flat=True).distinct())"
    (embedder_id,) = site.ask(f"answer = {vectors}")
    assert embedder_id == load_embedder("clip", pretrained=str(checkpoint)).id
    (tagged,) = site.json("tag", str(photos / "montage.jpg"))
    assert len(tagged["faces"]) >= 2
    assert all(-1 <= face["similarity"] <= 1 and face["reference"] for face in tagged["faces"])

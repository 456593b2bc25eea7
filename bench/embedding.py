"""Time per face of the embedders against the libraries they come from, as ratios of one run.

    python -m bench.embedding [--faces 32] [--threads 2] [--rounds 3]

SFace: the rewritten graph against the published file, both face by face, and how far their vectors agree. dlib: its
network here, in a batch, against dlib's own, which aligns in neither. CLIP: ViT-B-32 here, in batches, against
torch face by face as in the original script, cutting and resizing included; weights by chance, on which the time
does not depend. Both sides take turns, so that a busy machine is busy for both; the best round counts.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from recognition.embedders import load_embedder
from recognition.embedders.clip_pixels import cut_face
from recognition.embedders.dlib import DLIB_FILE, DLIB_PACKAGE, DLIB_SHA256, DlibEmbedder
from recognition.embedders.recipe import normalise_vectors
from recognition.embedders.sface import SFaceEmbedder, fetch_sface
from recognition.runtime import open_session
from recognition.types import Box, Embeddings, FaceCrop, Image
from recognition.weights import find_package_file


def main() -> None:
    parser = argparse.ArgumentParser(description="Time per face, as ratios of one run.")
    parser.add_argument("--faces", type=int, default=32)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FACESITE_MODEL_DIR"] = folder
        pairs = {
            "SFace": sface_pair(chosen.faces, chosen.threads),
            "dlib's network": dlib_pair(chosen.faces, chosen.threads),
            "CLIP ViT-B-32": clip_pair(Path(folder), chosen.faces, chosen.threads),
        }
        for name, (ours, theirs) in pairs.items():
            here, there = (each / chosen.faces for each in best(ours, theirs, chosen.rounds))
            print(
                f"{name}: here {here:.1f} ms a face, original {there:.1f} ms, {there / here:.1f} times as fast"
            )


def best(ours: Callable[[], object], theirs: Callable[[], object], rounds: int) -> tuple[float, float]:
    """The least milliseconds of each, taking turns; a first turn is not counted."""
    spent: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + 1):
        for times, work in zip(spent, (ours, theirs), strict=True):
            started = time.perf_counter()
            work()
            if turn:
                times.append(1_000 * (time.perf_counter() - started))
    return min(spent[0]), min(spent[1])


def pictures(count: int, side: int) -> Image:
    return np.random.default_rng(1).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def sface_pair(faces: int, threads: int) -> tuple[Callable[[], object], Callable[[], object]]:
    published = open_session(fetch_sface(), threads)
    embedder, chips = SFaceEmbedder(threads), pictures(faces, 112)
    planes = chips.transpose(0, 3, 1, 2).astype(np.float32)

    def ours() -> Embeddings:
        return np.concatenate([embedder.describe(chip[None]) for chip in chips])

    def theirs() -> Embeddings:
        return np.concatenate([published.run(None, {"data": plane[None]})[0] for plane in planes])

    cosines = (normalise_vectors(ours()) * normalise_vectors(theirs())).sum(1)
    print(f"SFace: cosine to the published file at least {cosines.min():.7f}")
    return ours, theirs


def dlib_pair(faces: int, threads: int) -> tuple[Callable[[], object], Callable[[], object]]:
    import dlib as original

    network = original.face_recognition_model_v1(
        str(find_package_file(DLIB_PACKAGE, *DLIB_FILE, sha256=DLIB_SHA256))
    )
    embedder, chips = DlibEmbedder(threads), pictures(faces, 150)
    return lambda: embedder.describe(chips), lambda: [network.compute_face_descriptor(c) for c in chips]


def clip_pair(folder: Path, faces: int, threads: int) -> tuple[Callable[[], object], Callable[[], object]]:
    import open_clip
    import torch
    from PIL import Image as Pillow

    torch.set_num_threads(threads)
    network, _, transform = open_clip.create_model_and_transforms("ViT-B-32")
    network.eval()
    torch.save(network.state_dict(), folder / "chance.pt")
    embedder = load_embedder("clip", threads=threads, pretrained=str(folder / "chance.pt"))
    points = np.zeros((5, 2), np.float32)
    crops = [FaceCrop(picture, Box(0, 0, 160, 160), points) for picture in pictures(faces, 160)]

    def one_by_one() -> None:
        with torch.no_grad():
            for crop in crops:
                network.encode_image(transform(Pillow.fromarray(cut_face(crop)))[None])

    return lambda: embedder.embed(crops), one_by_one


if __name__ == "__main__":
    main()

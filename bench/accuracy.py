"""The figures of docs/accuracy.md and recognition/calibrate/defaults.py, measured again.

    python -m bench.accuracy FACES [PHOTO...] [--embedder dlib] [--detector mtcnn]

FACES is a folder laid out like the one the tests use: ``lfw10/<person>/``, ``five/gallery/<person>/`` and
``groups/*.jpg``. Each PHOTO is a further group photo (of people who are in none of the others). Faces in one photo
are different people; whether those of two photos in ``groups`` are is not known, and such pairs are left out.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps

from recognition.calibrate import Histogram, compare_references, judge_bounds, suggest_bounds
from recognition.calibrate.bounds import count_effective_values
from recognition.calibrate.histogram import count_similarities
from recognition.detector import load_detector
from recognition.embedders import load_embedder
from recognition.types import Bounds, Detection, Detector, Embedder, Embeddings, FaceCrop, Image

KINDS = {".jpg", ".jpeg", ".png"}


@dataclass(frozen=True)
class Face:
    person: str
    photo: str
    is_labelled: bool
    vector: Embeddings


def pixels(path: Path) -> Image:
    with Pillow.open(path) as opened:
        return np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))


def main_face(image: Image, found: list[Detection]) -> Detection:
    rows, columns = image.shape[:2]

    def weight(face: Detection) -> float:
        across = (face.box.left + face.box.right - columns) / 2
        down = (face.box.top + face.box.bottom - rows) / 2
        return face.box.area - 2 * (across**2 + down**2)

    return max(found, key=weight)


def portraits(base: Path, finder: Detector, embedder: Embedder) -> Iterator[Face]:
    for path in sorted(p for p in base.glob("*/*") if p.suffix.lower() in KINDS):
        image = pixels(path)
        if found := finder.detect(image):
            face = main_face(image, found)
            vector = embedder.embed([FaceCrop(image, face.box, face.landmarks)])[0]
            yield Face(path.parent.name, str(path), True, vector)
        else:
            print(f"no face found in {path}")


def groups(paths: list[Path], is_labelled: bool, finder: Detector, embedder: Embedder) -> Iterator[Face]:
    for path in paths:
        image = pixels(path)
        found = [f for f in finder.detect(image) if f.quality is None or f.quality.is_usable]
        vectors = embedder.embed([FaceCrop(image, face.box, face.landmarks) for face in found])
        for place, vector in enumerate(vectors):
            yield Face(f"{path.name} {place}", str(path), is_labelled, vector)


def strangers(faces: list[Face]) -> tuple[Embeddings, int]:
    """Cosines of pairs known to be of different people, and how many pairs of people those are."""
    persons = np.array([face.person for face in faces])
    photos = np.array([face.photo for face in faces])
    unclear = ~np.array([face.is_labelled for face in faces])
    vectors = np.stack([face.vector for face in faces])
    differ = persons[:, None] != persons[None]
    differ &= ~(unclear[:, None] & unclear[None] & (photos[:, None] != photos[None]))
    differ = np.triu(differ, 1)
    pairs = {tuple(sorted((str(persons[a]), str(persons[b])))) for a, b in np.argwhere(differ)}
    return (vectors @ vectors.T)[differ], len(pairs)


def describe(name: str, faces: list[Face], bounds: Bounds) -> None:
    vectors = np.stack([face.vector for face in faces])
    persons = np.unique([face.person for face in faces], return_inverse=True)[1].astype(np.int64)
    found = compare_references(vectors, persons, combination=bounds.combination)
    genuine, impostor = Histogram.of(found.genuine), Histogram.of(found.impostor)
    print(f"\n{name}: {len(faces)} pictures, {len(set(persons))} people, rank-1 {found.rank1}")
    for rate in (0.01, 0.001):
        at = impostor.similarity_at(rate) or 0.0
        print(f"  false matches {rate:.1%}: similarity {at:.4f}, true matches {genuine.rate_at(at):.2%}")
    print(
        f"  nearest other person: mean {found.first.mean():.4f}, spread {found.first.std(ddof=1):.4f}", end=""
    )
    print(f", worth {count_effective_values(found.first, persons):.1f} independent strangers")
    print(f"  at {bounds}: {judge_bounds(found, bounds)}")
    print(f"  {suggest_bounds(found, bounds, 0.005)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("faces", type=Path)
    parser.add_argument("photos", type=Path, nargs="*")
    parser.add_argument("--embedder", default="dlib")
    parser.add_argument("--detector", default="mtcnn")
    args = parser.parse_args()
    finder, embedder = load_detector(args.detector), load_embedder(args.embedder)
    lfw = list(portraits(args.faces / "lfw10", finder, embedder))
    five = list(portraits(args.faces / "five" / "gallery", finder, embedder))
    crowd = list(groups(sorted((args.faces / "groups").glob("*.jpg")), False, finder, embedder))
    crowd += groups(args.photos, True, finder, embedder)
    describe("lfw10", lfw, embedder.bounds)
    describe("all people", lfw + five + crowd, embedder.bounds)
    cosines, pairs = strangers(lfw + five + crowd)
    impostor = Histogram.of(count_similarities(cosines)).coarser(100)
    print(
        f"\nstrangers: {len(cosines)} pairs of pictures, {pairs} pairs of people, mean {cosines.mean():.3f},"
    )
    print(f"  spread {cosines.std():.3f}, largest {cosines.max():.4f}; {embedder.id}")
    print(json.dumps(impostor.to_json()))


if __name__ == "__main__":
    main()

"""What poor faces cost: labelled photos made small, blurred, dark or noisy, against good references.

    python -m bench.poor FACES [--embedder sface] [--set lfw10] [--draws 6]

FACES holds ``lfw10/<person>/`` and ``celeb8/<person>/``. Everybody has three references as they are; the other photos
are spoiled, and everybody is a stranger in turn. "Poor against poor" is the similarity that one in 100 pairs of
strangers reaches when both are spoiled.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageFilter

from bench.accuracy import KINDS, main_face, pixels
from bench.names import People, Rows, Tally, draw_references, name_faces
from recognition.analysis import embed_faces
from recognition.detector import load_detector
from recognition.embedders import load_embedder
from recognition.mainface import find_main_face
from recognition.types import Bounds, Detector, Embedder, Embeddings, Image

Spoil = Callable[[Image, float], Image]  # the image, and how wide the face is in it


def shrink(width: int) -> Spoil:
    """So that the face is so many pixels wide."""

    def reduce(image: Image, face_width: float) -> Image:
        factor = width / face_width
        rows, columns = (max(1, round(side * factor)) for side in image.shape[:2])
        return np.asarray(Pillow.fromarray(image).resize((columns, rows), Pillow.Resampling.BOX))

    return reduce


def blur(radius: float) -> Spoil:
    return lambda image, _: np.asarray(Pillow.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))


def darken(factor: float, noise: float) -> Spoil:
    def spoil(image: Image, _: float) -> Image:
        grain = np.random.default_rng(5).normal(0, noise, image.shape)
        return np.clip(image * factor + grain, 0, 255).astype(np.uint8)

    return spoil


SPOILED: dict[str, Spoil] = {
    "as they are": lambda image, _: image,
    **{f"faces {width} pixels wide": shrink(width) for width in (40, 30, 25, 20)},
    **{f"blurred, radius {radius} pixels": blur(radius) for radius in (2.5, 3.5)},
    "a quarter of the light": darken(0.25, 0),
    "a quarter of the light, and noise": darken(0.25, 6),
    "noise, 25 grey levels": darken(1, 25),
}


def embed_spoiled(
    images: list[Image],
    widths: list[float],
    spoil: Spoil,
    detector: Detector,
    embedder: Embedder,
) -> tuple[Embeddings, int]:
    """(n, dimension), zeros where no face is found or it is too poor to be matched; how many are not found."""
    vectors, missed = np.zeros((len(images), embedder.dimension), np.float32), 0
    for row, (image, width) in enumerate(zip(images, widths, strict=True)):
        spoiled = spoil(image, width)
        if found := detector.detect(spoiled):
            vectors[row] = embed_faces(spoiled, [main_face(spoiled, found)], embedder)[0]
        missed += not found
    return vectors, missed


def name_spoiled(good: People, spoiled: Embeddings, bounds: Bounds, draws: int) -> Tally:
    """Good references (rows of ``good``) against spoiled photos, which stand behind them as further rows."""
    people = People(np.concatenate([good.vectors, spoiled]), np.concatenate([good.persons, good.persons]))
    tally, count = Tally(), len(good.persons)
    for seed in range(draws):
        everybody = sorted(set(good.persons.tolist()))
        references = draw_references(good, everybody, 3, np.random.default_rng(seed))
        probes = np.setdiff1d(np.arange(count), references) + count
        name_faces(people, probes, references, bounds, tally)
        for person in everybody:
            others = references[good.persons[references] != person]
            name_faces(people, good.rows_of([person]) + count, others, bounds, tally)
    return tally


def compare_strangers(spoiled: Embeddings, persons: Rows) -> float:
    seen = spoiled.any(axis=1)
    similarities = (spoiled @ spoiled.T)[np.ix_(seen, seen)]
    return float(np.quantile(similarities[persons[seen][:, None] != persons[seen]], 0.99))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("faces", type=Path)
    parser.add_argument("--embedder", default="sface")
    parser.add_argument("--set", default="lfw10")
    parser.add_argument("--draws", type=int, default=6)
    given = parser.parse_args()
    detector, embedder = load_detector(), load_embedder(given.embedder)
    files = sorted(path for path in (given.faces / given.set).glob("*/*") if path.suffix.lower() in KINDS)
    images = [pixels(path) for path in files]
    faces = [find_main_face(image, detector) for image in images]
    persons = np.unique([path.parent.name for path in files], return_inverse=True)[1].astype(np.int64)
    vectors = [embed_faces(image, [face], embedder)[0] for image, face in zip(images, faces, strict=True)]
    good = People(np.stack(vectors), persons)
    for name, spoil in SPOILED.items():
        spoiled, missed = embed_spoiled(images, [face.box.width for face in faces], spoil, detector, embedder)
        unmatched = int((~spoiled.any(axis=1)).sum()) - missed
        tally = name_spoiled(good, spoiled, embedder.bounds, given.draws)
        alike = compare_strangers(spoiled, persons)
        print(
            f"{name}: {missed} not found, {unmatched} not matched; {tally}; poor against poor {alike:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()

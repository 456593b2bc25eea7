"""How the cost of one photo grows with its pixels and its faces, and whether boxes stay where they are.

    python -m bench.growth PHOTO [--json FILE]

PHOTO, a group photo, is enlarged to 1 up to 100 megapixels and saved as JPEG, and repeated side by side and on top of
itself in a photo of 12 megapixels for more and more faces. Each is read as the worker reads it (large JPEGs at
reduced scale, by the decoding process), on one thread. Detecting and embedding are given in processor time, decoding
in time passed; boxes are compared with those of the photo as it came, in shares of a face's width.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image as Pillow

from bench.process import peak_mb
from recognition import images
from recognition.analysis import embed_faces, scale_to_full_size
from recognition.detector import load_detector
from recognition.embedders import load_embedder
from recognition.images.sandbox import read_photo
from recognition.types import Box, Detector, Embedder

DECODED_SIDE = 3_000  # as in gallery.index.engine
MEGAPIXELS = (1, 4, 12, 24, 100)
TILES = (1, 2, 4, 6)  # along each side of the photo of many faces


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    print("| photo | megapixels | decode | detect | embed | faces | boxes off by | peak memory, MB |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        with multiprocessing.get_context("spawn").Pool(1) as other:  # or the making would count as our memory
            shots = other.apply(make, (options.photo, Path(folder)))
        finder, embedder = load_detector(threads=1), load_embedder("dlib", threads=1)
        true = [face.box for face in finder.detect(images.read_photo(options.photo).pixels)]
        for shot in shots:
            row = measured(shot.path, finder, embedder)
            row["off"] = off(row.pop("boxes"), true, shot.scale) if shot.scale else None
            row |= {"photo": shot.name, "megapixels": shot.megapixels}
            rows.append(row)
            told = "" if row["off"] is None else f"{row['off']:.1%}"
            figures = (
                f"{row['decode']:.0f} | {row['detect']:.0f} | {row['embed']:.0f} | {row['faces']} | {told}"
            )
            print(f"| {shot.name} | {shot.megapixels:.0f} | {figures} | {row['peak_mb']:.0f} |", flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


class Shot(NamedTuple):
    name: str
    path: Path
    megapixels: float
    scale: float | None  # how much larger than the source it is; None where that is repeated


def make(photo: Path, folder: Path) -> list[Shot]:
    """The photos to measure, written into the folder."""
    shots = []
    for number, (name, picture, scale) in enumerate(
        pictures(Pillow.fromarray(images.read_photo(photo).pixels))
    ):
        path = folder / f"{number}.jpg"
        picture.save(path, quality=90)
        shots.append(Shot(name, path, picture.width * picture.height / 1e6, scale))
    return shots


def pictures(source: Pillow.Image) -> Iterator[tuple[str, Pillow.Image, float | None]]:
    for size in MEGAPIXELS:
        scale = (size * 1e6 / (source.width * source.height)) ** 0.5
        edges = round(source.width * scale), round(source.height * scale)
        yield "enlarged", source.resize(edges, Pillow.Resampling.BICUBIC), scale
    for tiles in TILES:
        sheet = Pillow.new("RGB", (4000, 3000))
        part = source.resize((4000 // tiles, 3000 // tiles), Pillow.Resampling.LANCZOS)
        for place in range(tiles * tiles):
            sheet.paste(part, (place % tiles * part.width, place // tiles * part.height))
        yield f"repeated {tiles} x {tiles}", sheet, None


def measured(path: Path, finder: Detector, embedder: Embedder) -> dict[str, Any]:
    started = time.perf_counter()
    photo = read_photo(path, at_least=DECODED_SIDE)
    decoded = time.perf_counter() - started
    begun = time.process_time()
    found = finder.detect(photo.pixels)
    detected = time.process_time()
    embed_faces(photo.pixels, found, embedder)
    return {
        "decode": 1000 * decoded,
        "detect": 1000 * (detected - begun),
        "embed": 1000 * (time.process_time() - detected),
        "faces": len(found),
        "boxes": [scale_to_full_size(photo, face).box for face in found],
        "peak_mb": peak_mb(),
    }


def off(found: list[Box], true: list[Box], scale: float) -> float:
    """The largest distance of an edge from where it should be; of the true boxes that were found."""
    worst = 0.0
    for box in (each.scaled(scale) for each in true):
        best = max(found, key=box.iou, default=None)
        if best and box.iou(best) > 0.3:
            worst = max(worst, *(abs(edges(box) - edges(best)) / box.width))
    return worst


def edges(box: Box) -> Any:
    return np.array([box.left, box.top, box.right, box.bottom])


if __name__ == "__main__":
    main()

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
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from bench.process import peak_mb
from recognition import detector, embedders, images
from recognition.analysis import embed, in_full
from recognition.images import sandbox
from recognition.types import Box, Detector, Embedder

DECODED_SIDE = 3_000  # as in gallery.engine
MEGAPIXELS = (1, 4, 12, 24, 100)
TILES = (1, 2, 4, 6)  # along each side of the photo of many faces


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    finder, embedder = detector.load(threads=1), embedders.load("dlib", threads=1)
    source = Pillow.fromarray(images.read(options.photo).pixels)
    true = [face.box for face in finder.detect(np.asarray(source))]
    rows = []
    print("| photo | megapixels | decode | detect | embed | faces | boxes off by | peak memory, MB |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, picture, scale in pictures(source):
            path = Path(folder) / "photo.jpg"
            picture.save(path, quality=90)
            row = measured(path, finder, embedder)
            row["off"] = off(row.pop("boxes"), true, scale) if scale else None
            row |= {"photo": name, "megapixels": picture.width * picture.height / 1e6}
            rows.append(row)
            told = "" if row["off"] is None else f"{row['off']:.1%}"
            figures = (
                f"{row['decode']:.0f} | {row['detect']:.0f} | {row['embed']:.0f} | {row['faces']} | {told}"
            )
            print(f"| {name} | {row['megapixels']:.0f} | {figures} | {row['peak_mb']:.0f} |", flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


def pictures(source: Pillow.Image) -> Any:
    """Name, picture, and how much larger than the source it is (None where it is repeated)."""
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
    photo = sandbox.read(path, at_least=DECODED_SIDE)
    decoded = time.perf_counter() - started
    begun = time.process_time()
    found = finder.detect(photo.pixels)
    detected = time.process_time()
    embed(photo.pixels, found, embedder)
    return {
        "decode": 1000 * decoded,
        "detect": 1000 * (detected - begun),
        "embed": 1000 * (time.process_time() - detected),
        "faces": len(found),
        "boxes": [in_full(photo, face).box for face in found],
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

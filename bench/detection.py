"""Faces found and false boxes drawn on labelled photos and on harder ones made from them.

    python -m bench.detection DIR [--detector mtcnn --detector mtcnn-plain] [--no-faces DIR] [--json FILE]

DIR is a folder with ``groups/`` and ``lfw10/`` (see bench/stress.py); ``--no-faces`` is a folder of photos
without any face.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from bench.stress import Boxes, Shot, every_shot, read
from recognition.detector import DETECTOR_NAMES, load_detector
from recognition.types import Detection


@dataclass
class Tally:
    """One detector on one kind of photo."""

    photos: int = 0
    faces: int = 0
    found: int = 0
    false: int = 0
    milliseconds: float = 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description="Faces found and false boxes, by kind of photo.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--detector", action="append", choices=DETECTOR_NAMES)
    parser.add_argument("--no-faces", type=Path, action="append", default=[])
    parser.add_argument("--threads", type=int)
    parser.add_argument("--only", help="kinds of photo that contain this word")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--verbose", action="store_true")
    chosen = parser.parse_args()
    shots = [*every_shot(chosen.folder), *(shot for path in chosen.no_faces for shot in empty_shots(path))]
    shots = [shot for shot in shots if (chosen.only or "") in shot.kind]
    results = {
        name: measure(name, shots, chosen.threads, chosen.verbose)
        for name in chosen.detector or ["mtcnn-plain", "mtcnn"]
    }
    print_table(results)
    if chosen.json:
        rows = {
            name: {kind: asdict(tally) for kind, tally in kinds.items()} for name, kinds in results.items()
        }
        chosen.json.write_text(json.dumps(rows, indent=1))


def empty_shots(folder: Path) -> Iterator[Shot]:
    for path in sorted(folder.iterdir()):
        yield Shot("no face", path.name, read(path), np.empty((0, 4)))


def measure(name: str, shots: list[Shot], threads: int | None, verbose: bool) -> dict[str, Tally]:
    finder = load_detector(name, threads=threads)
    tallies: dict[str, Tally] = defaultdict(Tally)
    for shot in shots:
        start = time.perf_counter()
        detections = finder.detect(shot.image)
        took = time.perf_counter() - start
        found, false = judge(shot.faces, detections)
        if verbose and (found < len(shot.faces) or (false and shot.is_complete)):
            print(
                name,
                shot.kind,
                shot.name,
                f"{found}/{len(shot.faces)}",
                false and [(d.box.as_ints(), round(d.score, 2)) for d in detections],
                flush=True,
            )
        tally = tallies[shot.kind]
        tally.photos += 1
        tally.faces += len(shot.faces)
        tally.found += found
        tally.false += false if shot.is_complete else 0
        tally.milliseconds += took * 1000
    return dict(tallies)


def judge(faces: Boxes, detections: list[Detection]) -> tuple[int, int]:
    """Faces found, and boxes that are no labelled face; a box is a face's when their centres and sizes agree."""
    free = list(range(len(detections)))
    found = 0
    for left, top, right, bottom in faces:
        width, height = right - left, bottom - top
        near = [
            i for i in free if agrees(detections[i], (left + right) / 2, (top + bottom) / 2, width, height)
        ]
        if near:
            found += 1
            free.remove(near[0])
    return found, len(free)


def agrees(detection: Detection, x: float, y: float, width: float, height: float) -> bool:
    box = detection.box
    across, down = abs(box.left + box.width / 2 - x) / width, abs(box.top + box.height / 2 - y) / height
    return across < 0.4 and down < 0.4 and 0.2 < box.area / (width * height) < 4


def print_table(results: dict[str, dict[str, Tally]]) -> None:
    kinds = list(next(iter(results.values())))
    print("| photos | " + " | ".join(f"{name}: found, false, ms" for name in results) + " |")
    print("|---|" + "---|" * len(results))
    for kind in kinds:
        cells = [cell(tallies[kind]) for tallies in results.values()]
        print(f"| {kind} ({next(iter(results.values()))[kind].photos}) | " + " | ".join(cells) + " |")
    for name, tallies in results.items():
        faces, found = sum(t.faces for t in tallies.values()), sum(t.found for t in tallies.values())
        print(f"{name}: {found} of {faces} faces, {sum(t.false for t in tallies.values())} false boxes")


def cell(tally: Tally) -> str:
    return f"{tally.found} of {tally.faces}, {tally.false}, {tally.milliseconds / tally.photos:.0f}"


if __name__ == "__main__":
    main()

"""The contestants of `make bench`, each run in a process of its own: `python -m bench.contestants NAME PHOTO...`.

Prints one JSON document: seconds for all photos after two to warm up, milliseconds a photo by step, faces found
and the peak of resident memory, of all its processes. A photo that cannot be read ends it.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from bench.gallery import clustered
from bench.process import peak_mb

VECTORS, DIMENSION = 6_988, 512  # of the index the original script searched
Steps = Counter[str]
Work = Callable[[list[Path], Steps], int]  # the faces found in all photos; adds milliseconds to the steps
OnePhoto = Callable[[Path, Steps], int]


def facesite() -> Work:
    """The `tag` path with its default engines. Its photos are worked on side by side, so steps overlap."""
    import django

    django.setup()
    from gallery.faces.tagging import tag_photos

    def work(paths: list[Path], steps: Steps) -> int:
        faces = 0
        for tagged in tag_photos(paths):
            if tagged.error:
                sys.exit(f"{tagged.path}: {tagged.error}")
            steps.update(tagged.milliseconds)
            faces += len(tagged.faces)
        return faces

    return work


def one_by_one(work: OnePhoto) -> Work:
    return lambda paths, steps: sum(work(path, steps) for path in paths)


def original() -> Work:
    """The original script's steps, plainly: mtcnn on TensorFlow, CLIP on torch face by face, AutoFaiss's pick."""
    import faiss
    import open_clip
    import torch
    from autofaiss import build_index
    from mtcnn import MTCNN

    detector = MTCNN()
    model, _, preprocess = open_clip.create_model_and_transforms("ViT-B-32", pretrained=None)
    model.eval()
    with tempfile.TemporaryDirectory() as folder:
        build_index(
            clustered(VECTORS, DIMENSION),
            index_path=f"{folder}/knn.index",
            index_infos_path=f"{folder}/infos.json",
            metric_type="ip",
            max_index_query_time_ms=10,
            max_index_memory_usage="4GB",
            verbose=40,
        )
        index = faiss.read_index(f"{folder}/knn.index")

    def work(path: Path, steps: Steps) -> int:
        clock = Clock(steps)
        picture = Image.open(path).convert("RGB")
        pixels = np.asarray(picture)
        clock.lap("decode")
        found = [face for face in detector.detect_faces(pixels) if face["confidence"] > 0.8]
        clock.lap("detect")
        for face in found:
            left, top, width, height = face["box"]
            crop = preprocess(picture.crop((left, top, left + width, top + height))).unsqueeze(0)
            with torch.no_grad():
                vector = model.encode_image(crop)
            vector = (vector / vector.norm(dim=-1, keepdim=True)).numpy()
            clock.lap("embed")
            index.search(vector, 1)
            clock.lap("search")
        return len(found)

    return one_by_one(work)


def face_recognition() -> Work:
    """The face_recognition library as its documentation uses it, against a gallery of the same size."""
    import face_recognition as library

    gallery = clustered(VECTORS, 128)

    def work(path: Path, steps: Steps) -> int:
        clock = Clock(steps)
        pixels = library.load_image_file(str(path))
        clock.lap("decode")
        places = library.face_locations(pixels)
        clock.lap("detect")
        vectors = library.face_encodings(pixels, places)
        clock.lap("embed")
        for vector in vectors:
            library.face_distance(gallery, vector).argmin()
        clock.lap("search")
        return len(places)

    return one_by_one(work)


class Clock:
    """Adds the milliseconds since the last lap to a step."""

    def __init__(self, steps: Steps) -> None:
        self.steps, self.last = steps, time.perf_counter()

    def lap(self, step: str) -> None:
        now = time.perf_counter()
        self.steps[step] += 1000 * (now - self.last)  # type: ignore[assignment]  # a Counter of floats
        self.last = now


CONTESTANTS = {"facesite": facesite, "original": original, "face_recognition": face_recognition}


def main() -> None:
    name, photos = sys.argv[1], list(map(Path, sys.argv[2:]))
    out = os.dup(1)
    os.dup2(2, 1)  # libraries print what they like; the answer goes to the real standard output
    work = CONTESTANTS[name]()
    work(photos[:2], Counter())
    steps: Steps = Counter()
    started = time.perf_counter()
    faces = work(photos, steps)
    seconds = time.perf_counter() - started
    document = {
        "seconds": seconds,
        "photos": len(photos),
        "faces": faces,
        "milliseconds": {step: total / len(photos) for step, total in steps.items()},
        "peak_mb": peak_mb(),
    }
    os.write(out, json.dumps(document).encode())


if __name__ == "__main__":
    main()

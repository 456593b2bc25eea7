"""What decoding costs: milliseconds and peak memory by photo size, whole, reduced, and in parts.

    python bench/decode.py [PHOTO] [--json FILE]

Each figure comes from a process of its own (so that memory is its own too): the median of several rounds, and the
peak of resident memory less what the process held before. PHOTO (any JPEG) is enlarged to the sizes; without it a
made-up picture is used.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from recognition import images
from recognition.images.sandbox import probe_photo, read_photo
from recognition.images.sandbox.pool import get_shared_pool
from recognition.images.sandbox.server import read_process_memory
from recognition.types import Box

MEGAPIXELS = (1, 12, 24, 100)
KINDS = {
    "JPEG": {"quality": 90},
    "PNG": {"compress_level": 1},
    "WEBP": {"quality": 80, "method": 0},
    "TIFF": {},
}
WAYS = (
    "whole",
    "at least 1600",
    "at least 1600, sandbox",
    "whole, sandbox",
    "a face",
    "a face at 256",
    "show at 1600",
)
ROUNDS = 5


def run(way: str, path: Path) -> object:
    info = images.probe_photo(path)
    face = Box(info.width * 0.4, info.height * 0.4, info.width * 0.1, info.width * 0.1)
    if way == "whole":
        return images.read_photo(path)
    if way == "whole, sandbox":
        return read_photo(path)
    if way == "at least 1600":
        return images.read_photo(path, at_least=1600)
    if way == "at least 1600, sandbox":
        return read_photo(path, at_least=1600)
    if way == "a face":
        return images.read_region(path, face)
    if way == "a face at 256":
        return images.read_region(path, face, max_side=256)
    return images.make_rendition(path, 1600)


def measure(way: str, path: Path) -> dict[str, float]:
    images.read_photo(images.encode_pixels(np.zeros((8, 8, 3), np.uint8)))  # imports are done
    probe_photo(path)
    before = read_process_memory("VmHWM")
    times, decoder = [], 0
    for _ in range(ROUNDS):
        began = time.perf_counter()
        run(way, path)
        times.append(time.perf_counter() - began)
        decoder = max([decoder, *(read_process_memory("VmHWM", pid) for pid in get_shared_pool().pids)])
    return {
        "milliseconds": round(statistics.median(times) * 1000, 1),
        "megabytes": round((read_process_memory("VmHWM") - before) / 1e6),
        "decoder_megabytes": round(decoder / 1e6) if "sandbox" in way else 0,
    }


def picture(megapixels: int, photo: Path | None) -> Pillow.Image:
    width, height = round((megapixels * 1.5e6) ** 0.5), round((megapixels * 1e6 / 1.5) ** 0.5)
    if photo:
        source = Pillow.open(photo).convert("RGB")
    else:
        source = Pillow.fromarray(np.random.default_rng(1).integers(0, 255, (300, 450, 3), dtype=np.uint8))
    return source.resize((width, height), Pillow.Resampling.BICUBIC)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", type=Path, nargs="?")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", nargs=2, metavar=("WAY", "PATH"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one[0], Path(options.one[1]))))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for megapixels in MEGAPIXELS:
            image = picture(megapixels, options.photo)
            for kind, how in KINDS.items():
                path = Path(folder, f"{megapixels}.{kind.lower()}")
                image.save(path, kind, **how)
                if path.stat().st_size > images.DEFAULT_LIMITS.bytes:
                    continue
                for way in WAYS if kind == "JPEG" else ("at least 1600, sandbox", "show at 1600"):
                    done = subprocess.run(
                        [sys.executable, __file__, "--one", way, str(path)],
                        capture_output=True,
                        text=True,
                        check=True,
                    )
                    rows.append(
                        {"kind": kind, "megapixels": megapixels, "way": way, **json.loads(done.stdout)}
                    )
                    print("{kind:5} {megapixels:4} MP  {way:24} {milliseconds:8.1f} ms  {megabytes:5} MB"
                          "  {decoder_megabytes:5} MB in the decoder".format(**rows[-1]), flush=True)  # fmt: skip
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()

"""Mutated photos of every kind against the sandbox: each must end as pixels or as an ImageError, and in time.

``python -m tests.recognition.images.fuzz_images --seconds 600 --keep DIR`` runs longer and
keeps the files that made a decoder die.
"""

from __future__ import annotations

import argparse
import os
import random
import struct
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from recognition import images
from recognition.errors import ImageError
from recognition.images.kinds import get_photo_kind
from recognition.images.sandbox import make_rendition, probe_photo, read_photo, read_region
from recognition.types import Box
from tests import colour_files, corpus

LIMITS = images.Limits(seconds=8.0, memory_bytes=1_500_000_000)
GRACE = 5.0  # seconds on top of the limit before an outcome counts as late
INTERESTING = (
    b"\x00",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\xff",
    b"\x00" * 4,
)


@dataclass
class Tally:
    """What became of the files."""

    outcomes: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    deaths: list[bytes] = field(default_factory=list)  # files on which a decoder died: allowed, worth a look
    wrong: list[str] = field(default_factory=list)  # broken promises
    slowest: float = 0.0


def seeds() -> dict[str, bytes]:
    """Photos of every kind, made from a real one where there is one at hand."""
    made = {name: make() for name, make in {**corpus.PLAIN, **corpus.ODD}.items()}
    made |= {f"{kind} on its side": make(6) for kind, make in colour_files.TURNED.items()}
    faces = os.environ.get("FACESITE_TEST_FACES")
    found = sorted(Path(faces, "lfw10").rglob("*.jpg"))[:1] if faces else []
    for path in found:
        real = Image.open(path).convert("RGB").resize((120, 120))
        for form in ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP"):
            made[f"real {form}"] = corpus.saved(real, form)
    return made


def mutated(data: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3, 6, 20))):
        if not changed:
            break
        rng.choice(MUTATIONS)(changed, rng, others)
    result = bytes(changed)
    return with_sums_of_png(result) if result.startswith(b"\x89PNG") and rng.random() < 0.8 else result


def _somewhere(changed: bytearray, rng: random.Random) -> int:
    """Half of the time near the start, where the structure is."""
    return rng.randrange(min(len(changed), 200) if rng.random() < 0.5 else len(changed))


def _flip(changed: bytearray, rng: random.Random, others: list[bytes]) -> None:
    changed[_somewhere(changed, rng)] ^= 1 << rng.randrange(8)


def _overwrite(changed: bytearray, rng: random.Random, others: list[bytes]) -> None:
    at, value = _somewhere(changed, rng), rng.choice(INTERESTING)
    changed[at : at + len(value)] = value


def _noise(changed: bytearray, rng: random.Random, others: list[bytes]) -> None:
    at = _somewhere(changed, rng)
    changed[at : at + 8] = rng.randbytes(min(8, len(changed) - at))


def _cut(changed: bytearray, rng: random.Random, others: list[bytes]) -> None:
    at = _somewhere(changed, rng)
    del changed[at : at + rng.choice((1, 2, 16, 200, len(changed)))]


def _repeat(changed: bytearray, rng: random.Random, others: list[bytes]) -> None:
    at = _somewhere(changed, rng)
    changed[at:at] = changed[at : at + rng.choice((1, 4, 32, 500))] * rng.choice((1, 2, 50))


def _splice(changed: bytearray, rng: random.Random, others: list[bytes]) -> None:
    other = rng.choice(others)
    start = rng.randrange(len(other))
    at = _somewhere(changed, rng)
    changed[at : at + 64] = other[start : start + 64]


def _number(changed: bytearray, rng: random.Random, others: list[bytes]) -> None:
    """A sixteen or thirty-two bit number, in either order, becomes an extreme one."""
    value = rng.choice((0, 1, 2, 0x7FFF, 0xFFFF, 30_000, 65_500))
    at = _somewhere(changed, rng)
    packed = struct.pack(rng.choice(("<H", ">H", "<I", ">I")), value)
    changed[at : at + len(packed)] = packed


MUTATIONS: tuple[Callable[[bytearray, random.Random, list[bytes]], None], ...] = (
    _flip, _overwrite, _noise, _cut, _repeat, _splice, _number,
)  # fmt: skip


def with_sums_of_png(data: bytes) -> bytes:
    """Check sums made right again, so that the mutation reaches what lies behind them."""
    parts, at = [data[:8]], 8
    while at + 8 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        body = data[at + 4 : at + 8 + size]
        if at + 12 + size > len(data):
            break
        parts.append(data[at : at + 4] + body + struct.pack(">I", zlib.crc32(body)))
        at += 12 + size
    return b"".join(parts) + data[at:]


def attempt(data: bytes, rng: random.Random, tally: Tally) -> None:
    began = time.monotonic()
    try:
        tally.outcomes[f"read: {_use(data, rng, tally)}"] += 1
    except ImageError as problem:
        text = str(problem)
        if not 10 < len(text) < 400 or not text.endswith("."):
            tally.wrong.append(f"not a sentence: {text!r}")
        if "made the photo decoder fail" in text:
            tally.deaths.append(data)
        tally.outcomes["refused: " + "".join(c for c in text if not c.isdigit())[:60]] += 1
    took = time.monotonic() - began
    tally.slowest = max(tally.slowest, took)
    if took > LIMITS.seconds + GRACE:
        tally.wrong.append(f"took {took:.1f} seconds")


def _use(data: bytes, rng: random.Random, tally: Tally) -> str:
    """One of the four functions, its result checked."""
    choice = rng.randrange(10)
    if choice == 0:
        tally.kinds[probe_photo(data, LIMITS).kind] += 1
        return "probe"
    if choice == 1:
        pixels = read_region(data, Box(3, 3, 20, 20), LIMITS, max_side=10).pixels
    elif choice == 2:
        if not make_rendition(data, 32, LIMITS).startswith(b"RIFF"):
            tally.wrong.append("derived something that is no WebP")
        return "derive"
    else:
        photo = read_photo(data, LIMITS, max_side=rng.choice((None, 16)), at_least=rng.choice((None, 8)))
        pixels = photo.pixels
        tally.kinds[photo.info.kind] += 1
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        tally.wrong.append(f"pixels of {pixels.dtype} {pixels.shape}")
    return "pixels"


def fuzz(turns: Iterable[object], seed: int) -> Tally:
    """One mutated file for each turn."""
    rng = random.Random(seed)
    made = list(seeds().values())
    by_kind: dict[str, list[bytes]] = {}
    for data in made:
        by_kind.setdefault(get_photo_kind(data[:1024]), []).append(data)
    kinds = sorted(by_kind)
    tally = Tally()
    for _ in turns:
        attempt(mutated(rng.choice(by_kind[rng.choice(kinds)]), rng, made), rng, tally)
    return tally


def turns_for(seconds: float) -> Iterator[None]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", type=Path, help="folder for files that made a decoder die")
    options = parser.parse_args()
    tally = fuzz(turns_for(options.seconds), options.seed)
    for outcome, count in tally.outcomes.most_common():
        sys.stdout.write(f"{count:8}  {outcome}\n")
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(tally.deaths):
            (options.keep / f"death-{options.seed}-{number}.bin").write_bytes(data)
    sys.stdout.write(
        f"seed {options.seed}: {sum(tally.outcomes.values())} files, read {dict(tally.kinds)}, "
        f"{len(tally.deaths)} decoders died, slowest {tally.slowest:.1f} s, broken promises: {tally.wrong}\n"
    )
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())

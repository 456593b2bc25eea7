"""Which pictures of an import wait for somebody's word: of rightly filed ones, and of those swapped between people.

    python -m bench.misfiled FACES [--embedder sface] [--draws 40]

FACES holds ``lfw10/<person>/`` and ``celeb8/<person>/``. In each draw everybody has so many pictures, of which a
share is then filed under the next person, in a circle.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from bench.names import People, Rows, read_people
from recognition.detector import load_detector
from recognition.embedders import load_embedder
from recognition.health import Filing, find_misfiled
from recognition.types import Bounds, Embeddings


def find_waiting(vectors: Embeddings, filed: Rows, bounds: Bounds) -> set[int]:
    """The rows that an import of all these pictures (n, dimension), filed so (n,), leaves to a person."""
    count = len(filed)
    filing = Filing(vectors, filed, np.ones(count, np.bool_), np.full(count, -1))
    return {suspect.row for suspect in find_misfiled(filing, range(count), bounds)}


def measure(people: People, each: int, share: float, draws: int, bounds: Bounds) -> str:
    count = int(people.persons.max()) + 1
    waiting = np.zeros(2, np.int64)
    total = np.zeros(2, np.int64)
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        everybody = [np.flatnonzero(people.persons == person) for person in range(count)]
        rows = np.concatenate([rng.permutation(own)[:each] for own in everybody])
        filed, moved = people.persons[rows].copy(), np.zeros(len(rows), np.bool_)
        for person in range(count if share else 0):
            own = np.flatnonzero(people.persons[rows] == person)
            some = rng.choice(own, max(1, int(share * len(own))), replace=False)
            filed[some], moved[some] = (person + 1) % count, True
        found = np.zeros(len(rows), np.bool_)
        found[list(find_waiting(people.vectors[rows], filed, bounds))] = True
        for place, which in enumerate((~moved, moved)):
            waiting[place] += found[which].sum()
            total[place] += which.sum()
    right, swapped = waiting / np.maximum(total, 1)
    return f"{each} each, {share:.0%} swapped: {right:.2%} of the rightly filed wait, {swapped:.1%} of the swapped"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("faces", type=Path)
    parser.add_argument("--embedder", default="sface")
    parser.add_argument("--draws", type=int, default=40)
    given = parser.parse_args()
    detector, embedder = load_detector(), load_embedder(given.embedder)
    for names in (["lfw10"], ["celeb8"], ["lfw10", "celeb8"]):
        people = read_people([given.faces / name for name in names], detector, embedder)
        for each in (1, 2, 3, 5, 10, 30):
            for share in (0, 0.1, 0.2, 0.3):
                line = measure(people, each, share, given.draws, embedder.bounds)
                print(f"{' and '.join(names)}, {line}", flush=True)


if __name__ == "__main__":
    main()

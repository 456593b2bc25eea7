"""What a gallery's size does: strangers before hundreds and thousands of people, simulated from those at hand.

    python -m bench.large FACES [--embedder sface] [--draws 20]

FACES holds ``lfw10/<person>/`` and ``celeb8/<person>/``. Everybody has three references. The similarities of a face
to the people it does not show are taken as normal, with a mean of its own and the spread that all share. Where that
holds for the people at hand (the first lines compare), a larger gallery is so many more draws.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.names import People, draw_references, read_people
from recognition.decide import combine_similarities, tighten_for_gallery
from recognition.detector import load_detector
from recognition.embedders import load_embedder
from recognition.types import Bounds

Scores = NDArray[np.float64]
SHARES = (0.5, 0.9, 0.99, 0.999)
SIZES = (20, 50, 100, 200, 500, 1000, 2000)
STRANGERS = 40_000


def score_faces(people: People, bounds: Bounds, draws: int) -> tuple[Scores, Scores]:
    """(draws, faces, people) similarities to everybody else, NaN to oneself; those of other faces to oneself."""
    everybody = sorted(set(people.persons.tolist()))
    others, own = [], []
    for seed in range(draws):
        references = draw_references(people, everybody, 3, np.random.default_rng(seed))
        similarities = people.vectors @ people.vectors[references].T
        best = -np.sort(-similarities.reshape(len(similarities), -1, 3), axis=2)
        combined = np.array([[combine_similarities(p, bounds.combination) for p in f] for f in best.tolist()])
        is_own = people.persons[:, None] == np.array(everybody)
        faces = np.setdiff1d(np.arange(len(combined)), references)
        own.append(combined[faces][is_own[faces]])
        others.append(np.where(is_own, np.nan, combined))
    return np.array(others), np.concatenate(own)


def draw_nearest(means: Scores, spread: float, people: int) -> tuple[Scores, Scores]:
    """The similarities of made-up strangers to the nearest of so many people, and to the next."""
    rng, first, second = np.random.default_rng(1), [], []
    for _ in range(STRANGERS // 1000):
        line = rng.choice(means, (1000, 1)) + spread * rng.standard_normal((1000, people))
        line.partition(people - 2, axis=1)
        first.append(line[:, -1])
        second.append(line[:, -2])
    return np.concatenate(first), np.concatenate(second)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("faces", type=Path)
    parser.add_argument("--embedder", default="sface")
    parser.add_argument("--draws", type=int, default=20)
    given = parser.parse_args()
    detector, embedder = load_detector(), load_embedder(given.embedder)
    people = read_people([given.faces / "lfw10", given.faces / "celeb8"], detector, embedder)
    others, own = score_faces(people, embedder.bounds, given.draws)
    means, spread = np.nanmean(others, axis=(0, 2)), float(np.nanstd(others, axis=2, ddof=1).mean())
    rng = np.random.default_rng(0)
    for number in (5, 9, others.shape[2] - 1):
        some = [
            rng.permuted(line[~np.isnan(line)])[:number].max() for line in others.reshape(-1, others.shape[2])
        ]
        made, _ = draw_nearest(means, spread, number)
        real, model = (np.quantile(values, SHARES).round(3).tolist() for values in (np.array(some), made))
        print(f"nearest of {number}, at {SHARES}: measured {real}, simulated {model}")
    for number in SIZES:
        first, second = draw_nearest(means, spread, number)
        members = rng.choice(own, len(first))
        line = f"{number} people"
        for bounds in (embedder.bounds, tighten_for_gallery(embedder.bounds, number)):
            named = (first >= bounds.known) & (first - second >= bounds.margin)
            right = (members >= bounds.known) & (members - first >= bounds.margin)
            line += (
                f"; from {bounds.known:.3f} {named.mean():.3%} of strangers named, {right.mean():.1%} right"
            )
        print(line, flush=True)


if __name__ == "__main__":
    main()

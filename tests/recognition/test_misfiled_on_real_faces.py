"""The gate on what an import leaves to a person: rightly filed pictures hardly ever wait, swapped ones do."""

from __future__ import annotations

import numpy as np
import pytest

from bench.misfiled import find_waiting
from recognition.embedders import load_embedder
from tests.embedded_faces import embed_portraits, needs_labelled_photos
from tests.models_at_hand import published_sface

pytestmark = [needs_labelled_photos, pytest.mark.slow]
PICTURES = 200  # of each person, over all draws


@pytest.mark.parametrize("folder", ["lfw10", "celeb8"])
@pytest.mark.parametrize("name", ["sface", "dlib"])
def test_at_most_one_rightly_filed_picture_in_fifty_waits_and_nine_of_ten_swapped_ones_do(
    name: str, folder: str
) -> None:
    if name == "sface":
        published_sface()
    embedder = load_embedder(name)
    faces = embed_portraits(folder, embedder)
    people = len(faces.names)
    for each in (2, 3, 5, 10, 30):
        right = waiting = swapped = found = 0
        for seed in range(PICTURES // each):
            rng = np.random.default_rng(seed)
            own = [np.flatnonzero(faces.persons == person) for person in range(people)]
            rows = np.concatenate([rng.permutation(some)[:each] for some in own])
            filed = faces.persons[rows].copy()
            waiting += len(find_waiting(faces.vectors[rows], filed, embedder.bounds))
            right += len(rows)
            moved = rng.choice(len(rows), max(2, len(rows) // 10), replace=False)
            filed[moved] = (filed[moved] + rng.integers(1, people, len(moved))) % people
            found += len(find_waiting(faces.vectors[rows], filed, embedder.bounds) & set(moved.tolist()))
            swapped += len(moved)
        assert waiting <= 0.02 * right
        assert found >= 0.9 * swapped

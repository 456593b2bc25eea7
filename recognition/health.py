"""What may be wrong in a gallery: references of somebody else, the same picture twice, people who look alike.

All from vectors; whether a picture is too blurred or too small is in its ``Quality``. The functions give rows
of the arrays they were given, the worst first, and judge nothing: a person looks and decides.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recognition.decide import combine_similarities
from recognition.graph import find_neighbours
from recognition.types import PLAIN_COMBINATION, Bounds, Combination, Embeddings

NEIGHBOUR_COUNT = 50
DUPLICATE_SHARE = 0.1
"""The same picture saved twice is within this share of the distance at which a name is said."""
LONE_OTHER_MARGINS = 2.75
"""So many margins below ``unsure`` the only two pictures of somebody, perhaps years apart, become doubtful."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A reference that is less like its own person than like another, or like nobody."""

    row: int
    own: float  # similarity to the rest of its person; NaN where there is no rest
    other_person: int | None  # who it is nearer to; None: nobody, it is only unlike its own
    other_row: int | None  # that person's nearest reference, where single ones were compared
    other: float  # similarity to that person


@dataclass(frozen=True, slots=True)
class SimilarPair:
    """Two rows (references) or two people, and how alike they are."""

    left: int
    right: int
    similarity: float


@dataclass(frozen=True, slots=True)
class Gallery:
    """Unit vectors (n, dimension), whose they are (n,), and each one's nearest others as in ``graph``."""

    vectors: Embeddings
    persons: NDArray[np.int64]
    rows: NDArray[np.int64]
    similarities: NDArray[np.float32]

    @classmethod
    def of(cls, vectors: Embeddings, persons: NDArray[np.int64]) -> Gallery:
        return cls(vectors, persons, *find_neighbours(vectors, NEIGHBOUR_COUNT))


def find_likely_wrong(gallery: Gallery, bounds: Bounds) -> list[Suspect]:
    """References nearer to another person than to their own, then those unlike their own (below ``unsure``).

    Of a person with one reference nothing can be said, with two it cannot be said which is wrong: both come.
    """
    own = measure_own_similarities(gallery.vectors, gallery.persons, bounds.combination)
    found = []
    for row in np.flatnonzero(~np.isnan(own)):
        person, other_row, other = _find_nearest_other(gallery, int(row), bounds.combination)
        if other > own[row] and other >= bounds.unsure:
            found.append(Suspect(int(row), float(own[row]), person, other_row, other))
        elif own[row] < bounds.unsure:
            found.append(Suspect(int(row), float(own[row]), None, None, other))
    return sorted(found, key=lambda s: (s.other_person is None, s.own - s.other, s.row))


@dataclass(frozen=True, slots=True)
class Filing:
    """Pictures, and the people under whose names they are filed, rightly or not.

    ``counted`` are those that others of their person are compared with. Pictures of one group (numbered from 0; -1 is
    none) are never compared with each other: those of a folder inside a folder, say.
    """

    vectors: Embeddings  # (n, dimension), float32, of length 1
    persons: NDArray[np.int64]  # (n,)
    counted: NDArray[np.bool_]  # (n,)
    groups: NDArray[np.int64]  # (n,)


def find_misfiled(filing: Filing, new: Collection[int], bounds: Bounds) -> list[Suspect]:
    """Of the rows ``new`` those that are not like their person's others, or that have none to be compared with.

    A row is compared with the mean of the others, brought to length 1. It is doubtful below ``unsure`` (the fewer
    others, the farther below: ``LONE_OTHER_MARGINS`` where there is one), and where somebody else is nearer by the
    margin. One without others, if it counts itself and is in no group, is doubtful only where it resembles somebody
    else as the known do; its ``Suspect.own`` is NaN. ``other_row`` is always None: means are compared.
    """
    people, place = np.unique(filing.persons, return_inverse=True)
    counted = np.where(filing.counted[:, None], filing.vectors, 0)
    sums = np.zeros((len(people), counted.shape[1]), np.float32)
    np.add.at(sums, place, counted)
    numbers = np.bincount(place, filing.counted, len(people))
    means, found = _scale_to_one(sums), []
    for row in new:
        same = np.flatnonzero(filing.groups == filing.groups[row]) if filing.groups[row] >= 0 else [row]
        number = numbers[place[row]] - filing.counted[same].sum()
        others = means @ filing.vectors[row]
        others[place[row]] = -1
        nearest = int(others.argmax())
        other, own = float(others[nearest]), np.nan
        is_doubtful = not filing.counted[row] or filing.groups[row] >= 0
        least, is_nearer = bounds.known, True
        if number:
            own = float(_scale_to_one(sums[place[row]] - counted[same].sum(axis=0)) @ filing.vectors[row])
            is_doubtful = own < bounds.unsure - LONE_OTHER_MARGINS * bounds.margin / number
            least = bounds.unsure if number > 1 else bounds.known
            is_nearer = other - own >= bounds.margin
        if other >= least and is_nearer:
            found.append(Suspect(row, own, int(people[nearest]), None, other))
        elif is_doubtful:
            found.append(Suspect(row, own, None, None, other))
    return found


def _scale_to_one(vectors: Embeddings) -> Embeddings:
    scaled: Embeddings = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)
    return scaled


def measure_own_similarities(
    vectors: Embeddings, persons: NDArray[np.int64], combination: Combination = PLAIN_COMBINATION
) -> NDArray[np.float64]:
    """Each reference's similarity to the rest of its person (n,); NaN where there is no rest."""
    own = np.full(len(persons), np.nan)
    order = np.argsort(persons, kind="stable")
    edges = np.flatnonzero(np.diff(persons[order])) + 1
    for rows in np.split(order, edges):
        if len(rows) < 2:
            continue
        similarities = vectors[rows] @ vectors[rows].T
        np.fill_diagonal(similarities, -np.inf)
        best = -np.sort(-similarities, axis=1)[:, : min(len(combination.weights), len(rows) - 1)]
        own[rows] = [combine_similarities(line, combination, len(rows) - 1) for line in best.tolist()]
    return own


def find_duplicates(gallery: Gallery, bounds: Bounds) -> list[SimilarPair]:
    """Pairs of references so alike that they must be one picture; the two may be filed under different people."""
    least = 1 - DUPLICATE_SHARE * (1 - bounds.known)
    left, place = np.nonzero(gallery.similarities >= least)
    right = gallery.rows[left, place]
    pairs = {
        (int(min(a, b)), int(max(a, b))): float(s)
        for a, b, s in zip(left, right, gallery.similarities[left, place], strict=True)
    }
    return _sort_pairs(pairs)


def find_confusable_people(
    gallery: Gallery, bounds: Bounds, ignored: Collection[int] = ()
) -> list[SimilarPair]:
    """Pairs of people who look alike to the model: each other's faces would come out unsure at best.

    Between two people every reference counts once, in the best pairing found greedily, and the best three pairs are
    combined as for a face; so one reference in the wrong folder does not make two people look alike.
    ``ignored`` rows (already suspected to be wrong) do not count at all.
    """
    edges: dict[tuple[int, int], dict[tuple[int, int], float]] = {}
    for row, other, similarity in _list_neighbours_between(gallery, bounds.unsure, ignored):
        a, b = int(gallery.persons[row]), int(gallery.persons[other])
        pair = (row, other) if a < b else (other, row)
        edges.setdefault((min(a, b), max(a, b)), {})[pair] = similarity
    alike = {
        people: combine_similarities(
            _match_greedily(between, len(bounds.combination.weights)), bounds.combination
        )
        for people, between in edges.items()
    }
    return _sort_pairs({people: value for people, value in alike.items() if value >= bounds.unsure})


def _list_neighbours_between(
    gallery: Gallery, least: float, ignored: Collection[int]
) -> list[tuple[int, int, float]]:
    """The neighbours of two people, for all people who have at least one pair that near."""
    left = np.repeat(np.arange(len(gallery.rows)), gallery.rows.shape[1])
    right, similarities = gallery.rows.ravel(), gallery.similarities.ravel()
    kept = (right >= 0) & ~np.isin(left, list(ignored)) & ~np.isin(right, list(ignored))
    kept &= gallery.persons[left] != gallery.persons[right]
    left, right, similarities = left[kept], right[kept], similarities[kept]
    people = np.sort(np.stack([gallery.persons[left], gallery.persons[right]], 1), axis=1)
    _, pair = np.unique(people, axis=0, return_inverse=True)
    nearest = np.full(int(pair.max(initial=-1)) + 1, -1, np.float32)
    np.maximum.at(nearest, pair.ravel(), similarities)
    near = nearest[pair.ravel()] >= least
    return list(zip(left[near].tolist(), right[near].tolist(), similarities[near].tolist(), strict=True))


def _match_greedily(between: dict[tuple[int, int], float], most: int) -> list[float]:
    """The similarities of a pairing in which no reference stands twice, the best first, at most so many."""
    taken: set[int] = set()
    matched = []
    for (left, right), similarity in sorted(between.items(), key=lambda item: (-item[1], item[0])):
        if not taken & {left, right}:
            taken |= {left, right}
            matched.append(similarity)
    return matched[:most]


def _find_nearest_other(
    gallery: Gallery, row: int, combination: Combination
) -> tuple[int | None, int | None, float]:
    """The other person nearest to a reference, that person's nearest reference, and the similarity."""
    near: dict[int, list[tuple[float, int]]] = {}
    for other, similarity in zip(gallery.rows[row].tolist(), gallery.similarities[row].tolist(), strict=True):
        if other >= 0 and gallery.persons[other] != gallery.persons[row]:
            near.setdefault(int(gallery.persons[other]), []).append((similarity, other))
    if not near:
        return None, None, -1.0
    alike = {
        person: combine_similarities([s for s, _ in hits[: len(combination.weights)]], combination)
        for person, hits in near.items()
    }
    person = max(alike, key=lambda p: (alike[p], -p))
    return person, near[person][0][1], alike[person]


def _sort_pairs(pairs: dict[tuple[int, int], float]) -> list[SimilarPair]:
    return sorted(
        (SimilarPair(a, b, s) for (a, b), s in pairs.items()), key=lambda p: (-p.similarity, p.left, p.right)
    )

"""Who is named, and who is not: an embedder at its published bounds, by the gallery's rule, on labelled people.

    python -m bench.names FACES [--embedder sface] [--draws 20] [--known 0.4 0.45 ... [--nearest]]

FACES holds ``lfw10/<person>/``, ``celeb8/<person>/`` and group photos in ``groups/``. In each draw some of the people
are the gallery, with so many references each, and the others are strangers; whatever is not a reference is a face to
be named. Seeded, so that two embedders, or two bounds, see the same draws.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.accuracy import KINDS, groups, pixels
from recognition.analysis import embed_faces
from recognition.decide import decide
from recognition.detector import load_detector
from recognition.embedders import load_embedder
from recognition.mainface import NoFaceFound, SeveralFaces, find_main_face
from recognition.types import (
    NEAREST_ALONE,
    Bounds,
    Detector,
    Embedder,
    Embeddings,
    Neighbour,
    State,
)

Rows = NDArray[np.int64]


@dataclass
class Tally:
    members: int = 0
    right: int = 0
    wrong: int = 0
    strangers: int = 0
    named: int = 0
    unsure: int = 0

    def __str__(self) -> str:
        text = f"{self.right / max(1, self.members):.2%} of {self.members} named right, {self.wrong} wrong"
        if not self.strangers:
            return text
        shares = f"{self.named / self.strangers:.3%} named, {self.unsure / self.strangers:.1%} unsure"
        return f"{text}; of {self.strangers} strangers' faces {self.named} named ({shares})"


@dataclass(frozen=True)
class People:
    vectors: Embeddings
    persons: Rows

    def rows_of(self, some: Iterable[int]) -> Rows:
        return np.flatnonzero(np.isin(self.persons, list(some)))


def read_people(folders: list[Path], detector: Detector, embedder: Embedder) -> People:
    vectors, persons = [], []
    names = sorted({path.parent.name for folder in folders for path in folder.glob("*/*")})
    for path in sorted(path for folder in folders for path in folder.glob("*/*")):
        if path.suffix.lower() not in KINDS:
            continue
        image = pixels(path)
        try:
            face = find_main_face(image, detector)
        except SeveralFaces as error:
            face = error.face
        except NoFaceFound:
            print(f"no face found in {path}")
            continue
        vectors.append(embed_faces(image, [face], embedder)[0])
        persons.append(names.index(path.parent.name))
    return People(np.stack(vectors), np.array(persons, np.int64))


def name_faces(people: People, faces: Rows, references: Rows, bounds: Bounds, tally: Tally) -> None:
    present = set(people.persons[references].tolist())
    similarities = people.vectors[faces] @ people.vectors[references].T
    for face, line in zip(faces, similarities, strict=True):
        near = [
            Neighbour(int(reference), int(people.persons[reference]), float(similarity))
            for reference, similarity in zip(references, line, strict=True)
        ]
        outcome = decide(near, bounds, usable=bool(people.vectors[face].any()))
        name = outcome.best.person if outcome.best and outcome.state is State.KNOWN else None
        person = int(people.persons[face])
        if person in present:
            tally.members += 1
            tally.right += name == person
            tally.wrong += name not in (None, person)
        else:
            tally.strangers += 1
            tally.named += name is not None
            tally.unsure += outcome.state is State.UNSURE


def draw_references(people: People, gallery: Iterable[int], each: int, rng: np.random.Generator) -> Rows:
    """So many of each, but leaving two."""
    rows = [people.rows_of([person]) for person in gallery]
    return np.concatenate([rng.choice(own, min(each, len(own) - 2), replace=False) for own in rows])


def all_known(people: People, bounds: Bounds, draws: int, each: int) -> Tally:
    """Everybody in the gallery; then each person in turn is left out of it, and is a stranger."""
    tally, everybody = Tally(), sorted(set(people.persons.tolist()))
    for seed in range(draws):
        references = draw_references(people, everybody, each, np.random.default_rng(seed))
        faces = np.setdiff1d(np.arange(len(people.persons)), references)
        name_faces(people, faces, references, bounds, tally)
        for person in everybody:
            others = references[people.persons[references] != person]
            name_faces(people, people.rows_of([person]), others, bounds, tally)
    return tally


def half_known(people: People, bounds: Bounds, draws: int, each: int) -> Tally:
    """Half of the people, drawn anew each time, are the gallery; the others are strangers."""
    tally, count = Tally(), int(people.persons.max()) + 1
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        order = rng.permutation(count).tolist()
        references = draw_references(people, order[: count // 2], each, rng)
        faces = np.setdiff1d(np.arange(len(people.persons)), references)
        name_faces(people, faces, references, bounds, tally)
    return tally


def crowd_unknown(people: People, crowd: Embeddings, bounds: Bounds, draws: int) -> Tally:
    """Everybody in the gallery, and faces (n, dimension) of people who are none of them."""
    tally, everybody = Tally(), sorted(set(people.persons.tolist()))
    strangers = people.persons.max() + 1 + np.arange(len(crowd))
    all_faces = People(np.concatenate([people.vectors, crowd]), np.concatenate([people.persons, strangers]))
    for seed in range(draws):
        references = draw_references(people, everybody, 3, np.random.default_rng(seed))
        name_faces(all_faces, all_faces.rows_of(strangers.tolist()), references, bounds, tally)
    return tally


def reports(
    lfw: People, celebrities: People, both: People, crowd: Embeddings, bounds: Bounds, draws: int
) -> Iterator[str]:
    yield f"lfw10, three references: {all_known(lfw, bounds, draws, 3)}"
    for each in (1, 2, 3, 5, 8, 20):
        yield f"lfw10 and celeb8, half known, {each} references: {half_known(both, bounds, draws, each)}"
    yield f"celeb8, half known, three references: {half_known(celebrities, bounds, draws, 3)}"
    yield f"lfw10 and celeb8, all known, three references: {all_known(both, bounds, draws, 3)}"
    yield f"faces of group photos before both: {crowd_unknown(both, crowd, bounds, draws)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("faces", type=Path)
    parser.add_argument("--embedder", default="sface")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--known", type=float, nargs="*")
    parser.add_argument("--weights", type=float, nargs=3)
    parser.add_argument("--crowding", type=float)
    parser.add_argument("--nearest", action="store_true", help="the nearest reference alone decides")
    args = parser.parse_args()
    detector, embedder = load_detector(), load_embedder(args.embedder)
    lfw, celebrities = (read_people([args.faces / name], detector, embedder) for name in ("lfw10", "celeb8"))
    both = People(
        np.concatenate([lfw.vectors, celebrities.vectors]),
        np.concatenate([lfw.persons, celebrities.persons + lfw.persons.max() + 1]),
    )
    photos = sorted((args.faces / "groups").glob("*.jpg"))
    crowd = np.stack([face.vector for face in groups(photos, False, detector, embedder)])
    for known in args.known or [embedder.bounds.known]:
        bounds = replace(embedder.bounds, known=known, unsure=min(known, embedder.bounds.unsure))
        weights = tuple(args.weights or bounds.combination.weights)
        crowding = bounds.combination.crowding if args.crowding is None else args.crowding
        combination = replace(bounds.combination, weights=weights, crowding=crowding)
        bounds = replace(bounds, combination=combination)
        if args.nearest:
            bounds = Bounds(known, known, 0, NEAREST_ALONE)
        print(f"\n{embedder.id}, {bounds}")
        for line in reports(lfw, celebrities, both, crowd, bounds, args.draws):
            print(f"  {line}", flush=True)


if __name__ == "__main__":
    main()

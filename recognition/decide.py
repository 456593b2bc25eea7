"""From the nearest references of a face to a name, a doubt, or no name.

The rule, and why:

* **A person is judged, not a crop.** The similarity of a person is a weighted mean of the three best
  similarities to that person's references (``Combination.weights``; of two where there are no more). The more the
  first weighs, the more easily one wrong reference in a person's folder lends that person's name
  (docs/accuracy.md). The number of references hardly changes how often a stranger passes: with the nearest
  reference alone, each further reference is one more try for the stranger; with a plain mean, one old or turned
  picture costs a person their name. On LFW (nearest of ten people, bound 0.92) strangers named rise from 0.6 %
  with one reference each to 3.6 % with seven when the nearest reference decides; with this rule they are at most
  0.4 % from one reference to seven.
* **Many references are many tries.** Where a network's strangers pass the oftener, the more references a person has,
  the distance grows with their number (``Combination.crowding``); docs/accuracy.md has the figures for SFace.
* **A single reference has nothing to back it up**, so its distance (one minus the cosine) counts more
  (``Combination.lone_factor``). Among 43 people with one picture each a tenth takes the strangers named at 0.92 with
  dlib from 2.3 % to 0.2 %.
* **The margin counts.** A stranger in a gallery of thousands is near somebody by chance, but the nearest two
  people are then about equally near: the gap between the best and the second of many chance similarities does
  not widen with the gallery, while a person who is in it stands clear of everyone else. So a name needs
  a similarity *and* a lead over the runner-up. Two look-alikes in the gallery fail the lead and end as
  unsure, with both shown, instead of as a coin toss.
* **A larger gallery asks for more.** Every person is one more chance for a stranger to find a double, so
  bounds that were published for a small gallery tighten with the number of people (``tighten_for_gallery``).
  Bounds measured on the gallery itself have this in them already and are taken as they are.
* **People decide last.** Whoever a human has rejected for this face is neither proposed nor counted as
  runner-up, however near.
* **A face too poor to recognise is never matched**, and has no candidates: a guess would look like knowledge.
* **Nobody stands twice in a photo.** Of two faces that would bear one name the nearer is known, the other unsure
  (``withhold_repeated_names``).

With ``NEAREST_ALONE`` and neither lead nor doubt the nearest reference decides by itself, as in the script that
Facesite grew out of; docs/accuracy.md says what that costs.

Everything here is a pure function; equal input gives equal output, ties go to the lower person id.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from math import log2, log10

from recognition.types import PLAIN_COMBINATION, Bounds, Candidate, Combination, Neighbour, Outcome, State

PUBLISHED_GALLERY_SIZE = 20
"""Up to how many people in the gallery an embedder's published bounds hold as they are."""

TENFOLD_FACTOR = 0.875
"""What a tenfold gallery leaves of the distance at which a name may be said: what the far tail of the cosines of
strangers (one minus them is spread like a chi-square) calls for, to keep the chances of a double as they were."""

MAX_CANDIDATES = 5
"""How many people are proposed for one face; nobody reads a longer list."""


def combine_similarities(
    similarities: Sequence[float], combination: Combination = PLAIN_COMBINATION, references: int = 0
) -> float:
    """The similarity (a cosine) of a person whose references have these similarities, the best first (at least one).

    ``combination`` is that of the bounds that go with the vectors. ``references`` is how many the person has, where
    that is more than are given.
    """
    if len(similarities) == 1:
        return 1 - (1 - similarities[0]) * combination.lone_factor
    pairs = list(zip(combination.weights, similarities, strict=False))
    similarity = sum(weight * similarity for weight, similarity in pairs) / sum(weight for weight, _ in pairs)
    doublings = log2(max(references / len(combination.weights), 1))
    return (
        1 - (1 - similarity) * (1 + combination.crowding * doublings) if combination.crowding else similarity
    )


def tighten_for_gallery(published: Bounds, persons: int) -> Bounds:
    """An embedder's published bounds for a gallery of this many people."""
    tenfolds = log10(max(persons, PUBLISHED_GALLERY_SIZE) / PUBLISHED_GALLERY_SIZE)
    shrink = TENFOLD_FACTOR**tenfolds
    known, unsure = 1 - (1 - published.known) * shrink, 1 - (1 - published.unsure) * shrink
    return replace(published, known=known, unsure=unsure)


def rank_candidates(
    neighbours: Iterable[Neighbour],
    *,
    rejected_persons: Collection[int] = frozenset(),
    references: Mapping[int, int] | None = None,
    combination: Combination = PLAIN_COMBINATION,
) -> list[Candidate]:
    """People near a face, the likeliest first; all of them, not only the first few.

    ``neighbours`` in any order. ``references`` (person -> how many references there are) lets the rule see
    that a person has more references than the search returned: those are taken to be as near as the farthest
    neighbour, which is the most they can be. Without it, a person seen once counts as having one reference.
    ``combination`` is that of the bounds that go with the vectors.
    """
    near = sorted(neighbours, key=lambda n: (-n.similarity, n.reference))
    hits: dict[int, list[Neighbour]] = {}
    for neighbour in near:
        if neighbour.person not in rejected_persons:
            hits.setdefault(neighbour.person, []).append(neighbour)
    found = []
    for person, own in hits.items():
        similarities = [n.similarity for n in own[: len(combination.weights)]]
        count = max((references or {}).get(person, 0), len(own))
        similarities += [near[-1].similarity] * min(
            count - len(own), len(combination.weights) - len(similarities)
        )
        similarity = combine_similarities(similarities, combination, count)
        found.append(Candidate(person, own[0].reference, similarity))
    return sorted(found, key=lambda c: (-c.similarity, c.person))


def may_have_missed_runner_up(neighbours: Sequence[Neighbour], wanted: int) -> bool:
    """Whether a search for ``wanted`` neighbours should be repeated with more.

    True where the list is full and names a single person: the runner-up, and so the lead, is then not known.
    """
    return len(neighbours) >= wanted and len({n.person for n in neighbours}) < 2


def decide(
    neighbours: Iterable[Neighbour],
    bounds: Bounds,
    *,
    rejected_persons: Collection[int] = frozenset(),
    references: Mapping[int, int] | None = None,
    usable: bool = True,
) -> Outcome:
    """What to say of one face: known, unsure or unknown, with the people it may be, the likeliest first.

    ``bounds`` must belong to the embedder that made the vectors. Candidates are given whatever the state
    (an unknown face may still be named by hand from them), at most ``MAX_CANDIDATES``; none where the face
    is not ``usable`` (``Quality.is_usable``) or the gallery is empty.
    """
    if not usable:
        return Outcome(State.UNKNOWN)
    people = rank_candidates(
        neighbours, rejected_persons=rejected_persons, references=references, combination=bounds.combination
    )
    if not people:
        return Outcome(State.UNKNOWN)
    similarity = people[0].similarity
    lead = similarity - people[1].similarity if len(people) > 1 else None
    return Outcome(classify_similarity(similarity, lead, bounds), tuple(people[:MAX_CANDIDATES]))


def classify_similarity(similarity: float, lead: float | None, bounds: Bounds) -> State:
    """The three-way rule itself; ``lead`` over the runner-up is None where there is no other person."""
    if similarity < bounds.unsure:
        return State.UNKNOWN
    is_ahead = lead is None or lead >= bounds.margin
    return State.KNOWN if similarity >= bounds.known and is_ahead else State.UNSURE


def withhold_repeated_names(outcomes: Sequence[Outcome], taken: Collection[int] = ()) -> list[Outcome]:
    """The outcomes of one photo's faces with each name on one face at most: the nearest; the others become unsure.

    ``taken`` are the people whose name another face of the photo bears already, because somebody said so. Mirrors,
    screens and collages do show a person twice: somebody then says that of the other face.
    """
    known = [
        (-outcome.best.similarity, row, outcome.best.person)
        for row, outcome in enumerate(outcomes)
        if outcome.best and outcome.state is State.KNOWN
    ]
    kept, held = list(outcomes), set(taken)
    for _, row, person in sorted(known):
        if person in held:
            kept[row] = replace(outcomes[row], state=State.UNSURE)
        held.add(person)
    return kept

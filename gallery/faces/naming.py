"""Searches faces in the index, decides on their names, and saves what has changed; later searches them again.

Proposals may rest on a reference or on a face that somebody has confirmed. The latter never make a name known
by themselves, they ask a person; they stand for as long as the face they rest on is confirmed as that person.

Faces are searched again when the gallery has changed, or a decision reaches their look-alikes. No photo is opened
for it: the stored embeddings are searched. What a person decided is never touched.

The faces of a photo are named together: of two that would bear one name the nearer is known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import islice
from operator import attrgetter

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import Count, F

from gallery.faces.splits import list_people_told_apart
from gallery.index import engine, live
from gallery.index.feed import get_latest_change_id
from gallery.index.live import find_nearest_references
from gallery.index.selectors import SERVING_RECIPE_KEY, get_active_build, get_applied_calibration
from gallery.models import (
    Build,
    Candidate,
    Decision,
    Face,
    FaceRejection,
    NameChange,
    Reference,
    SiteSetting,
    User,
)
from gallery.models.clock import get_site_time
from gallery.models.history import get_site_setting
from gallery.models.querysets import FaceQuerySet, recognisable_q
from recognition.decide import decide, may_have_missed_runner_up, withhold_repeated_names
from recognition.types import Bounds, Embedder, Embeddings, Neighbour, Outcome, State

FACES_PER_TRANSACTION = 200  # faces searched and written in one transaction
FACES_PER_COMPARISON = 5_000  # faces compared at once
MAX_NEIGHBOURS = 3_000  # nobody has more references of one person
SIMILARITY_TOLERANCE = 1e-5  # two similarities this close are the same: build and delta round differently
FOLLOW_HEARTBEAT_KEY = "follow"  # the SiteSetting that a running pass touches
FOLLOWED_BOUNDS_KEY = "followed_bounds"  # the SiteSetting: by which calibration all faces have been searched
# A change this old should have been followed; by then it is settled too.
MAX_FOLLOW_DELAY = timedelta(seconds=90)
Proposals = dict[int, list[Candidate]]  # by face
ColumnValues = tuple[object, ...]
read_outcome = attrgetter("state", "person_id", "similarity", "reference_id", "is_twice")
read_candidate = attrgetter("person_id", "reference_id", "look_alike_id", "similarity")


def name_faces(faces: list[Face], embedder: Embedder, proposals: Proposals | None = None) -> None:
    """Search and decide for those of the faces that no person has decided on, and save the outcome.

    `proposals` are new ones that rest on confirmed look-alikes; earlier ones are kept while they hold. Call
    it with the faces' rows held, and with all of a photo's faces that it may name.
    """
    open_faces = [face for face in faces if not face.is_decided]
    before = {face.pk: read_outcome(face) for face in open_faces}
    follower = live.get_index_follower(embedder)
    rows = decide_on_faces(open_faces, embedder, proposals=proposals)
    changed = [face for face in open_faces if not _is_unchanged(before[face.pk], read_outcome(face))]
    Face.objects.bulk_update(changed, ["state", "person", "similarity", "reference", "is_twice"])
    Face.objects.filter(pk__in=before).update(searched_change=follower.horizon)
    _save_candidates(rows)
    Face.objects.filter(pk__in=[face.pk for face in faces]).mark_duplicate_names()


def decide_on_faces(
    faces: Sequence[Face],
    embedder: Embedder,
    bounds: Bounds | None = None,
    proposals: Proposals | None = None,
) -> Proposals:
    """Search these faces, all that a photo has without a decision, and write the outcome into them; the candidates of
    each. Nothing is saved. By the bounds in force unless some are given."""
    follower = live.get_index_follower(embedder)
    bounds = bounds or engine.get_decision_bounds(embedder)
    rejected = get_rejected_persons(faces)
    scores = [1.0 if face.is_drawn else face.score for face in faces]
    found = find_outcomes(get_face_vectors(faces, embedder), embedder, rejected, scores=scores, bounds=bounds)
    once = found if bounds.is_nearest else _withhold_repeated_names(faces, found)
    kept, rows = find_standing_proposals(faces), {}
    for face, outcome, alone, never in zip(faces, once, found, rejected, strict=True):
        likes = (*kept[face.pk], *(proposals or {}).get(face.pk, ()))
        wanted = [row for row in likes if row.person_id not in never]
        rows[face.pk] = rank_candidates(face, outcome, follower.build, wanted)
        set_face_outcome(face, outcome, rows[face.pk])
        face.is_twice = outcome is not alone
    return rows


def _withhold_repeated_names(faces: Sequence[Face], outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Each name once in a photo; the names that its other faces bear are taken."""
    photos: dict[int, list[int]] = defaultdict(list)
    for row, face in enumerate(faces):
        photos[face.photo_id].append(row)
    others = Face.objects.named().filter(photo__in=photos).exclude(pk__in=[face.pk for face in faces])
    taken: dict[int, set[int]] = defaultdict(set)
    for photo, person in others.values_list("photo_id", "person_id"):
        taken[photo].add(person)
    kept = list(outcomes)
    for photo, rows in photos.items():
        once = withhold_repeated_names([outcomes[row] for row in rows], taken[photo])
        for row, outcome in zip(rows, once, strict=True):
            kept[row] = outcome
    return kept


def _save_candidates(rows: Proposals) -> None:
    """Replace the candidates of those faces that have other ones now."""
    before: Proposals = defaultdict(list)
    for row in Candidate.objects.filter(face__in=rows).order_by("rank"):
        before[row.face_id].append(row)
    changed = [
        face
        for face, now in rows.items()
        if len(before[face]) != len(now)
        or not all(
            _is_unchanged(read_candidate(old), read_candidate(new))
            for old, new in zip(before[face], now, strict=True)
        )
    ]
    Candidate.objects.filter(face__in=changed).delete()
    Candidate.objects.bulk_create(row for face in changed for row in rows[face])


def _is_unchanged(old: ColumnValues, new: ColumnValues) -> bool:
    return all(
        abs(one - other) < SIMILARITY_TOLERANCE
        if isinstance(one, float) and isinstance(other, float)
        else one == other
        for one, other in zip(old, new, strict=True)
    )


def get_face_vectors(faces: Sequence[Face], embedder: Embedder) -> Embeddings:
    """(n, dimension): the faces' embeddings under this embedder, zeros where there is none."""
    vectors = np.zeros((len(faces), embedder.dimension), np.float32)
    for row, face in enumerate(faces):
        if face.embedding is not None and face.embedder_id == embedder.id:
            vectors[row] = face.embedding
    return vectors


def get_rejected_persons(faces: Sequence[Face]) -> list[set[int]]:
    """For each face the persons a human said it is not, by their names or by faces it was told apart from."""
    said: dict[int, set[int]] = {face.pk: set() for face in faces}
    rows = FaceRejection.objects.filter(face__in=said).values_list("face_id", "person_id")
    for face, person in [*rows, *list_people_told_apart(said)]:
        said[face].add(person)
    return [said[face.pk] for face in faces]


def find_outcomes(
    embeddings: Embeddings,
    embedder: Embedder,
    rejected: Sequence[Collection[int]] | None = None,
    *,
    scores: Sequence[float] | None = None,
    bounds: Bounds | None = None,
    is_fresh: bool = False,
    asker: User | None = None,
) -> list[Outcome]:
    """One outcome a row; rows of zeros are faces too poor to be matched. `rejected`: persons a row never is.

    `scores` are the rows' detection scores, of which the bounds may ask a least one. For an asker only references
    count that this user may see. By the bounds that hold now, unless some are given; the gallery's changes are
    followed first, unless it is fresh.
    """
    bounds = bounds or engine.get_decision_bounds(embedder)
    usable = np.any(embeddings != 0, axis=1)
    if scores is not None:
        usable &= np.array(scores) >= bounds.detection
    references = Reference.objects.searchable()
    hidden = set[int]()
    if asker is not None:
        visible = references.visible_to(asker)
        cut = references.filter(source_face__isnull=False)  # the others have no album that could hide them
        hidden = set(cut.exclude(pk__in=visible.values("pk")).values_list("pk", flat=True))
        references = visible
    neighbours = _find_neighbours(embeddings, embedder, is_fresh, hidden)
    persons = {near.person for found in neighbours for near in found}
    rows = references.filter(person__in=persons).order_by("person")
    counts = dict(rows.values_list("person").annotate(number=Count("*")))
    return [
        decide(
            near if is_usable else [],
            bounds,
            rejected_persons=rejected[row] if rejected else (),
            references=counts,
            usable=bool(is_usable),
        )
        for row, (near, is_usable) in enumerate(zip(neighbours, usable, strict=True))
    ]


def _find_neighbours(
    embeddings: Embeddings, embedder: Embedder, is_fresh: bool, hidden: Collection[int] = ()
) -> list[list[Neighbour]]:
    """Each row's nearest references that are not hidden.

    They are more where one person's fill the list and hide the runner-up.
    """

    def search(rows: Embeddings, wanted: int, is_fresh: bool) -> list[list[Neighbour]]:
        found = find_nearest_references(embedder, rows, wanted + len(hidden), is_fresh=is_fresh)
        return [[near for near in some if near.reference not in hidden][:wanted] for some in found]

    wanted = settings.NEIGHBOURS
    found = search(embeddings, wanted, is_fresh)
    while wanted < MAX_NEIGHBOURS and (
        rows := [row for row, near in enumerate(found) if may_have_missed_runner_up(near, wanted)]
    ):
        wanted *= 8
        for row, near in zip(rows, search(embeddings[rows], wanted, True), strict=True):
            found[row] = near
    return found


def set_face_outcome(face: Face, outcome: Outcome, rows: Sequence[Candidate]) -> None:
    """Write the outcome into the face's columns, unsaved. Never call it for a face a person has decided on.

    An unknown face for which one of its candidates, `rows`, rests on a look-alike is unsure.
    """
    best = outcome.best
    face.state = outcome.state.value
    face.person_id = best.person if best and outcome.state is State.KNOWN else None
    face.similarity = best.similarity if best else None
    face.reference_id = best.reference if best else None
    if face.state == Face.State.UNKNOWN and any(row.look_alike_id for row in rows):
        face.state = Face.State.UNSURE
        face.similarity, face.reference_id = rows[0].similarity, rows[0].reference_id


def rank_candidates(
    face: Face, outcome: Outcome, build: int | None, proposals: Iterable[Candidate]
) -> list[Candidate]:
    """The outcome's candidates and the proposals in one ranking, each person once at the higher similarity; unsaved.

    `build` is the one that was searched (None before the first).
    """
    best: dict[int, Candidate] = {
        found.person: Candidate(
            face=face,
            person_id=found.person,
            reference_id=found.reference,
            similarity=found.similarity,
            build_id=build,
        )
        for found in outcome.candidates
    }
    for row in proposals:
        if row.person_id not in best or row.similarity > best[row.person_id].similarity:
            best[row.person_id] = row
    ranked = sorted(best.values(), key=lambda row: (-row.similarity, row.person_id))
    for rank, row in enumerate(ranked):
        row.pk, row.rank = None, rank  # a row of its own, also where it was one before
    return ranked


def find_standing_proposals(faces: Sequence[Face]) -> Proposals:
    """The proposals of this kind that these faces have and that still hold."""
    rows = Candidate.objects.filter(
        recognisable_q("person"),
        face__in=faces,
        look_alike__decision=Decision.CONFIRMED,
        look_alike__person=F("person"),
    )
    found: Proposals = defaultdict(list)
    for row in rows.order_by("rank"):
        found[row.face_id].append(row)
    return found


def propose_look_alikes(named: Collection[int], embedder: Embedder, least: float) -> Proposals:
    """For unnamed faces that resemble one of the named ones at least so much: whom to propose; unsaved."""
    confirmed = _get_comparable_faces(embedder).filter(pk__in=named, decision=Decision.CONFIRMED)
    faces = list(confirmed.filter(recognisable_q("person")))
    if not faces:
        return {}
    vectors = np.stack([face.embedding for face in faces if face.embedding is not None])
    found: Proposals = {}
    for ids, others in _stream_unnamed_faces(embedder):
        similarities = others @ vectors.T
        nearest = similarities.argmax(axis=1)
        for row in np.flatnonzero(similarities.max(axis=1) >= least):
            face = faces[nearest[row]]
            found[ids[row]] = [
                Candidate(
                    face_id=ids[row],
                    person_id=face.person_id,
                    look_alike=face,
                    similarity=float(similarities[row, nearest[row]]),
                    rank=0,
                )
            ]
    return found


def _get_comparable_faces(embedder: Embedder) -> FaceQuerySet:
    rows = Face.objects.filter(embedder_id=embedder.id, embedding__isnull=False)
    return rows.outside_trash().order_by("pk")


def _stream_unnamed_faces(embedder: Embedder) -> Iterator[tuple[list[int], Embeddings]]:
    rows = _get_comparable_faces(embedder).unnamed().values_list("pk", "embedding")
    faces = rows.iterator(FACES_PER_COMPARISON)
    while part := list(islice(faces, FACES_PER_COMPARISON)):
        yield [pk for pk, _ in part], np.stack([vector for _, vector in part if vector is not None])


def is_following_due() -> bool:
    """Whether faces have not followed changes or bounds that they should have, as after a lost message, and no pass
    is at it."""
    recipe = get_site_setting(SERVING_RECIPE_KEY)
    if not isinstance(recipe, dict):
        return False
    old = get_site_time() - MAX_FOLLOW_DELAY
    if SiteSetting.objects.filter(pk=FOLLOW_HEARTBEAT_KEY, changed_at__gt=old).exists():
        return False
    if get_site_setting(FOLLOWED_BOUNDS_KEY, 0) != _get_applied_id(recipe["id"]):
        return True
    newest = get_latest_change_id(recipe["id"], at__lt=old)
    faces = Face.objects.undecided().outside_trash().filter(embedder_id=recipe["id"])
    return faces.filter(searched_change__lt=newest).exists()


def follow_gallery(*, is_all: bool = False) -> int:
    """Search undecided faces again that have not seen the latest changes, or all where other bounds are in force
    since; how many names changed.

    It can be stopped and started at any point: each part says how far its faces have followed.
    """
    embedder = engine.get_serving_embedder()
    applied = _get_applied_id(embedder.id)
    is_all = is_all or get_site_setting(FOLLOWED_BOUNDS_KEY, 0) != applied
    follower = live.get_index_follower(embedder)
    follower.refresh()
    rows = Face.objects.undecided().outside_trash().filter(embedder_id=embedder.id).order_by("pk")
    if not is_all:
        rows = rows.filter(searched_change__lt=follower.horizon)
    build = get_active_build(embedder.id)
    changed = last = 0
    while ids := list(rows.filter(pk__gt=last).values_list("pk", flat=True)[:FACES_PER_TRANSACTION]):
        changed += _search_part_again(ids, embedder, build)
        last = ids[-1]
    if is_all:
        SiteSetting.objects.update_or_create(key=FOLLOWED_BOUNDS_KEY, defaults={"value": applied})
    return changed


def _get_applied_id(embedder_id: str) -> int:
    """Of the calibration in force; 0 where the published bounds are."""
    found = get_applied_calibration(embedder_id)
    return found.pk if found else 0


@transaction.atomic
def _search_part_again(ids: list[int], embedder: Embedder, build: Build | None) -> int:
    SiteSetting.objects.update_or_create(key=FOLLOW_HEARTBEAT_KEY, defaults={"value": ids[-1]})
    faces = hold_undecided_faces(ids, embedder)
    before = {face.pk: (face.person_id, face.state) for face in faces}
    name_faces(faces, embedder)
    changes = [
        NameChange(
            build=build,
            photo_id=face.photo_id,
            face=face,
            old_person_id=before[face.pk][0],
            old_state=before[face.pk][1],
            new_person_id=face.person_id,
            new_state=face.state,
        )
        for face in faces
        if face.person_id != before[face.pk][0]
    ]
    NameChange.objects.bulk_create(changes)
    return len(changes)


def search_faces_again(face_ids: Collection[int]) -> int:
    """Search faces without a decision from their stored embeddings; how many there were."""
    return _search_undecided_faces(face_ids, engine.get_serving_embedder())


def spread_decisions(face_ids: Collection[int]) -> int:
    """Take decisions to the look-alikes of these faces; how many of them were searched anew.

    Look-alikes of confirmed faces are proposed the name. Proposals that rest on a face which is no longer
    confirmed as that person are withdrawn.
    """
    embedder = engine.get_serving_embedder()
    resting = set(Candidate.objects.filter(look_alike__in=face_ids).values_list("face_id", flat=True))
    proposals = propose_look_alikes(face_ids, embedder, engine.get_decision_bounds(embedder).unsure)
    return _search_undecided_faces(resting | set(proposals), embedder, proposals)


def _search_undecided_faces(
    face_ids: Collection[int], embedder: Embedder, proposals: Proposals | None = None
) -> int:
    live.get_index_follower(embedder).refresh()  # may take a while, so not in the transaction
    ids, done = sorted(face_ids), 0
    for start in range(0, len(ids), FACES_PER_TRANSACTION):
        with transaction.atomic():
            wanted = ids[start : start + FACES_PER_TRANSACTION]
            faces = hold_undecided_faces(wanted, embedder)
            name_faces(faces, embedder, proposals)
            done += len({face.pk for face in faces}.intersection(wanted))
    return done


def hold_undecided_faces(ids: Collection[int], embedder: Embedder) -> list[Face]:
    """Those of the photos of these faces that can be searched, kept from others until the transaction ends."""
    photos = Face.objects.filter(pk__in=ids).order_by().values("photo")
    rows = Face.objects.undecided().filter(photo__in=photos, embedder_id=embedder.id)
    return list(rows.select_for_update().order_by("pk"))  # the order in which everybody locks several

"""Searches the faces of all photos for those that look like one: a face of a photo, or one of a picture not kept.

An index finds the nearest; who asks is shown those of them that they may see. The rows of others are not read, and
what is found is filled up from further away, so nothing tells that they are there."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from gallery.core.exceptions import ActionRefused
from gallery.core.pagination import ScoreCursor
from gallery.faces.labels import (
    describe_similarity,
    get_named_person,
    get_similarity_tail,
    prefetch_label_data,
)
from gallery.faces.namesakes import tell_namesakes_apart
from gallery.index import engine
from gallery.index.contents import FACES
from gallery.index.live import get_index_follower
from gallery.models import Decision, Face, User
from recognition.analysis import embed_faces
from recognition.mainface import NoFaceFound, find_main_face
from recognition.types import Bounds, Embedder, Embeddings, State

FACES_PER_PAGE = 100
MAX_FACES_AT_ONCE = 6_400  # asked of the index, where many of the nearest are not for who asks


class FaceNotComparable(ActionRefused):
    """Nothing is kept by which the face could be compared, or not yet by the embedder that serves."""

    code = "face_not_comparable"


@dataclass(frozen=True, slots=True)
class AlikePage:
    """Faces with their similarity, the nearest first, and where the following part begins."""

    faces: list[tuple[Face, float]]
    after: ScoreCursor | None


def search_with_face(user: User, face: int, cursor: str = "") -> dict[str, Any]:
    """Faces like this one, which is not among them. FaceNotComparable where it has no vector."""
    embedder = engine.get_serving_embedder()
    found = Face.objects.visible_to(user).comparable(embedder.id).filter(pk=face).first()
    if found is None or found.embedding is None:
        raise FaceNotComparable(
            _("This face cannot be compared with others: nothing is kept by which it could be.")
        )
    return _describe_alike_faces(user, embedder, found.embedding, cursor, face)


def search_with_picture(user: User, picture: bytes, *, cursor: str = "") -> dict[str, Any]:
    """Faces like the main one of a picture. ImageError for no picture, NoFaceFound or SeveralFaces without such."""
    embedder, detector = engine.get_serving_embedder(), engine.get_detector()
    pixels = engine.read_photo(picture).pixels
    [vector] = embed_faces(pixels, [find_main_face(pixels, detector)], embedder)
    if not np.any(vector):
        raise NoFaceFound("no_face")
    return _describe_alike_faces(user, embedder, vector, cursor)


def search_with_vector(user: User, embedder_id: str, vector: str, cursor: str = "") -> dict[str, Any]:
    """Faces like one of a picture that was looked at; its vector is float32 in base64, and given back with them."""
    embedder = engine.get_serving_embedder()
    try:
        values = np.frombuffer(b64decode(vector, validate=True), "<f4")
    except ValueError:
        values = np.zeros(0, np.float32)
    if embedder_id != embedder.id or len(values) != embedder.dimension or not np.all(np.isfinite(values)):
        raise FaceNotComparable(_("Faces are compared in another way by now. Look at the picture again."))
    values = values / max(float(np.linalg.norm(values)), 1e-6)
    found = _describe_alike_faces(user, embedder, values, cursor)
    return {**found, "embedder": embedder_id, "vector": vector}


def _describe_alike_faces(
    user: User, embedder: Embedder, vector: Embeddings, cursor: str, left_out: int | None = None
) -> dict[str, Any]:
    bounds, tail = engine.get_decision_bounds(embedder), get_similarity_tail(embedder.id)
    page = find_alike_faces(user, embedder, vector, bounds, ScoreCursor.read(cursor), left_out)
    people = {face.pk: get_named_person(face) for face, _similarity in page.faces}
    tell_namesakes_apart(user, people.values())
    described = []
    for face, similarity in page.faces:
        person, certainty = people[face.pk], judge_similarity(similarity, bounds)
        meant = describe_similarity(similarity, certainty.value, tail)
        described.append(
            {
                "face": face.pk,
                "photo": face.photo_id,
                "person": {"id": person.pk, "name": person.name, "label": person.label} if person else None,
                "similarity": similarity,
                "certainty": "alike" if certainty is State.UNKNOWN else certainty.value,
                "meaning": meant.words if meant else "",
            }
        )
    return {"faces": described, "next": str(page.after) if page.after else None}


def judge_similarity(similarity: float, bounds: Bounds) -> State:
    if similarity >= bounds.known:
        return State.KNOWN
    return State.UNSURE if similarity >= bounds.unsure else State.UNKNOWN


def find_alike_faces(
    user: User,
    embedder: Embedder,
    vector: Embeddings,
    bounds: Bounds,
    after: ScoreCursor | None = None,
    left_out: int | None = None,
) -> AlikePage:
    """Those of the faces that this user may see that are like this unit vector (dimension,), the nearest first.

    Faces as far below the bound for asking as that for naming is above it are still found.
    """
    follower = get_index_follower(embedder, FACES)
    follower.refresh()
    least = bounds.unsure - (bounds.known - bounds.unsure)
    vector = np.ascontiguousarray(vector, np.float32)
    shown = _list_searchable_faces(user, embedder)
    place = (after.score, after.pk) if after else None
    found: list[tuple[Face, float]] = []
    count = FACES_PER_PAGE + 2  # one more than are shown, and the face itself
    while True:
        near = follower.live.search_beyond(vector, count, least, place)
        visible = shown.in_bulk([one.reference for one in near if one.reference != left_out])
        found += [(visible[one.reference], one.similarity) for one in near if one.reference in visible]
        if len(near) < count or len(found) > FACES_PER_PAGE:
            break
        place, count = (near[-1].similarity, near[-1].reference), min(2 * count, MAX_FACES_AT_ONCE)
    faces = found[:FACES_PER_PAGE]
    last = ScoreCursor(faces[-1][1], faces[-1][0].pk) if len(found) > FACES_PER_PAGE else None
    return AlikePage(faces, last)


def _list_searchable_faces(user: User, embedder: Embedder) -> QuerySet[Face]:
    """Faces without a name are shown to those only who may name them."""
    faces = Face.objects.visible_to(user).comparable(embedder.id).exclude(decision=Decision.NOT_A_FACE)
    faces = faces if user.is_contributor else faces.named()
    return prefetch_label_data(faces).select_related("photo").defer("embedding", "quality", "landmarks")

"""Looks at pictures that are not kept: who is on one, and whether two show the same person.

Answers come from what the asker may see alone."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import numpy as np

from gallery.faces.labels import describe_similarity, get_similarity_tail
from gallery.faces.namesakes import tell_namesakes_apart
from gallery.faces.tagging import GallerySearch, NamedFace
from gallery.index import engine
from gallery.models import Person, Reference, User
from gallery.models.fields import vector_to_bytes
from recognition.analysis import analyse_photo, embed_faces
from recognition.images import Photo, encode_pixels, shrink_pixels
from recognition.mainface import NoFaceFound, find_main_face
from recognition.types import State

SHOWN_SIDE = 1_600  # pixels of the longer side of the picture that is shown
MAX_CANDIDATES = 4  # of a face that is shown


def load_models() -> None:
    """Ahead of the first question."""
    engine.get_detector()
    GallerySearch(engine.get_serving_embedder()).refresh()


def identify_faces(user: User, picture: bytes) -> dict[str, Any]:
    """The picture's faces, from left to right, with the people they are or may be. ImageError for no picture."""
    embedder = engine.get_serving_embedder()
    analysis = analyse_photo(picture, engine.read_photo, engine.get_detector(), embedder)
    faces = GallerySearch(embedder, asker=user).name_faces(analysis)
    people = Person.objects.in_bulk({one["person_id"] for face in faces for one in face.candidates})
    tell_namesakes_apart(user, people.values())
    return {
        "width": analysis.width,
        "height": analysis.height,
        "faces": [
            {
                "box": list(face.detection.box.as_ints()),
                "detection": round(face.detection.score, 4),
                "state": face.outcome.state.value,
                "person": _describe_person(people[face.person_id]) if face.person_id else None,
                "similarity": None if face.similarity is None else round(face.similarity, 4),
                "decision": None,
                "candidates": [{**one, "label": people[one["person_id"]].label} for one in face.candidates],
            }
            for face in faces
        ],
    }


def describe_picture(user: User, picture: bytes) -> dict[str, Any]:
    """For the page "Who is this?": the picture as WebP in base64, its faces from left to right, their people, what
    the similarities mean, the reference that is most like each, and the vector that it can be searched by."""
    embedder = engine.get_serving_embedder()
    shown: list[Photo] = []

    def read(content: bytes) -> Photo:
        shown.append(engine.read_photo(content))
        return shown[0]

    analysis = analyse_photo(picture, read, engine.get_detector(), embedder)
    faces = GallerySearch(embedder, asker=user).name_faces(analysis)
    people = Person.objects.in_bulk({one.person for face in faces for one in face.outcome.candidates})
    tell_namesakes_apart(user, people.values())
    return {
        "width": analysis.width,
        "height": analysis.height,
        "picture": b64encode(encode_pixels(shrink_pixels(shown[0].pixels, SHOWN_SIDE))).decode(),
        "embedder": embedder.id,
        "has_gallery": Reference.objects.searchable().visible_to(user).exists(),
        "faces": [
            {
                "box": list(face.detection.box.as_ints()),
                "state": face.outcome.state.value,
                "vector": b64encode(vector_to_bytes(vector)).decode() if np.any(vector) else "",
                "candidates": _describe_candidates(face, people, embedder.id),
            }
            for face, vector in zip(faces, analysis.embeddings, strict=True)
        ],
    }


def _describe_candidates(
    face: NamedFace, people: dict[int, Person], embedder_id: str
) -> list[dict[str, Any]]:
    tail, state = get_similarity_tail(embedder_id), face.outcome.state.value
    described = []
    for rank, one in enumerate(face.outcome.candidates[:MAX_CANDIDATES]):
        meant = describe_similarity(one.similarity, state, tail)
        described.append(
            {
                "person": one.person,
                "label": people[one.person].label,
                "reference": one.reference,
                "number": meant.number if meant else "",
                # the bounds speak of the nearest alone
                "words": meant.words if meant and (rank == 0 or meant.is_counted) else "",
            }
        )
    return described


def _describe_person(person: Person) -> dict[str, Any]:
    return {"id": person.pk, "name": person.name, "label": person.label}


def compare_pictures(user: User, first: bytes, second: bytes) -> dict[str, Any]:
    """How alike the main faces of two pictures are, and whether that is one person; null where it cannot be said.

    ImageError for no picture, NoFaceFound or SeveralFaces where none is the main one.
    """
    embedder, detector = engine.get_serving_embedder(), engine.get_detector()
    vectors = []
    for content in (first, second):
        pixels = engine.read_photo(content).pixels
        [vector] = embed_faces(pixels, [find_main_face(pixels, detector)], embedder)
        if not np.any(vector):
            raise NoFaceFound("no_face")
        vectors.append(vector)
    similarity, bounds = float(vectors[0] @ vectors[1]), engine.get_decision_bounds(embedder)
    state = State.KNOWN if similarity >= bounds.known else State.UNSURE
    state = State.UNKNOWN if similarity < bounds.unsure else state
    meant = describe_similarity(similarity, state.value, get_similarity_tail(embedder.id))
    return {
        "similarity": round(similarity, 4),
        "meaning": meant.words if meant else "",
        "same": {State.KNOWN: True, State.UNSURE: None, State.UNKNOWN: False}[state],
    }

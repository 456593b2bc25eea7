"""What CompreFace's clients ask about pictures, and how its answers are put: boxes by their corners, similarities on
its scale, where a name counts from 0.9."""

from __future__ import annotations

from typing import Any

import numpy as np

from gallery.faces.lookup_server import ACTS
from gallery.faces.tagging import GallerySearch, NamedFace
from gallery.index import engine
from gallery.models import Person, Reference, ReferenceVector, User
from gallery.people.references import send_reference
from gallery.people.subjects import add_subject, find_subject
from recognition.analysis import Analysis, analyse_photo
from recognition.errors import CodedError
from recognition.mainface import find_main_face
from recognition.types import Detection, State

KNOWN_SIMILARITY = 0.9  # at which CompreFace's clients take a name for certain
MOST_OF_UNKNOWN = 0.8999


class NoFaceToRecognise(CodedError):
    """The picture has no face, or none that is surely one."""


def rescale_similarity(similarity: float, known: float) -> float:
    """From 0 for those who have nothing in common over 0.9 at the bound `known` to 1, rising all the way."""
    if similarity >= known:
        return KNOWN_SIMILARITY + (1 - KNOWN_SIMILARITY) * (similarity - known) / max(1 - known, 1e-9)
    return KNOWN_SIMILARITY * max(similarity, 0.0) / known


def recognise_subjects(
    user: User,
    picture: bytes,
    *,
    limit: int,
    prediction_count: int,
    least_detection: float,
    has_landmarks: bool,
    has_status: bool,
) -> dict[str, Any]:
    """The picture's faces, the largest first, each with the subjects it is most like."""
    embedder = engine.get_serving_embedder()
    analysis = _find_faces(picture, least_detection)
    known = engine.get_decision_bounds(embedder).known
    faces = GallerySearch(embedder, asker=user).name_faces(analysis)
    faces.sort(key=lambda face: -face.detection.box.area)
    faces = faces[: limit or None]
    people = Person.objects.in_bulk({one["person_id"] for face in faces for one in face.candidates})
    subjects = {pk: person.label for pk, person in people.items()}
    result = []
    for face in faces:
        ranked = _rank_subjects(face, subjects, known)[:prediction_count]
        shown: dict[str, Any] = {"box": _describe_box(face.detection), "subjects": ranked}
        if has_landmarks:
            shown["landmarks"] = face.detection.landmarks.round().astype(int).tolist()
        if has_status:
            spent = analysis.milliseconds
            shown["execution_time"] = {"detector": spent["detect"], "calculator": spent["embed"]}
        result.append(shown)
    versions = {"detector": "facesite", "calculator": embedder.id}
    return {"result": result, **({"plugins_versions": versions} if has_status else {})}


def _rank_subjects(face: NamedFace, subjects: dict[int, str], known: float) -> list[dict[str, Any]]:
    """Only a face that is known has a subject of 0.9 and more."""
    most = 1.0 if face.outcome.state is State.KNOWN else MOST_OF_UNKNOWN
    ranked = []
    for one in face.candidates:
        similarity = min(rescale_similarity(one["similarity"], known), most)
        ranked.append({"subject": subjects[one["person_id"]], "similarity": round(similarity, 5)})
        most = MOST_OF_UNKNOWN
    return ranked


def verify_reference(
    user: User, picture: bytes, *, reference: int, limit: int, least_detection: float
) -> dict[str, Any]:
    """How alike each face of the picture is to a reference."""
    embedder = engine.get_serving_embedder()
    analysis = _find_faces(picture, least_detection)
    found = Reference.objects.visible_to(user).select_related("person").get(pk=reference)
    vector = ReferenceVector.objects.filter(reference=found, embedder_id=embedder.id).first()
    likeness = analysis.embeddings @ (vector.vector if vector else np.zeros(embedder.dimension, np.float32))
    known = engine.get_decision_bounds(embedder).known
    faces = sorted(zip(analysis.detections, likeness, strict=True), key=lambda pair: -pair[0].box.area)
    return {
        "result": [
            {
                "box": _describe_box(detection),
                "subject": found.person.label,
                "similarity": round(rescale_similarity(float(similarity), known), 5),
            }
            for detection, similarity in faces[: limit or None]
        ]
    }


def add_example(
    user: User, picture: bytes, *, subject: str, name: str, least_detection: float
) -> dict[str, Any]:
    """A reference of the subject, from a picture on which there is one face."""
    detection = find_main_face(engine.read_photo(picture).pixels, engine.get_detector())
    if detection.score < least_detection:
        raise NoFaceToRecognise("no_face")
    person = find_subject(subject) or add_subject(user, subject)
    reference, _is_new = send_reference(user, person, picture, name)
    return {"image_id": str(reference.pk), "subject": person.label}


def _find_faces(picture: bytes, least_detection: float) -> Analysis:
    detector, embedder = engine.get_detector(), engine.get_serving_embedder()
    found = analyse_photo(picture, engine.read_photo, detector, embedder)
    rows = [row for row, one in enumerate(found.detections) if one.score >= least_detection]
    if not rows:
        raise NoFaceToRecognise("no_face")
    detections = [found.detections[row] for row in rows]
    return Analysis(found.width, found.height, detections, found.embeddings[rows], found.milliseconds)


def _describe_box(detection: Detection) -> dict[str, Any]:
    left, top, width, height = detection.box.as_ints()
    corners = {"x_min": left, "y_min": top, "x_max": left + width, "y_max": top + height}
    return {"probability": round(detection.score, 5), **corners}


ACTS |= {
    "compreface.recognise": recognise_subjects,
    "compreface.verify": verify_reference,
    "compreface.add": add_example,
}

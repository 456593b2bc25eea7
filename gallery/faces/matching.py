"""The faces of a photo before and after it is processed again, and what people said about them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gallery.models import Face, FaceRejection
from recognition.types import Box, Embedder, Embeddings

ERASED_FACE_OVERLAP = 0.15  # from which a new box is that of an erased face: rather too many than one too few
SAME_FACE_OVERLAP = 0.4  # intersection over union from which two boxes are one face


def pair_faces(old: Sequence[Face], new: Sequence[Box]) -> dict[int, int]:
    """New position -> old position, best overlaps first, each used once."""
    overlaps = [
        (face.box.iou(box), -before, -after)
        for before, face in enumerate(old)
        for after, box in enumerate(new)
    ]
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for overlap, before, after in sorted(overlaps, reverse=True):
        if overlap < SAME_FACE_OVERLAP:
            break
        if -after not in pairs and -before not in taken:
            pairs[-after] = -before
            taken.add(-before)
    return pairs


def is_box_erased(old: Sequence[Face], box: Box) -> bool:
    """Whether an erased face stands there, however another detector has drawn its box."""
    return any(face.is_erased and face.box.iou(box) >= ERASED_FACE_OVERLAP for face in old)


def get_face_vectors(faces: Sequence[Face], embedder: Embedder) -> Embeddings:
    """(n, dimension): the faces' embeddings under this embedder, zeros where there is none."""
    vectors = np.zeros((len(faces), embedder.dimension), np.float32)
    for row, face in enumerate(faces):
        if face.embedding is not None and face.embedder_id == embedder.id:
            vectors[row] = face.embedding
    return vectors


def get_rejected_persons(faces: Sequence[Face]) -> list[set[int]]:
    """For each face the persons a human said it is not."""
    said: dict[int, set[int]] = {face.pk: set() for face in faces}
    rows = FaceRejection.objects.filter(face__in=said).values_list("face_id", "person_id")
    for face, person in rows:
        said[face].add(person)
    return [said[face.pk] for face in faces]

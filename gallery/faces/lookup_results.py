"""What the page "Who is this?" shows of a picture that was looked at and is not kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from gallery.faces.labels import FaceLabel
from gallery.faces.selectors import LOW_EDGE_SHARE
from gallery.models import Face, Reference, User

CROP_MARGIN = 0.35  # around a face's box, as a fraction of its longer side


@dataclass(frozen=True, slots=True)
class FoundPerson:
    """Somebody whom a face may be."""

    person: int
    label: str
    words: str  # what the similarity means
    number: str  # the similarity
    reference: Reference | None  # the nearest, where the reader may see it


@dataclass(frozen=True, slots=True)
class FoundFace:
    number: int  # from the left, beginning with 1
    label: FaceLabel
    vector: str  # by which all photos can be searched for it, in base64; empty where it cannot be compared
    people: tuple[FoundPerson, ...]  # the nearest first; of an unknown face nobody
    # As text, which no language's decimal comma gets into
    box: tuple[str, ...]
    share: tuple[str, ...]  # left, top, width and bottom in percent
    is_low: bool
    crop: str  # what is shown of the picture, for viewBox


@dataclass(frozen=True, slots=True)
class LookupResult:
    width: int
    height: int
    source: str  # the picture, as a data: address
    faces: Sequence[FoundFace]
    named: int  # faces
    embedder: str  # that made the vectors
    has_gallery: bool  # whether there is anybody whom the reader might find


def read_result(user: User, content: bytes) -> LookupResult:
    """The answer to `describe` of faces.lookup, as it is shown to the user who asked."""
    answer = json.loads(content)
    wanted = {one["reference"] for face in answer["faces"] for one in face["candidates"]}
    references = Reference.objects.visible_to(user).in_bulk(wanted)
    size = (answer["width"], answer["height"])
    faces = [
        _read_face(number, face, size, references) for number, face in enumerate(answer["faces"], start=1)
    ]
    return LookupResult(
        *size,
        f"data:image/webp;base64,{answer['picture']}",
        faces,
        sum(face.label.is_named for face in faces),
        answer["embedder"],
        answer["has_gallery"],
    )


def _read_face(
    number: int, face: Mapping[str, Any], size: tuple[int, int], references: Mapping[int, Reference]
) -> FoundFace:
    people = tuple(
        FoundPerson(
            one["person"], one["label"], one["words"], one["number"], references.get(one["reference"])
        )
        for one in face["candidates"]
    )
    label = _label_face(face["state"], people)
    left, top, width, height = face["box"]
    across, down = (100 / side for side in size)
    bottom = (top + height) * down
    side = max(width, height) * (1 + 2 * CROP_MARGIN)
    crop = (left + width / 2 - side / 2, top + height / 2 - side / 2, side, side)
    return FoundFace(
        number,
        label,
        face["vector"],
        people if label.key != "unknown" else (),
        tuple(map(str, face["box"])),
        tuple(f"{part:.3f}" for part in (left * across, top * down, width * across, bottom)),
        bottom > 100 * LOW_EDGE_SHARE,
        " ".join(f"{part:.1f}" for part in crop),
    )


def _label_face(state: str, people: Sequence[FoundPerson]) -> FaceLabel:
    if state == Face.State.KNOWN and people:
        return FaceLabel("known", people[0].label, _("recognised"), "person")
    if state == Face.State.UNSURE and people:
        return FaceLabel("unsure", _("%(name)s?") % {"name": people[0].label}, _("not sure"), "question")
    return FaceLabel("unknown", _("Unknown"), _("Unknown"), "question")

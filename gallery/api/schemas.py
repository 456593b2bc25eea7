"""What calls take and answer. Boxes are left, top, width and height in pixels of the upright photo."""

from __future__ import annotations

import datetime
from typing import Annotated, Generic, Literal, TypeVar

from ninja import Schema
from pydantic import Field, model_validator

Item = TypeVar("Item")
Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
Text = Annotated[str, Field(max_length=10_000, pattern=r"^[^\x00]*$")]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$", examples=["Lan Nguyễn"])]
# Where a part of a list ended, as the answer before said it
IdCursor = Id
PhotoCursor = Annotated[str, Field(pattern=r"^[0-9]{1,18}(:[^\x00]*)?$", examples=["17"])]
PlaceCursor = Annotated[str, Field(pattern=r"^[0-9]{1,18}:[^\x00]*$", examples=["17:lan nguyen"])]
PhotoOrderWord = Literal["added", "taken", "-taken"]
ScoreText = Annotated[str, Field(max_length=60, pattern=r"^[^\x00]*$", examples=["0:0.5321:17"])]
Pixels = Annotated[int, Field(ge=1, le=10_000)]
IdempotencyKey = Annotated[
    str,
    Field(
        max_length=255,
        description="Any text of yours: when the same is sent again with it, the call is carried out once",
    ),
]
Status = Literal["queued", "processing", "done", "failed", "cancelled"]
Box = Annotated[list[int], Field(min_length=4, max_length=4, examples=[[412, 96, 88, 104]])]
Similarity = Annotated[float, Field(ge=-1.01, le=1.01, examples=[0.5321])]


class Page(Schema, Generic[Item]):
    """A part of a list."""

    items: list[Item]
    next: str | None = Field(description="What `cursor` takes for the following part; null at the end")


Word = Annotated[str, Field(max_length=40, pattern=r"^[^\x00]*$")]
Label = Annotated[str, Field(description="The name, with what tells this person from others who have it")]


class PersonRef(Schema):
    id: int
    name: str
    label: Label


class CandidateOut(Schema):
    """A person proposed for a face."""

    person_id: int
    name: str
    label: Label
    similarity: Similarity


class FaceOut(Schema):
    id: int
    revision: int = Field(description="Send it with a decision, and nobody's later one is overwritten")
    box: Box
    detection: float = Field(description="How surely this is a face, 0 to 1")
    state: Literal["known", "unsure", "unknown"]
    person: PersonRef | None = Field(description="Who it is: recognised, or said by somebody")
    similarity: Similarity | None
    decision: Literal["confirmed", "rejected", "ignored", "not_a_face"] | None = Field(
        description="What somebody has said; `rejected`: it stays without a name"
    )
    candidates: list[CandidateOut]


class IdentifiedFaceOut(Schema):
    """A face of a picture that is not kept."""

    box: Box
    detection: float
    state: Literal["known", "unsure", "unknown"]
    person: PersonRef | None
    similarity: Similarity | None
    decision: None
    candidates: list[CandidateOut]


class IdentifiedOut(Schema):
    width: int
    height: int
    faces: list[IdentifiedFaceOut]


class FaceSearchIn(Schema):
    face: Id


class AlikeFaceOut(Schema):
    """A face of a photo that looks like the one that was asked for."""

    similarity: Similarity
    certainty: Literal["known", "unsure", "alike"] = Field(
        description="`known`: alike enough to be the same person, by the bounds that names are given by"
    )
    meaning: str = Field(description="In the asked language")
    face: int
    photo: int
    person: PersonRef | None = Field(description="Whose name it bears")


class AlikeFacesOut(Schema):
    faces: list[AlikeFaceOut] = Field(description="The nearest first")
    next: str | None = Field(description="What `cursor` takes for the following part; null at the end")


class ComparedOut(Schema):
    similarity: Similarity
    meaning: str = Field(description="In the asked language")
    same: bool | None = Field(description="null where that cannot be said")


class DecidedFaceOut(FaceOut):
    event: int | None = Field(description="Of the act, for undoing it; null where all was so already")


class PhotoOut(Schema):
    id: int
    name: str
    status: Status
    reason: str | None = Field(description="Why it failed, in the asked language")
    width: int = Field(description="Of the photo as it stands, turned")
    height: int
    turn: int = Field(
        description="Degrees clockwise, 0 to 270, that somebody has turned it by, beyond what its original says: "
        "boxes and pictures are turned, the original is not"
    )
    added: datetime.datetime
    taken: datetime.datetime | None
    caption: str
    tags: list[str]
    rating: int | None = Field(description="1 to 5 stars")
    albums: list[int]
    faces: list[FaceOut]


class SentPhotoOut(PhotoOut):
    duplicate: bool = Field(description="This file is here already: this is the photo it became then")


class ActOut(Schema):
    event: int | None = Field(description="Of the act, for undoing it; null where all was so already")


class DecisionIn(Schema):
    decision: Literal["confirm", "reject", "unknown", "not_a_face", "ignore", "clear"] = Field(
        description="`confirm`: it is `person`. `reject`: it is not `person`. `unknown`: it stays without a name."
        " `clear`: take a decision back"
    )
    person: Id | None = None
    revision: int | None = Field(None, description="Of the face as you saw it; 409 if it has changed since")

    @model_validator(mode="after")
    def check_person(self) -> DecisionIn:
        if (self.decision in ("confirm", "reject")) != (self.person is not None):
            raise ValueError("confirm and reject need a person, the others none")
        return self


class PersonOut(Schema):
    id: int
    name: str
    label: Label
    distinction: str
    born: str = Field(description="A year, a month or a day, as far as it is known; or empty")
    note: str
    hidden: bool
    revision: int
    references: int = Field(description="Approved pictures that others' faces are compared with")
    photos: int = Field(description="Photos they are on, of those you may see")


class PersonIn(Schema):
    name: Name
    note: Text = ""
    distinction: Word = Field("", description="Tells them apart from others of that name")
    born: Word = Field("", description="1980, 1980-05 or 1980-05-03")
    another: bool = Field(False, description="Whoever has the name is somebody else; 409 without this")


class PersonPatch(Schema):
    """What is left out stays as it is."""

    name: Name | None = None
    note: Text | None = None
    distinction: Word | None = None
    born: Word | None = None
    another: bool = Field(False, description="Whoever has the name is somebody else; 409 without this")
    hidden: bool | None = None
    revision: int | None = Field(None, description="Of the person as you saw them; 409 if changed since")


class ReferenceOut(Schema):
    id: int
    status: Status = Field(description="Whether a worker has found and embedded the face")
    reason: str | None
    judgement: Literal["pending", "approved", "rejected"] = Field(
        description="Only approved ones are compared with; what contributors send waits for a curator"
    )


class AlbumOut(Schema):
    id: int
    name: str
    date: datetime.date | None
    note: str
    limited: bool = Field(description="Only chosen users see it")
    photos: int


class AlbumIn(Schema):
    name: Name
    date: datetime.date | None = None
    note: Text = ""
    limited: bool = Field(False, description="Only you and administrators see it, until you choose others")


class BuildOut(Schema):
    """One version of the index."""

    id: int
    status: Status
    reason: str | None
    embedder: str
    contents: Literal["references", "faces"] = Field(description="What it is an index of")
    active: bool
    vectors: int
    index: str
    recall: float | None
    milliseconds: int
    created: datetime.datetime


class JobKindOut(Schema):
    """How many jobs of one kind are in each state."""

    kind: str
    title: str
    waiting: int
    running: int
    failed: int
    aside: int


class FailedJobOut(Schema):
    kind: str
    id: int | None
    label: str
    reason: str
    remedy: str


class JobsOut(Schema):
    kinds: list[JobKindOut]
    failures: list[FailedJobOut]
    paused: bool
    has_worker: bool
    minutes_left: int | None


class FoundOut(Schema):
    photos: Page[PhotoOut]
    people: list[PersonOut]
    albums: list[AlbumOut]


class EventOut(Schema):
    """One act of the history."""

    id: int
    at: datetime.datetime
    actor: str | None
    verb: str = Field(examples=["face.confirm"])
    description: str = Field(description="In the asked language, after the actor's name")
    undone: bool
    can_undo: bool = Field(description="Whether you may take it back")

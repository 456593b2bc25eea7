"""Faces: shown, decided on, cut out."""

from __future__ import annotations

from typing import Any, cast

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404

from gallery.api.base import ApiRequest, api
from gallery.api.documentation import describe_file
from gallery.api.schemas import CandidateOut, DecidedFaceOut, DecisionIn, FaceOut, PersonRef, Pixels
from gallery.core.downloads import ASK_EACH_TIME, tagged_response
from gallery.faces.decisions import confirm_face, decide_face, reject_person_of_face
from gallery.faces.labels import get_named_person
from gallery.faces.selectors import find_visible_face
from gallery.models import ApiScope, Decision, Event, Face, Person, Role, User
from gallery.photos.renditions import choose_face_size, face_digest, get_face_jpeg
from recognition.errors import ImageError

DECISIONS = {
    "unknown": Decision.REJECTED,
    "not_a_face": Decision.NOT_A_FACE,
    "ignore": Decision.IGNORED,
    "clear": Decision.NONE,
}


def show_face(face: Face) -> FaceOut:
    person = get_named_person(face)
    return FaceOut(
        id=face.pk,
        revision=face.revision,
        box=list(face.box.as_ints()),
        detection=round(face.score, 4),
        state=cast("Any", face.state),
        person=PersonRef(id=person.pk, name=person.name, label=person.label) if person else None,
        similarity=None if face.similarity is None else round(face.similarity, 4),
        decision=cast("Any", face.decision or None),
        candidates=[
            CandidateOut(
                person_id=candidate.person_id,
                name=candidate.person.name,
                label=candidate.person.label,
                similarity=round(candidate.similarity, 4),
            )
            for candidate in face.candidates.all()
        ],
    )


def find_face(user: User, pk: int) -> Face:
    face = find_visible_face(user, pk)
    if face is None:
        raise Http404
    return face


@api.call(
    "POST",
    "/faces/{int:pk}/decision",
    ApiScope.DECIDE,
    Role.CONTRIBUTOR,
    response=DecidedFaceOut,
    tags=["faces"],
    summary="Say who a face is",
)
def decide_on_face(request: ApiRequest, pk: int, said: DecisionIn) -> DecidedFaceOut:
    """It outranks what the machine says, until somebody takes it back."""
    face = find_face(request.user, pk)
    event = _apply_decision(request.user, face, said)
    shown = show_face(find_face(request.user, pk))
    return DecidedFaceOut(**dict(shown), event=event.pk if event else None)


def _apply_decision(user: User, face: Face, said: DecisionIn) -> Event | None:
    if said.person is None:
        return decide_face(user, face, DECISIONS[said.decision], said.revision)
    act = confirm_face if said.decision == "confirm" else reject_person_of_face
    return act(user, face, get_object_or_404(Person, pk=said.person), said.revision)


@api.call(
    "GET",
    "/faces/{int:pk}/crop",
    ApiScope.READ,
    tags=["faces"],
    summary="The face, cut out, as JPEG",
    openapi_extra=describe_file("image/jpeg"),
)
def get_face_crop(request: ApiRequest, pk: int, size: Pixels = 384) -> HttpResponseBase:
    """Its longer side has 128 or 384 pixels."""
    face, made = find_face(request.user, pk), choose_face_size(size)

    def respond() -> HttpResponse:
        try:
            return HttpResponse(get_face_jpeg(face, made), content_type="image/jpeg")
        except (ImageError, FileNotFoundError) as error:
            raise Http404(str(error)) from error

    return tagged_response(request, f"{face_digest(face)}-{made}-jpeg", respond, ASK_EACH_TIME)

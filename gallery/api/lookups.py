"""Pictures that are looked at and not kept: who is on one, whether two show the same person, and all photos with a
face."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import File, Query, UploadedFile
from ninja.errors import ValidationError
from pydantic import ValidationError as PydanticError

from gallery.api.base import ApiRequest, NotLetIn, api
from gallery.api.documentation import describe_face_search
from gallery.api.faces import find_face
from gallery.api.schemas import AlikeFacesOut, ComparedOut, FaceSearchIn, IdentifiedOut, ScoreText
from gallery.core.lookups import ask_lookup
from gallery.history.audit import VERB_LOOKED_UP, VERB_SEARCHED, write_audit_event
from gallery.history.switches import are_face_lookups_on
from gallery.models import ApiScope


def check_lookups_allowed() -> None:
    if not are_face_lookups_on():
        raise NotLetIn("switched_off", _("Looking at pictures without keeping them is switched off here."))


def look_up(request: ApiRequest, act: str, *files: Any, **options: Any) -> HttpResponse:
    check_lookups_allowed()
    response = ask_lookup(request.user, act, files, **options)
    write_audit_event(request.user, VERB_LOOKED_UP)
    return response


@api.call(
    "POST",
    "/identify",
    ApiScope.READ,
    takes_files=True,
    response=IdentifiedOut,
    tags=["lookups"],
    summary="Who is on a picture",
)
def identify(request: ApiRequest, file: File[UploadedFile]) -> HttpResponse:
    """Nothing of it is kept. Answers come from the people and references that the key's user may see."""
    return look_up(request, "identify", file)


@api.call(
    "POST",
    "/compare",
    ApiScope.READ,
    takes_files=True,
    response=ComparedOut,
    tags=["lookups"],
    summary="Whether two pictures show the same person",
)
def compare(request: ApiRequest, a: File[UploadedFile], b: File[UploadedFile]) -> HttpResponse:
    """The main face of each is compared; nothing is kept. 422 where a picture has none."""
    return look_up(request, "compare", a, b)


@api.call(
    "POST",
    "/faces/search",
    ApiScope.READ,
    takes_files=True,
    response=AlikeFacesOut,
    tags=["lookups"],
    summary="All photos with this face",
    openapi_extra=describe_face_search(),
)
def search_faces(request: ApiRequest, cursor: Query[ScoreText | None] = None) -> HttpResponse:
    """Faces of the photos that the key's user may see, like a face of a photo (`face`), or like the main face of a
    picture (`file`), which is not kept. Faces without a name are found by contributors. 422 where the face cannot be
    compared."""
    check_lookups_allowed()
    face = _read_face(request)
    files = () if face else _read_files(request)
    options: dict[str, Any] = {"face": face} if face else {}
    found = find_face(request.user, face) if face else None
    act = "search_with_face" if face else "search_with_picture"
    response = ask_lookup(request.user, act, files, cursor=cursor or "", **options)
    if not cursor:
        write_audit_event(request.user, VERB_SEARCHED, found)
    return response


def _read_face(request: ApiRequest) -> int | None:
    if request.content_type != "application/json":
        return None
    try:
        return FaceSearchIn.model_validate_json(request.body).face
    except PydanticError as error:
        raise ValidationError([dict(one) for one in error.errors()]) from error


def _read_files(request: ApiRequest) -> tuple[Any, ...]:
    if "file" not in request.FILES:
        raise ValidationError([{"loc": ("file",), "type": "missing", "msg": _("Send a picture, or a face.")}])
    return (request.FILES["file"],)

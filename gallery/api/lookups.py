"""Pictures that are looked at and not kept: who is on one, and whether two show the same person."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import File, UploadedFile

from gallery.api.base import ApiRequest, NotLetIn, api
from gallery.api.schemas import ComparedOut, IdentifiedOut
from gallery.core.lookups import ask_lookup
from gallery.history.audit import VERB_LOOKED_UP, write_audit_event
from gallery.history.switches import are_face_lookups_on
from gallery.models import ApiScope


def look_up(request: ApiRequest, act: str, *files: Any, **options: Any) -> HttpResponse:
    if not are_face_lookups_on():
        raise NotLetIn("switched_off", _("Looking at pictures without keeping them is switched off here."))
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

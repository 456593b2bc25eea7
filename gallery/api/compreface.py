"""CompreFace's recognition service for programs that know it: with its addresses, header, answers and errors.

https://github.com/exadel-inc/CompreFace/blob/master/docs/Rest-API-description.md"""

from __future__ import annotations

import base64
import binascii
import json
from math import ceil
from pathlib import PurePosixPath
from typing import Annotated, Any

from django.core.files.base import ContentFile
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _
from ninja import Query, Schema, Status
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.security import APIKeyHeader
from pydantic import Field

from gallery.api.base import Api, ApiRequest, BodyWithheld, CallRule, KeyAuth, NotLetIn
from gallery.api.lookups import look_up
from gallery.api.schemas import Name
from gallery.core.compreface import (
    EXAMPLE_NOT_FOUND,
    MISSING_FILE,
    SUBJECT_ALREADY_EXISTS,
    SUBJECT_NOT_FOUND,
    UNDEFINED,
    UNREADABLE_FILE,
    WRONG_VALUE,
    make_compreface_error,
)
from gallery.core.downloads import stored_response
from gallery.core.exceptions import ActionRefused, NameTaken, NameWasErased, translate_error
from gallery.core.pagination import parse_id
from gallery.core.problems import PLAIN_PROBLEMS
from gallery.core.throttling import CallLimitReached, UploadQuotaReached
from gallery.models import ApiKey, ApiScope, Person, Reference, Role
from gallery.models.querysets import ReferenceQuerySet
from gallery.people.references import reject_references
from gallery.people.services import merge_people, rename_person
from gallery.people.subjects import add_subject, find_subject, remove_subjects
from recognition.errors import ImageError

DEFAULT_DETECTION = 0.8  # how surely a face must be one, unless a call says otherwise
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]


class HeaderAuth(APIKeyHeader):
    param_name = "x-api-key"

    def __init__(self, rule: CallRule) -> None:
        super().__init__()
        self.inner = KeyAuth(rule)

    def authenticate(self, request: HttpRequest, key: str | None) -> ApiKey | None:
        return self.inner.authenticate(request, key or "")


api = Api(
    title="CompreFace",
    urls_namespace="compreface",
    openapi_url=None,
    root="compreface/api/v1/recognition",
    auth_class=HeaderAuth,
)


class Answer(Exception):
    """Ends a call with an error as CompreFace has it."""

    def __init__(self, status: int, number: int, message: str) -> None:
        super().__init__(message)
        self.response = make_compreface_error(status, number, message)


class SubjectIn(Schema):
    subject: Name


def find_person(subject: str) -> Person:
    person = find_subject(subject)
    if person is None:
        raise Answer(404, SUBJECT_NOT_FOUND, _("There is no subject “%(name)s”.") % {"name": subject})
    return person


def list_examples(request: ApiRequest) -> ReferenceQuerySet:
    return Reference.objects.visible_to(request.user).exclude(status=Reference.Judgement.REJECTED)


def find_example(request: ApiRequest, image_id: str) -> Reference:
    found = list_examples(request).filter(pk=parse_id(image_id) or 0).select_related("person").first()
    if found is None:
        raise Answer(404, EXAMPLE_NOT_FOUND, str(PLAIN_PROBLEMS[404][1]))
    return found


def describe_examples(examples: list[Reference]) -> list[dict[str, str]]:
    return [{"image_id": str(one.pk), "subject": one.person.label} for one in examples]


def read_picture(request: ApiRequest) -> Any:
    """The file of a form, or what JSON has in base64."""
    if request.content_type != "application/json":
        if "file" in request.FILES:
            return request.FILES["file"]
    else:
        try:
            return ContentFile(base64.b64decode(json.loads(request.body)["file"], validate=True), "picture")
        except (ValueError, KeyError, TypeError, binascii.Error):
            pass
    raise Answer(400, MISSING_FILE, _("Send the picture as the file “file”."))


# Pictures


@api.call("POST", "/recognize", ApiScope.READ, takes_files=True)
def recognise(
    request: ApiRequest,
    limit: Count = 0,
    prediction_count: Annotated[int, Field(ge=1, le=100)] = 1,
    det_prob_threshold: Share = DEFAULT_DETECTION,
    face_plugins: str = "",
    status: bool = False,
) -> HttpResponse:
    return look_up(
        request,
        "compreface.recognise",
        read_picture(request),
        limit=limit,
        prediction_count=prediction_count,
        least_detection=det_prob_threshold,
        has_landmarks="landmarks" in face_plugins,
        has_status=status,
    )


@api.call("POST", "/faces/{image_id}/verify", ApiScope.READ, takes_files=True)
def verify(
    request: ApiRequest, image_id: str, limit: Count = 0, det_prob_threshold: Share = DEFAULT_DETECTION
) -> HttpResponse:
    example = find_example(request, image_id)
    picture = read_picture(request)
    options = {"reference": example.pk, "limit": limit, "least_detection": det_prob_threshold}
    return look_up(request, "compreface.verify", picture, **options)


# Examples


@api.call("POST", "/faces", ApiScope.CURATE, Role.CONTRIBUTOR, takes_files=True)
def add_example(
    request: ApiRequest, subject: Query[Name], det_prob_threshold: Share = DEFAULT_DETECTION
) -> HttpResponse:
    picture = read_picture(request)
    options = {"subject": subject, "name": picture.name or "", "least_detection": det_prob_threshold}
    return look_up(request, "compreface.add", picture, **options)


@api.call("GET", "/faces", ApiScope.READ)
def list_faces(
    request: ApiRequest,
    page: Count = 0,
    size: Annotated[int, Field(ge=1, le=1_000)] = 20,
    subject: str = "",
) -> dict[str, Any]:
    rows = list_examples(request).select_related("person").order_by("pk")
    if subject:
        rows = rows.filter(person=find_person(subject))
    count = rows.count()
    return {
        "faces": describe_examples(list(rows[page * size : (page + 1) * size])),
        "page_number": page,
        "page_size": size,
        "total_pages": ceil(count / size),
        "total_elements": count,
    }


@api.call("DELETE", "/faces", ApiScope.CURATE, Role.CURATOR)
def delete_examples(request: ApiRequest, subject: str = "") -> dict[str, int]:
    rows = list_examples(request)
    if subject:
        rows = rows.filter(person=find_person(subject))
    return {"deleted": reject_references(request.user, rows)}


@api.call("POST", "/faces/delete", ApiScope.CURATE, Role.CURATOR)
def delete_some_examples(request: ApiRequest, ids: list[str]) -> list[dict[str, str]]:
    rows = list_examples(request).filter(pk__in=[pk for pk in map(parse_id, ids) if pk])
    found = list(rows.select_related("person"))
    reject_references(request.user, found)
    return describe_examples(found)


@api.call("DELETE", "/faces/{image_id}", ApiScope.CURATE, Role.CURATOR)
def delete_example(request: ApiRequest, image_id: str) -> dict[str, str]:
    example = find_example(request, image_id)
    reject_references(request.user, [example])
    return describe_examples([example])[0]


@api.call("GET", "/faces/{image_id}/img", ApiScope.READ)
def get_example_picture(request: ApiRequest, image_id: str) -> HttpResponseBase:
    name = str(find_example(request, image_id).image)
    return stored_response(name, "image/jpeg", PurePosixPath(name).name, attachment=False)


# Subjects


@api.call(
    "GET",
    "/subjects/",
    ApiScope.READ,
    url_name="list_subjects_as_documented",
    operation_id="list_subjects_as_documented",
)
@api.call("GET", "/subjects", ApiScope.READ)
def list_subjects(request: ApiRequest) -> dict[str, list[str]]:
    return {"subjects": [person.label for person in Person.objects.shown()]}


@api.call("POST", "/subjects", ApiScope.CURATE, Role.CONTRIBUTOR, response={201: dict})
def create_subject(request: ApiRequest, added: SubjectIn) -> Status[dict[str, str]]:
    person = add_subject(request.user, added.subject)
    return Status(201, {"subject": person.label})


@api.call("PUT", "/subjects/{path:subject}", ApiScope.CURATE, Role.CURATOR)
def rename_subject(request: ApiRequest, subject: str, renamed: SubjectIn) -> dict[str, bool]:
    """To the name of another one: the two become one, as CompreFace has it."""
    with transaction.atomic():
        person, other = find_person(subject), find_subject(renamed.subject)
        if other is not None and other != person:
            merge_people(request.user, person, other)
        else:
            rename_person(request.user, person, renamed.subject)
    return {"updated": True}


@api.call("DELETE", "/subjects/{path:subject}", ApiScope.CURATE, Role.CURATOR)
def delete_subject(request: ApiRequest, subject: str) -> dict[str, str]:
    person = find_person(subject)
    remove_subjects(request.user, [person])
    return {"subject": subject}


@api.call("DELETE", "/subjects", ApiScope.CURATE, Role.CURATOR)
def delete_all_subjects(request: ApiRequest) -> dict[str, int]:
    return {"deleted": remove_subjects(request.user, list(Person.objects.shown()))}


# Errors


ANSWERS: dict[type[Exception], tuple[int, int]] = {
    AuthenticationError: (401, UNDEFINED),
    NotLetIn: (403, UNDEFINED),
    BodyWithheld: (413, UNDEFINED),
    Http404: (404, UNDEFINED),
    ValidationError: (400, WRONG_VALUE),
    HttpError: (400, WRONG_VALUE),
    ImageError: (400, UNREADABLE_FILE),
    NameWasErased: (400, UNDEFINED),
    NameTaken: (400, SUBJECT_ALREADY_EXISTS),
    ActionRefused: (400, UNDEFINED),
}


@api.exception_handler(Answer)
def answer_known_error(request: HttpRequest, error: Answer) -> HttpResponse:
    return error.response


def answer_error(request: HttpRequest, error: Any) -> HttpResponse:
    kind = next(kind for kind in type(error).mro() if kind in ANSWERS)
    status, number = ANSWERS[kind]
    has_sentence = isinstance(error, ActionRefused | NotLetIn | NameWasErased | ImageError)
    message = translate_error(error) if has_sentence else str(PLAIN_PROBLEMS[status][1])
    response = make_compreface_error(status, number, message)
    if isinstance(error, CallLimitReached | UploadQuotaReached):
        response.status_code = 429
        response["Retry-After"] = str(error.wait_seconds)
    return response


for each in ANSWERS:
    api.add_exception_handler(each, answer_error)

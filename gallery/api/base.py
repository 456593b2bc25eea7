"""The API itself: who may make which call, how errors are told, and the document that describes it all.

Each call names a scope, which the key must have, and a role, which its user must have. Sessions count for nothing
here: a browser sends its cookie along with whatever page asks it to, and nobody sends a key without meaning it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, ValidationError
from ninja.security import HttpBearer

from gallery.accounts.api_keys import find_api_key, note_key_use
from gallery.api.documentation import complete_document
from gallery.core.exceptions import (
    ActionRefused,
    CannotUndo,
    ConfirmationNeeded,
    EditConflict,
    FileWasErased,
    NameTaken,
    NameWasErased,
    NotThere,
    translate_error,
)
from gallery.core.idempotency import StillGoingOn
from gallery.core.limits import WITHHELD
from gallery.core.problems import make_problem
from gallery.core.throttling import CallLimitReached, UploadQuotaReached, count_api_call
from gallery.models import ApiKey, ApiScope, Role, User
from recognition.errors import ImageError, ImageTooLarge

ROOT = "api/v1"
DESCRIPTION = """\
Names the faces in group photos. Send `Authorization: Bearer KEY`; keys are made on the page *My account*.

A call needs the scope that it names, and does no more than the key's user may. What that user may not see is
answered like what is not there. Errors are [problem details](https://www.rfc-editor.org/rfc/rfc9457) with a `code`
that stays and a `detail` for people, in English or Vietnamese (`Accept-Language`). Lists go on with `?cursor=` and
what the answer before said as `next`."""
CONFLICTS = (EditConflict, CannotUndo, NameTaken, FileWasErased, StillGoingOn)
Call = TypeVar("Call", bound=Callable[..., Any])


class ApiRequest(HttpRequest):
    """A request as calls get it."""

    user: User
    auth: ApiKey


@dataclass(frozen=True, slots=True)
class CallRule:
    """Who may make a call."""

    scope: ApiScope
    role: Role
    takes_files: bool = False

    def lets_in(self, key: ApiKey) -> bool:
        return self.scope in key.scopes and key.user.has_role(self.role)


RULES: dict[tuple[str, str], CallRule] = {}  # by method and route


class NotLetIn(Exception):
    """The key lacks the scope, or its user the role."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class BodyWithheld(Exception):
    """The gate has not let the body in, although the call may be made."""


class KeyAuth(HttpBearer):
    def __init__(self, rule: CallRule) -> None:
        super().__init__()
        self.rule = rule

    def authenticate(self, request: HttpRequest, token: str) -> ApiKey | None:
        key = find_api_key(token)
        if key is None:
            return None
        request.user = key.user
        request.takes_files = self.rule.takes_files  # type: ignore[attr-defined]  # see core.limits
        count_api_call(key)
        if self.rule.scope not in key.scopes:
            raise NotLetIn(
                "scope_missing", _("The key needs the scope “%(scope)s”.") % {"scope": self.rule.scope.value}
            )
        if not self.rule.lets_in(key):
            raise NotLetIn("role_too_low", _("The key's user may not do this."))
        if request.META.get(WITHHELD):
            raise BodyWithheld
        note_key_use(key)
        return key


class Api(NinjaAPI):
    def __init__(
        self, root: str, auth_class: Callable[[CallRule], Callable[..., Any]] = KeyAuth, **options: Any
    ) -> None:
        super().__init__(**options)
        self.root, self.auth_class = root, auth_class

    def call(
        self,
        method: str,
        path: str,
        scope: ApiScope,
        role: Role = Role.VIEWER,
        *,
        takes_files: bool = False,
        **options: Any,
    ) -> Callable[[Call], Call]:
        """For a function: what it answers to this method and path, for whom."""
        rule = CallRule(scope, role, takes_files)
        RULES[method, self.root + path.replace("{", "<").replace("}", ">")] = rule

        def register(function: Call) -> Call:
            needs = f"Needs the scope `{scope.value}`, and a {role.value} or more."
            description = f"{inspect.getdoc(function) or ''}\n\n{needs}".strip()
            operation = self.api_operation(
                [method], path, auth=self.auth_class(rule), description=description, **options
            )
            return operation(function)

        return register

    def get_openapi_operation_id(self, operation: Any) -> str:
        return str(operation.view_func.__name__)

    def get_openapi_schema(self, **options: Any) -> Any:
        return complete_document(super().get_openapi_schema(**options))


api = Api(ROOT, title="Facesite", version="1", description=DESCRIPTION, urls_namespace="api")


def find_key_sender(request: HttpRequest) -> tuple[User | None, bool]:
    """Who sends the body of a call, if they may make it, and whether it takes files. Asked before there is a body."""
    scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        secret = request.headers.get("x-api-key", "")  # as CompreFace's clients send it
    key = find_api_key(secret)
    try:
        rule = RULES.get((request.method or "", resolve(request.path_info).route))
    except Resolver404:
        rule = None
    if key is None or rule is None or not rule.lets_in(key):
        return None, False
    count_api_call(key, 0)
    return key.user, rule.takes_files


@api.exception_handler(AuthenticationError)
def answer_stranger(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    return make_problem(401)


@api.exception_handler(NotLetIn)
def answer_not_let_in(request: HttpRequest, error: NotLetIn) -> HttpResponse:
    return make_problem(403, error.code, str(error))


@api.exception_handler(BodyWithheld)
def answer_withheld_body(request: HttpRequest, error: BodyWithheld) -> HttpResponse:
    return make_problem(413, detail=str(request.META[WITHHELD].sentence))


@api.exception_handler(Http404)
def answer_not_found(request: HttpRequest, error: Http404) -> HttpResponse:
    return make_problem(404, detail=str(error) if isinstance(error, NotThere) else "")


@api.exception_handler(ValidationError)
def answer_invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    errors = [
        {"field": name_field(one["loc"]), "code": one["type"], "message": one["msg"]} for one in error.errors
    ]
    return make_problem(422, errors=errors)


# How many words django-ninja puts before a field's name
PLACES = {"body": 2, "form": 1, "file": 1, "query": 1, "path": 1}


def name_field(place: Sequence[object]) -> str:
    """As whoever calls knows it: without where it is looked for, and what the body is called here."""
    start = PLACES.get(str(place[0]), 0) if place else 0
    return ".".join(map(str, place[start:] or place[-1:]))


@api.exception_handler(ActionRefused)
def answer_refusal(request: HttpRequest, error: ActionRefused) -> HttpResponse:
    if isinstance(error, UploadQuotaReached | CallLimitReached):
        return make_problem(429, error.code, str(error), retry_after=error.wait_seconds)
    wait_seconds = error.wait_seconds if isinstance(error, StillGoingOn) else 0
    status = 409 if isinstance(error, CONFLICTS) else 422
    return make_problem(status, error.code, str(error), retry_after=wait_seconds)


@api.exception_handler(ConfirmationNeeded)
@api.exception_handler(NameWasErased)
def answer_erased_name(request: HttpRequest, error: ConfirmationNeeded | NameWasErased) -> HttpResponse:
    return make_problem(409, error.code, str(error))


@api.exception_handler(ImageError)
def answer_bad_image(request: HttpRequest, error: ImageError) -> HttpResponse:
    status = 413 if isinstance(error, ImageTooLarge) else 422
    return make_problem(status, getattr(error, "code", ""), translate_error(error))

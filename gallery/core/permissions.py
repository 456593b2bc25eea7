"""Requests and their users: roles as permissions, what the admin may show and what a view requires."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django_htmx.middleware import HtmxDetails

from gallery.models import Role, User

ViewFunction = Callable[..., HttpResponseBase]


class PageRequest(HttpRequest):
    """A request as views behind the login get it, with what django-htmx's middleware sets."""

    user: User
    htmx: HtmxDetails


CURATOR_MODELS = {
    "person",
    "reference",
    "photo",
    "face",
    "album",
    "build",
    "calibration",
    "event",
    "finding",
    "bulkact",
}
READ_ONLY_MODELS = {
    "build",
    "calibration",
    "event",
    "finding",
}  # changed by their own actions, never by a form


class RoleBackend(ModelBackend):
    """Curators tend the gallery in the admin; administrators see all of it."""

    def has_perm(self, user_obj: Any, perm: str, obj: object = None) -> bool:
        if not isinstance(user_obj, User) or not user_obj.is_active:
            return False
        label, _, codename = perm.partition(".")
        action, _, model = codename.partition("_")
        if label == "gallery" and model in READ_ONLY_MODELS and action != "view":
            return False
        if user_obj.is_administrator:
            return True
        return user_obj.is_curator and label == "gallery" and model in CURATOR_MODELS

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        if not isinstance(user_obj, User):
            return False
        return user_obj.is_administrator or (user_obj.is_curator and app_label == "gallery")


def role_required(role: Role) -> Callable[[ViewFunction], ViewFunction]:
    """For a view: 403 unless its user has at least this role. That they are signed in is the middleware's matter."""

    def decorate(view: ViewFunction) -> ViewFunction:
        @wraps(view)
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not current_user(request).has_role(role):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        wrapped.least_role = role  # type: ignore[attr-defined]  # the middleware asks before forms are read
        return wrapped

    return decorate


contributor_required = role_required(Role.CONTRIBUTOR)
curator_required = role_required(Role.CURATOR)
administrator_required = role_required(Role.ADMINISTRATOR)


def takes_files(view: ViewFunction) -> ViewFunction:
    """For a view: its requests may be as large as uploads are. In the admin each may be."""
    view.takes_files = True  # type: ignore[attr-defined]  # the gate asks, before there is a body
    return view


def may_send_files(user: User, view: object) -> bool:
    """Whether the user may send files, or as much as files are, to a view: contributors to all, and viewers to one
    that takes files and is for them, too."""
    is_for_files = getattr(view, "takes_files", False)
    return user.has_role(getattr(view, "least_role", Role.CONTRIBUTOR) if is_for_files else Role.CONTRIBUTOR)


def gives_file(view: ViewFunction) -> ViewFunction:
    """For a view: its answer is a file to keep, or a page that says why there is none; no page one stays on."""
    view.gives_file = True  # type: ignore[attr-defined]  # the middleware asks, before the login
    return view


def current_user(request: HttpRequest) -> User:
    """The logged-in user; views behind the login middleware always have one."""
    if not request.user.is_authenticated:
        raise PermissionDenied
    return request.user

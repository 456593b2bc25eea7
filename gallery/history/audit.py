"""The audit trail: sign-ins and failed ones, and who viewed, downloaded or exported what.

These rows are events without subjects, so that an object's history does not show them; the audit page does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models import Model
from django.http import HttpRequest

from gallery.core.throttling import get_client_address
from gallery.models import Event, ShareLink, User
from gallery.models.clock import get_site_time

VERB_SIGN_IN, VERB_SIGN_OUT, VERB_SIGN_IN_FAILED = "sign_in", "sign_out", "sign_in.failed"
VERB_RESET_ASKED = "password.reset_asked"
VERB_SEEN, VERB_DOWNLOADED, VERB_EXPORTED = "seen", "downloaded", "exported"
VERB_LOOKED_UP, VERB_SEARCHED = "looked_up", "searched_with_face"
AUDIT_ONLY_VERBS = (
    VERB_SIGN_IN,
    VERB_SIGN_OUT,
    VERB_SIGN_IN_FAILED,
    VERB_RESET_ASKED,
    VERB_SEEN,
    VERB_DOWNLOADED,
    VERB_EXPORTED,
    VERB_LOOKED_UP,
    VERB_SEARCHED,
)
MAX_RESETS_PER_HOUR = 5  # from one address


def write_audit_event(user: User | None, verb: str, obj: Model | None = None, **summary: object) -> None:
    """One row of the trail."""
    Event.objects.create(
        actor=user,
        verb=verb,
        object_type=(obj._meta.model_name or "") if obj else "",
        object_id=obj.pk if obj else None,
        summary=summary,
    )


def record_view(user: User | None, obj: Model, **summary: object) -> None:
    """The user was shown a photo or a person; once an hour for each is enough."""
    seen = Event.objects.filter(verb=VERB_SEEN, actor=user, at__gt=get_site_time() - timedelta(hours=1))
    if not seen.filter(object_type=obj._meta.model_name, object_id=obj.pk).exists():
        write_audit_event(user, VERB_SEEN, obj, **summary)


def record_share_visit(link: ShareLink) -> None:
    """Somebody followed a share link; once an hour is enough."""
    record_view(None, link, album=link.album_id)


def record_download(user: User, obj: Model, **what: object) -> None:
    """The user took a file: an original, an annotated copy, a list of names."""
    write_audit_event(user, VERB_DOWNLOADED, obj, **what)


def record_export(user: User | None, **what: object) -> None:
    write_audit_event(user, VERB_EXPORTED, None, **what)


def is_reset_throttled(request: HttpRequest) -> bool:
    """Whether too many password e-mails were asked for from this address."""
    recent = Event.objects.filter(verb=VERB_RESET_ASKED, at__gt=get_site_time() - timedelta(hours=1))
    return recent.filter(summary__address=get_client_address(request)).count() >= MAX_RESETS_PER_HOUR


def record_reset_request(request: HttpRequest) -> None:
    write_audit_event(None, VERB_RESET_ASKED, address=get_client_address(request))


def _record_sign_in(sender: object, request: HttpRequest, user: User, **rest: Any) -> None:
    write_audit_event(user, VERB_SIGN_IN, user, address=get_client_address(request))


def _record_sign_out(sender: object, request: HttpRequest, user: User | None, **rest: Any) -> None:
    if user is not None:
        write_audit_event(user, VERB_SIGN_OUT, user, address=get_client_address(request))


def _record_failed_sign_in(
    sender: object, credentials: Any, request: HttpRequest | None = None, **rest: Any
) -> None:
    """The name that was typed is not kept: it may be a password in the wrong field."""
    found = get_user_model().objects.filter(username=credentials.get("username") or "").first()
    write_audit_event(
        None, VERB_SIGN_IN_FAILED, found, address=get_client_address(request) if request else ""
    )


def connect_auth_signals() -> None:
    """Listen to Django's signals of logging in and out; called once, when the app is ready."""
    user_logged_in.connect(_record_sign_in, dispatch_uid="audit")
    user_logged_out.connect(_record_sign_out, dispatch_uid="audit")
    user_login_failed.connect(_record_failed_sign_in, dispatch_uid="audit")

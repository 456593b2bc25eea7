"""The audit trail beside the history: who came, who failed to, who saw and took what.

Services write what changes (services.history); here is written what leaves no trace otherwise. These rows
are events too, without subjects, so an object's history does not show them: the audit page does.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone

from gallery.guessing import client_address
from gallery.models import Event, ShareLink, User

SIGN_IN, SIGN_OUT, SIGN_IN_FAILED = "sign_in", "sign_out", "sign_in.failed"
RESET_ASKED = "password.reset_asked"
SEEN, DOWNLOADED, EXPORTED = "seen", "downloaded", "exported"
ONLY_AUDIT = (SIGN_IN, SIGN_OUT, SIGN_IN_FAILED, RESET_ASKED, SEEN, DOWNLOADED, EXPORTED)
RESETS_AN_HOUR = 5  # from one address


def write(user: User | None, verb: str, obj: Model | None = None, **summary: object) -> None:
    """One row of the trail."""
    Event.objects.create(
        actor=user,
        verb=verb,
        object_type=(obj._meta.model_name or "") if obj else "",
        object_id=obj.pk if obj else None,
        summary=summary,
    )


def saw(user: User, obj: Model) -> None:
    """The user was shown a photo or a person; once an hour for each is enough."""
    recent = timezone.now() - timedelta(hours=1)
    kind = obj._meta.model_name or ""
    known = Event.objects.filter(object_type=kind, object_id=obj.pk, verb=SEEN, actor=user, at__gt=recent)
    if not known.exists():
        write(user, SEEN, obj)


def shared(link: ShareLink) -> None:
    """Somebody followed a share link; once an hour is enough."""
    recent = timezone.now() - timedelta(hours=1)
    known = Event.objects.filter(object_type="sharelink", object_id=link.pk, verb=SEEN, at__gt=recent)
    if not known.exists():
        write(None, SEEN, link, album=link.album_id)


def downloaded(user: User, obj: Model, **what: object) -> None:
    """The user took a file: an original, an annotated copy, a list of names."""
    write(user, DOWNLOADED, obj, **what)


def exported(user: User | None, **what: object) -> None:
    write(user, EXPORTED, None, **what)


def is_asking_too_often(request: HttpRequest) -> bool:
    """Whether too many password e-mails were asked for from this address."""
    recent = Event.objects.filter(verb=RESET_ASKED, at__gt=timezone.now() - timedelta(hours=1))
    return recent.filter(summary__address=client_address(request)).count() >= RESETS_AN_HOUR


def password_reset_asked(request: HttpRequest) -> None:
    write(None, RESET_ASKED, address=client_address(request))


def _signed_in(sender: object, request: HttpRequest, user: User, **rest: Any) -> None:
    write(user, SIGN_IN, user, address=client_address(request))


def _signed_out(sender: object, request: HttpRequest, user: User | None, **rest: Any) -> None:
    if user is not None:
        write(user, SIGN_OUT, user, address=client_address(request))


def _sign_in_failed(
    sender: object, credentials: Any, request: HttpRequest | None = None, **rest: Any
) -> None:
    """The name that was typed is not kept: it may be a password in the wrong field."""
    found = get_user_model().objects.filter(username=credentials.get("username") or "").first()
    write(None, SIGN_IN_FAILED, found, address=client_address(request) if request else "")


def connect() -> None:
    """Listen to Django's signals of logging in and out; called once, when the app is ready."""
    user_logged_in.connect(_signed_in, dispatch_uid="audit")
    user_logged_out.connect(_signed_out, dispatch_uid="audit")
    user_login_failed.connect(_sign_in_failed, dispatch_uid="audit")

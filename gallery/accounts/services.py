"""Users: invite, create, change, sign out, deactivate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.accounts.api_keys import revoke_api_keys
from gallery.core.exceptions import ActionRefused
from gallery.history.changeset import record_event
from gallery.history.locking import ADMINISTRATORS, hold_words
from gallery.models import ApiKey, Invitation, Role, User
from gallery.models.accounts import create_token, hash_token
from gallery.models.clock import get_site_time

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

INVITATION_DAYS = 7


@transaction.atomic
def invite_user(by: User, email: str, role: Role) -> tuple[Invitation, str]:
    """An invitation and its token, which is said this once and kept nowhere."""
    token = create_token()
    invitation = Invitation.objects.create(
        email=email,
        role=role,
        token_hash=hash_token(token),
        invited_by=by,
        expires_at=get_site_time() + timedelta(days=INVITATION_DAYS),
    )
    record_event(by, "user.invite", invitation, {"role": role.value})
    return invitation, token


def find_open_invitation(token: str) -> Invitation | None:
    """The invitation that this token opens, while it is unused and has not expired."""
    found = Invitation.objects.filter(token_hash=hash_token(token), used_by=None)
    return found.filter(expires_at__gt=get_site_time()).first()


@transaction.atomic
def accept_invitation(token: str, username: str, password: str) -> User:
    """Make the invited account. Refused when the invitation was used or has expired in the meantime."""
    found = Invitation.objects.select_for_update().filter(token_hash=hash_token(token), used_by=None)
    invitation = found.filter(expires_at__gt=get_site_time()).first()
    if invitation is None:
        raise ActionRefused(_("This invitation has been used or has expired. Ask for a new one."))
    hold_words(f"name of a user: {username}")
    if User.objects.filter(username=username).exists():
        raise ActionRefused(str(User._meta.get_field("username").error_messages["unique"]))
    user = User.objects.create_user(username, invitation.email, password, role=invitation.role)
    invitation.used_by = user
    invitation.save(update_fields=["used_by"])
    record_event(user, "user.join", user, {"role": invitation.role})
    return user


def record_created_user(by: User, user: User) -> None:
    """An account was made without an invitation."""
    record_event(by, "user.create", user, {"role": user.role})


def is_last_administrator(user: User) -> bool:
    others = User.objects.filter(is_active=True).exclude(pk=user.pk)
    return user.is_administrator and not any(other.is_administrator for other in others)


@transaction.atomic
def change_user(by: User, user: User, *, role: Role | None = None, is_active: bool | None = None) -> None:
    """Give another role, shut out or let in again. Refused for the last administrator."""
    hold_words(ADMINISTRATORS)
    kept = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    loses = (role is not None and role != Role.ADMINISTRATOR) or is_active is False
    if loses and is_last_administrator(kept):
        raise ActionRefused(_("This is the last administrator: name another one first."))
    summary: dict[str, object] = {}
    if role is not None and role != kept.role:
        kept.role, summary["role"] = role, role.value
        kept.is_superuser = kept.is_superuser and role == Role.ADMINISTRATOR
    if is_active is not None and is_active != kept.is_active:
        kept.is_active, summary["is_active"] = is_active, is_active
    if summary:
        kept.save(update_fields=["role", "is_active", "is_superuser"])
        record_event(by, "user.change", kept, summary)
    if is_active is False:
        sign_out_everywhere(kept)
        revoke_api_keys(by, ApiKey.objects.filter(user=kept))


def sign_out_everywhere(user: User, *, keep: str | None = None, also_ended: bool = False) -> int:
    """End the user's sessions, but for the one with the key `keep`; how many were ended.

    `also_ended`: delete those that have run out as well, which may still say who it was.
    """
    ended = 0
    sessions = (
        Session.objects.all() if also_ended else Session.objects.filter(expire_date__gt=get_site_time())
    )
    for session in sessions.iterator():
        if session.session_key != keep and session.get_decoded().get(SESSION_KEY) == str(user.pk):
            session.delete()
            ended += 1
    return ended


def _describe_role(text: StrPromise) -> Callable[[Mapping[str, Any]], str]:
    labels = dict(Role.choices)
    return lambda summary: text % {"role": labels.get(summary["role"], summary["role"])}


_describe_new_role = _describe_role(gettext_lazy("gave an account the role “%(role)s”"))


def _describe_user_change(summary: Mapping[str, Any]) -> str:
    if "is_active" in summary:
        return _("let an account in again") if summary["is_active"] else _("shut an account out")
    return _describe_new_role(summary)


EVENT_DESCRIPTIONS = {
    "user.invite": _describe_role(gettext_lazy("invited somebody as “%(role)s”")),
    "user.create": _describe_role(gettext_lazy("made an account with the role “%(role)s”")),
    "user.join": gettext_lazy("joined"),
    "user.change": _describe_user_change,
}

"""Erasing a user: account and personal data go, acts stay in the history as those of a former user."""

from __future__ import annotations

from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from gallery import audit, quota
from gallery.models import Erasure, Event, Invitation, ReferenceDraft, User
from gallery.models.users import FORMER
from gallery.scrubbing import Gone
from gallery.services.accounts import is_last_administrator
from gallery.services.erasing.begun import Todo, begin
from gallery.services.errors import Changed, Refused

__all__ = ["FORMER", "erase_user"]


def erase_user(by: User | None, user: User) -> Erasure:
    """Erase the account. Refused for the last administrator, and for the one that stands for former users."""
    with transaction.atomic():
        held = User.objects.select_for_update().filter(pk=user.pk).first()
        if held is None:
            raise Changed(_("This user is no longer there."))
        if held.is_former:
            raise Refused(_("This account stands for former users and holds nothing of anybody."))
        if is_last_administrator(held):
            raise Refused(_("This is the last administrator: name another one first."))
        counts = {"accounts": 1, "sessions": _end_sessions(held)}
        counts["traces"] = _forget_traces(held)
        todo = Todo(Gone({"user": {held.pk}}))
        drafts = ReferenceDraft.objects.filter(added_by=held)
        todo.files += drafts.values_list("image", flat=True)
        drafts.delete()
        counts["acts"] = Event.objects.filter(actor=held).count()
        _hand_over(held, _former())
        erasure = begin(None if by == held else by, Erasure.Kind.USER, counts, todo)
        held.delete()
        return erasure


def _former() -> User:
    """The account that nobody can sign in to and that stands for everybody who was erased."""
    former, is_new = User.objects.get_or_create(username=FORMER, defaults={"is_active": False})
    if is_new:
        former.set_unusable_password()
        former.save(update_fields=["password"])
    return former


def _end_sessions(user: User) -> int:
    """All of them: ended ones may still say who it was."""
    ended = 0
    for session in Session.objects.iterator():
        if session.get_decoded().get(SESSION_KEY) == str(user.pk):
            session.delete()
            ended += 1
    return ended


def _forget_traces(user: User) -> int:
    """Sign-ins with their addresses, what the user saw and took, failed attempts, invitations."""
    own = Q(actor=user) | Q(object_type="user", object_id=user.pk)
    trail = Event.objects.filter(own, verb__in=(*audit.ONLY_AUDIT, quota.REFUSED))
    count: int = trail.delete()[0]
    for attempts in (AccessAttempt, AccessFailureLog, AccessLog):
        count += attempts.objects.filter(username=user.username).delete()[0]
    invited = Q(used_by=user) | (Q(email__iexact=user.email) if user.email else Q())
    return count + Invitation.objects.filter(invited).delete()[0]


def _hand_over(user: User, former: User) -> None:
    """What the user did and made stays, as a former user's."""
    for relation in User._meta.get_fields(include_hidden=True):
        if not isinstance(relation, models.ManyToOneRel) or isinstance(relation, models.OneToOneRel):
            continue
        if relation.on_delete is None or relation.related_model._meta.auto_created:
            continue  # whose chosen albums, groups: these go
        manager: Any = relation.related_model._base_manager
        manager.filter(**{relation.field.name: user}).update(**{relation.field.name: former})

"""Users, their roles, and invitations."""

from __future__ import annotations

import hashlib
import secrets

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    VIEWER = "viewer", _("Viewer")
    CONTRIBUTOR = "contributor", _("Contributor")
    CURATOR = "curator", _("Curator")
    ADMINISTRATOR = "administrator", _("Administrator")

    @property
    def rank(self) -> int:
        return list(Role).index(self)


FORMER_USER_NAME = "a former user"  # a name that nobody can choose: it has spaces


class User(AbstractUser):
    role = models.CharField(_("role"), max_length=16, choices=Role, default=Role.VIEWER)

    def __str__(self) -> str:
        return gettext("a former user") if self.is_former else self.username

    @property
    def is_former(self) -> bool:
        """Whether the account stands for all whose accounts were erased."""
        return self.username == FORMER_USER_NAME

    def has_role(self, role: Role) -> bool:
        """At least this role; a superuser has every role, an inactive user none."""
        return self.is_active and (self.is_superuser or Role(self.role).rank >= role.rank)

    @property
    def is_contributor(self) -> bool:
        return self.has_role(Role.CONTRIBUTOR)

    @property
    def is_curator(self) -> bool:
        return self.has_role(Role.CURATOR)

    @property
    def is_administrator(self) -> bool:
        return self.has_role(Role.ADMINISTRATOR)


def create_token() -> str:
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """What is kept of a token: enough to know it again, not enough to use it."""
    return hashlib.sha256(token.encode()).hexdigest()


class Invitation(models.Model):
    """A link that lets one person make an account with a role; only the token's hash is kept."""

    email = models.EmailField(_("e-mail"))
    role = models.CharField(_("role"), max_length=16, choices=Role, default=Role.VIEWER)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_by = models.OneToOneField(User, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")

    def __str__(self) -> str:
        return self.email

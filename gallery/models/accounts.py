"""Users, their roles, invitations, and the keys by which other programs act for a user."""

from __future__ import annotations

import hashlib
import secrets

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from gallery.models.clock import get_site_time
from gallery.models.fields import MomentField


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
    photo_order = models.CharField(
        max_length=8, blank=True, editable=False
    )  # a PhotoOrder; albums have their own

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
    created_at = MomentField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_by = models.OneToOneField(User, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")

    def __str__(self) -> str:
        return self.email


class ApiScope(models.TextChoices):
    """What a key may be used for, within what its user may do."""

    READ = "read", _("Look at photos, people and albums")
    UPLOAD = "upload", _("Upload photos, make albums")
    DECIDE = "decide", _("Decide who a face is")
    CURATE = "curate", _("Change people, references and photos, undo")


class ApiKey(models.Model):
    """Lets a program act for its user; only the secret's hash is kept."""

    user = models.ForeignKey(User, models.CASCADE, related_name="api_keys")
    name = models.CharField(_("name"), max_length=100, blank=True)
    prefix = models.CharField(_("begins with"), max_length=12)  # enough to tell one's keys apart
    secret_hash = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(_("may be used to"), default=list)  # of ApiScope
    created_at = MomentField(_("made"), auto_now_add=True)
    expires_at = models.DateTimeField(_("valid until"), null=True, blank=True)
    used_at = models.DateTimeField(_("last used"), null=True, blank=True)  # to the minute
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ("-pk",)

    def __str__(self) -> str:
        return self.name or self.prefix

    @property
    def is_valid(self) -> bool:
        """Neither revoked nor expired, and its user may still come in."""
        is_over = self.expires_at is not None and self.expires_at <= get_site_time()
        return self.revoked_at is None and not is_over and self.user.is_active


class IdempotencyKey(models.Model):
    """An upload that a program sends with a name of its own, so that sending it again does it only once."""

    api_key = models.ForeignKey(ApiKey, models.CASCADE, related_name="+")
    name = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)  # of what was sent, and where to
    status = models.PositiveSmallIntegerField(null=True)  # of the answer; none while it is being made
    object_id = models.BigIntegerField(null=True)
    created_at = MomentField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=("api_key", "name"), name="one_answer_per_name")]

    def __str__(self) -> str:
        return self.name

"""Invitations in the admin: made, seen, taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from gallery.access import current_user
from gallery.models import Invitation, Role
from gallery.services import accounts

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Invitation]
else:
    Base = admin.ModelAdmin


@admin.register(Invitation)
class InvitationAdmin(Base):
    fields = ("email", "role")
    list_display = ("email", "role", "invited_by", "expires_at", "used_by")
    list_select_related = ("invited_by", "used_by")
    ordering = ("-pk",)

    def has_change_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Invitation, form: Any, change: bool) -> None:
        made, token = accounts.invite(current_user(request), obj.email, Role(obj.role))
        obj.pk = made.pk
        address = request.build_absolute_uri(reverse("invitation", args=(token,)))
        said = _("Send this link to %(email)s; it is shown only now and works for %(days)s days: %(link)s")
        messages.success(
            request, said % {"email": obj.email, "days": accounts.INVITATION_DAYS, "link": address}
        )

"""Invitations in the admin: made, seen, taken back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin, messages
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.access import current_user
from gallery.admin.filters import Choices
from gallery.admin.listing import Listing
from gallery.models import Invitation, Role
from gallery.services import accounts


class State(Choices):
    title = gettext_lazy("state")
    parameter_name = "state"

    def choose(self, request: HttpRequest) -> Mapping[str, tuple[str, Q]]:
        is_over = Q(expires_at__lte=timezone.now())
        return {
            "open": (_("open"), ~is_over & Q(used_by__isnull=True)),
            "used": (_("used"), Q(used_by__isnull=False)),
            "expired": (_("expired"), is_over & Q(used_by__isnull=True)),
        }


@admin.register(Invitation)
class InvitationAdmin(Listing):
    fields = ("email", "role")
    list_display = ("email", "role", "state", "invited_by", "created_at", "expires_at", "used_by")
    list_filter = (State, "role")
    search_fields = ("email",)
    list_select_related = ("invited_by", "used_by")
    ordering = ("-pk",)

    @admin.display(description=gettext_lazy("state"))
    def state(self, invitation: Invitation) -> str:
        if invitation.used_by is not None:
            return _("used")
        return _("expired") if invitation.expires_at <= timezone.now() else _("open")

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

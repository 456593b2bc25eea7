"""Users and invitations in the admin: roles, deactivating, inviting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from axes.utils import reset
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import Group
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from gallery.accounts.services import (
    INVITATION_DAYS,
    change_user,
    invite_user,
    record_created_user,
    sign_out_everywhere,
)
from gallery.admin.base import ErasableAdminMixin, GalleryModelAdmin, ServiceAdmin, report_events
from gallery.admin.filters import ConditionFilter
from gallery.core.exceptions import ActionRefused
from gallery.core.permissions import current_user
from gallery.history.locking import OptimisticLockForm
from gallery.models import Invitation, Role, User
from gallery.models.clock import get_site_time

if TYPE_CHECKING:
    UserAdminBase = UserAdmin[User]
    UserChangeFormBase = UserChangeForm[User]
else:
    UserAdminBase = UserAdmin
    UserChangeFormBase = UserChangeForm

admin.site.unregister(Group)


class RoleUserForm(OptimisticLockForm, UserChangeFormBase):
    """The account as it is; two administrators at once do not overwrite each other."""


@admin.register(User)
class RoleUserAdmin(ErasableAdminMixin, ServiceAdmin, UserAdminBase):
    erase_page = "user_erase"
    form = RoleUserForm
    list_display = ("username", "email", "role", "is_active", "last_login")
    list_filter = ("role", "is_active")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (gettext_lazy("Who it is"), {"fields": ("first_name", "last_name", "email")}),
        (gettext_lazy("What they may do"), {"fields": ("role", "is_active")}),
        (gettext_lazy("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "email", "role", "usable_password", "password1", "password2")}),
    )
    search_fields = ("username", "first_name", "last_name", "email")
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    actions = ("unlock_accounts", "end_sessions", "erase_for_good")

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if not change:
            super().save_model(request, obj, form, change)
            record_created_user(current_user(request), obj)
        elif {"role", "is_active"} & set(form.changed_data):
            with report_events(request):
                self._change_user(request, obj, form)
        else:
            super().save_model(request, obj, form, change)

    def _change_user(self, request: HttpRequest, obj: User, form: Any) -> None:
        role, is_active = Role(obj.role), obj.is_active
        kept = User.objects.only("role", "is_active", "is_superuser").get(pk=obj.pk)
        obj.role, obj.is_active, obj.is_superuser = kept.role, kept.is_active, kept.is_superuser
        super().save_model(request, obj, form, True)
        try:
            change_user(current_user(request), obj, role=role, is_active=is_active)
        except ActionRefused as error:
            messages.error(request, str(error))

    @admin.action(description=gettext_lazy("Unlock after too many failed sign-ins"))
    def unlock_accounts(self, request: HttpRequest, users: QuerySet[User]) -> None:
        for user in users:
            reset(username=user.username)
        _message_accounts_done(request, users.count())

    @admin.action(description=gettext_lazy("End all their sessions"))
    def end_sessions(self, request: HttpRequest, users: QuerySet[User]) -> None:
        for user in users:
            sign_out_everywhere(user)
        _message_accounts_done(request, users.count())


def _message_accounts_done(request: HttpRequest, count: int) -> None:
    text = ngettext("Done for %(count)s account.", "Done for %(count)s accounts.", count)
    messages.success(request, text % {"count": count})


class InvitationStateFilter(ConditionFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def list_conditions(self, request: HttpRequest) -> Mapping[str, tuple[str, Q]]:
        is_over = Q(expires_at__lte=get_site_time())
        return {
            "open": (_("open"), ~is_over & Q(used_by__isnull=True)),
            "used": (_("used"), Q(used_by__isnull=False)),
            "expired": (_("expired"), is_over & Q(used_by__isnull=True)),
        }


@admin.register(Invitation)
class InvitationAdmin(GalleryModelAdmin):
    fields = ("email", "role")
    list_display = ("email", "role", "current_state", "invited_by", "created_at", "expires_at", "used_by")
    list_filter = (InvitationStateFilter, "role")
    search_fields = ("email",)
    list_select_related = ("invited_by", "used_by")
    ordering = ("-pk",)

    @admin.display(description=gettext_lazy("state"))
    def current_state(self, invitation: Invitation) -> str:
        if invitation.used_by is not None:
            return _("used")
        return _("expired") if invitation.expires_at <= get_site_time() else _("open")

    def has_change_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Invitation, form: Any, change: bool) -> None:
        made, token = invite_user(current_user(request), obj.email, Role(obj.role))
        obj.pk = made.pk
        address = request.build_absolute_uri(reverse("invitation", args=(token,)))
        said = _("Send this link to %(email)s; it is shown only now and works for %(days)s days: %(link)s")
        messages.success(request, said % {"email": obj.email, "days": INVITATION_DAYS, "link": address})

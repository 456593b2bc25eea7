"""Users in the admin: roles, deactivating. Groups and single permissions are not used here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from axes.utils import reset
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from gallery.access import current_user
from gallery.admin.erasing import Erasable
from gallery.admin.telling import TellingAdmin, told
from gallery.guard import GuardedForm
from gallery.models import Role, User
from gallery.services import accounts
from gallery.services.errors import Refused

if TYPE_CHECKING:
    Base = UserAdmin[User]
    ChangeForm = UserChangeForm[User]
else:
    Base = UserAdmin
    ChangeForm = UserChangeForm

admin.site.unregister(Group)


class RoleUserForm(GuardedForm, ChangeForm):
    """The account as it is; two administrators at once do not overwrite each other."""


@admin.register(User)
class RoleUserAdmin(Erasable, TellingAdmin, Base):
    erase_page = "user_erase"
    form = RoleUserForm
    list_display = ("username", "email", "role", "is_active", "last_login")
    list_filter = ("role", "is_active")
    fieldsets = (
        (None, {"fields": ("as_seen", "username", "password")}),
        (_("Who it is"), {"fields": ("first_name", "last_name", "email")}),
        (_("What they may do"), {"fields": ("role", "is_active")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "email", "role", "usable_password", "password1", "password2")}),
    )
    search_fields = ("username", "first_name", "last_name", "email")
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    actions = ("unlock", "sign_out", "erase_for_good")

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False  # people are shut out; erasing them is an act of its own

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if not change:
            super().save_model(request, obj, form, change)
            accounts.note_made(current_user(request), obj)
        elif {"role", "is_active"} & set(form.changed_data):
            with told(request):
                self._change(request, obj, form)
        else:
            super().save_model(request, obj, form, change)

    def _change(self, request: HttpRequest, obj: User, form: Any) -> None:
        role, is_active = Role(obj.role), obj.is_active
        kept = User.objects.only("role", "is_active", "is_superuser").get(pk=obj.pk)
        obj.role, obj.is_active, obj.is_superuser = kept.role, kept.is_active, kept.is_superuser
        super().save_model(request, obj, form, True)
        try:
            accounts.change(current_user(request), obj, role=role, is_active=is_active)
        except Refused as error:
            messages.error(request, str(error))

    @admin.action(description=_("Unlock after too many failed sign-ins"))
    def unlock(self, request: HttpRequest, users: QuerySet[User]) -> None:
        for user in users:
            reset(username=user.username)
        _say(request, users.count())

    @admin.action(description=_("End all their sessions"))
    def sign_out(self, request: HttpRequest, users: QuerySet[User]) -> None:
        for user in users:
            accounts.sign_out_everywhere(user)
        _say(request, users.count())


def _say(request: HttpRequest, count: int) -> None:
    text = ngettext("Done for %(count)s account.", "Done for %(count)s accounts.", count)
    messages.success(request, text % {"count": count})

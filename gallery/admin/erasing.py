"""Erasing, from the admin's lists: an action that leads to the page that asks; nothing is deleted here."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.access import current_user


class Erasable:
    """Put it first among the bases, name `erase_for_good` among the actions, and say where the page is."""

    erase_page: ClassVar[str]

    def has_erase_permission(self, request: HttpRequest) -> bool:
        return current_user(request).is_administrator

    @admin.action(description=gettext_lazy("Erase for good"), permissions=["erase"])
    def erase_for_good(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            messages.error(request, _("Choose exactly one: what is erased can never come back."))
            return None
        return redirect(self.erase_page, chosen[0].pk)

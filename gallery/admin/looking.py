"""A base for rows that only their own actions change, never a form."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from gallery.admin.listing import Listing


class LookedAt(Listing):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

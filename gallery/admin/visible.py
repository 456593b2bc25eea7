"""Rows of albums for others are not there in the admin either: a base for what can be in an album."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from gallery import visibility
from gallery.access import current_user

Row = TypeVar("Row", bound=Model)

# How a model's rows reach the album that may hide them.
PATHS = {
    "album": "pk",
    "photo": "album",
    "face": "photo__album",
    "reference": "source_face__photo__album",
}

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:
    Base = admin.ModelAdmin


class VisibleAdmin(Base):
    """Lists, pages, actions, filters and type-ahead of this model show only what the user may see.

    Put it first among the bases of an admin for Album, Photo, Face or Reference; extend `get_queryset` from here.
    """

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        path = PATHS[rows.model._meta.model_name or ""]
        return rows.filter(visibility.seen_through(current_user(request), path))

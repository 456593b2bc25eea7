"""Stacks as people see them, and take them apart."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext_lazy

from gallery.history.changeset import ChangeSet, apply_effects, record_event
from gallery.models import Event, Photo, User
from gallery.models.querysets import PhotoQuerySet
from gallery.photos.membership import list_limiting_albums


def list_stack(user: User, photo: Photo) -> PhotoQuerySet:
    """The photos of this one's stack that the user sees, the front one first; none where it stands alone."""
    if photo.stack is None:
        return Photo.objects.none()
    return Photo.objects.visible_to(user).filter(stack=photo.stack).order_by("-stack_score", "pk")


@transaction.atomic
def unstack_photos(user: User, photo: Photo) -> Event | None:
    """Show each photo of the stack that the user sees by itself; they are not stacked again."""
    changes = ChangeSet()
    ids = changes.update(list_stack(user, photo), stack=None, is_stackable=False)
    if not ids:
        return None
    apply_effects(changes)
    subjects = {"photo": ids, "album": list_limiting_albums(user, ids)}
    summary = {"name": photo.name, "count": len(ids)}
    return record_event(user, "photo.unstack", photo, summary, changes, subjects=subjects)


EVENT_DESCRIPTIONS = {"photo.unstack": gettext_lazy("took the stack of “%(name)s” apart")}

"""Locks a row for an act, and says who was first when it is not as the page showed it."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _

from gallery.core.exceptions import EditConflict
from gallery.history.changeset import find_events_about
from gallery.history.descriptions import describe_event
from gallery.models import Face, Person, Reference


def lock_face(face: Face) -> Face:
    """The face as it is now, kept from others until the transaction ends."""
    rows = Face.objects.select_for_update(of=("self",)).select_related("photo", "person")
    held = rows.filter(pk=face.pk).first()
    if held is None:
        raise EditConflict(_("This face is no longer there; its photo was deleted or processed again."))
    return held


def check_face_revision(held: Face, revision: int | None) -> None:
    """Changed, saying who did what, unless the face is as the page showed it."""
    if revision is not None and held.revision != revision:
        raise EditConflict(describe_conflict("face", held.pk))


def lock_person(person: Person, revision: int | None = None) -> Person:
    """The person as they are now, kept from others until the transaction ends; Changed if not as shown."""
    held = Person.objects.select_for_update().filter(pk=person.pk).first()
    if held is None or revision not in (None, held.revision):
        raise EditConflict(describe_conflict("person", person.pk))
    return held


def lock_references(references: Iterable[int]) -> None:
    """Keep others from changing these references until the transaction ends: all who hold several, in this order."""
    rows = Reference.objects.filter(pk__in=list(references)).order_by("pk")
    list(rows.select_for_update(no_key=True).values_list("pk"))


def describe_conflict(kind: str, pk: int) -> str:
    """The sentence for whoever came second: who was first, and with what."""
    last = find_events_about(kind, pk).select_related("actor").first()
    if last is None:
        return _("This has changed since the page was made. Nothing was changed by you; look again.")
    return _("%(who)s was here first and %(what)s. Nothing was changed by you; look again.") % {
        "who": str(last.actor or _("Somebody")),
        "what": describe_event(last),
    }

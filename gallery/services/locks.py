"""Holding a row for an act, and saying who came first when it is not as the page showed it."""

from __future__ import annotations

from django.utils.translation import gettext as _

from gallery.models import Face, Person
from gallery.services import history
from gallery.services.errors import Changed
from gallery.services.sentences import say


def hold_face(face: Face) -> Face:
    """The face as it is now, kept from others until the transaction ends."""
    rows = Face.objects.select_for_update(of=("self",)).select_related("photo", "person")
    held = rows.filter(pk=face.pk).first()
    if held is None:
        raise Changed(_("This face is no longer there; its photo was deleted or processed again."))
    return held


def must_be(held: Face, revision: int | None) -> None:
    """Changed, saying who did what, unless the face is as the page showed it."""
    if revision is not None and held.revision != revision:
        raise Changed(who_changed("face", held.pk))


def hold_person(person: Person, revision: int | None = None) -> Person:
    """The person as they are now, kept from others until the transaction ends; Changed if not as shown."""
    held = Person.objects.select_for_update().filter(pk=person.pk).first()
    if held is None or revision not in (None, held.revision):
        raise Changed(who_changed("person", person.pk))
    return held


def who_changed(kind: str, pk: int) -> str:
    """The sentence for whoever came second: who was first, and with what."""
    last = history.about(kind, pk).select_related("actor").first()
    if last is None:
        return _("This has changed since the page was made. Nothing was changed by you; look again.")
    return _("%(who)s was here first and %(what)s. Nothing was changed by you; look again.") % {
        "who": str(last.actor or _("Somebody")),
        "what": say(last),
    }

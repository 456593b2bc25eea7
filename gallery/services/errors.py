"""Why an act was not done. The text of each error is a sentence for people that says what to do."""

from __future__ import annotations

from django.utils.translation import gettext as _

from gallery.models import Person


class Refused(Exception):
    """The act cannot be done as asked; nothing was changed."""


class Changed(Refused):
    """Somebody changed the object after the page was made; nothing was changed by this act."""


class CannotUndo(Refused):
    """The act cannot be taken back, or not without losing what was decided since."""


class NameTaken(Refused):
    """Another person has this name already; the two may be merged."""

    def __init__(self, person: Person) -> None:
        self.person = person
        super().__init__(
            _("There is already a person called “%(name)s”. Merge the two, or choose another name.")
            % {"name": person.name}
        )

"""Why an act was refused: each error's text is a sentence for people that says what to do."""

from __future__ import annotations

from django.utils.translation import gettext
from django.utils.translation import gettext as _

from gallery.models import Person
from recognition.errors import FILE_DESCRIPTIONS, MESSAGES, recognise_message


class ActionRefused(Exception):
    """The act cannot be done as asked; nothing was changed."""


class EditConflict(ActionRefused):
    """Somebody changed the object after the page was made; nothing was changed by this act."""


class CannotUndo(ActionRefused):
    """The act cannot be taken back, or not without losing what was decided since."""


class NameTaken(ActionRefused):
    """Another person has this name already; the two may be merged."""

    def __init__(self, person: Person) -> None:
        self.person = person
        super().__init__(
            _("There is already a person called “%(name)s”. Merge the two, or choose another name.")
            % {"name": person.name}
        )


def translate_error(said: object) -> str:
    """An error, or the text of one that was kept, in the reader's language; what nobody knows stays as it is."""
    text = str(said)
    found = recognise_message(text)
    if found is None:
        return gettext(text) if text else ""
    places = {
        name: gettext(part) if part in FILE_DESCRIPTIONS else part for name, part in found.params.items()
    }
    return gettext(MESSAGES[found.code]) % places

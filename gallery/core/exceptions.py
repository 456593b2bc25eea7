"""The site's named errors: each has a code and params, and a text for people that says what to do."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _

from gallery.models import Person
from gallery.models.base import FAILURE_MESSAGES, translate_failure
from recognition.errors import CodedError


class ActionRefused(Exception):
    """The act cannot be done as asked; nothing was changed. Its text is in the language of whoever asked."""

    code = "refused"
    params: Mapping[str, str] = {}


class EditConflict(ActionRefused):
    """Somebody changed the object after the page was made; nothing was changed by this act."""

    code = "edit_conflict"


class CannotUndo(ActionRefused):
    """The act cannot be taken back, or not without losing what was decided since."""

    code = "cannot_undo"


class NameTaken(ActionRefused):
    """Another person has this name already; the two may be merged."""

    code = "name_taken"

    def __init__(self, person: Person) -> None:
        self.person, self.params = person, {"name": person.name}
        super().__init__(
            _("There is already a person called “%(name)s”. Merge the two, or choose another name.")
            % self.params
        )


class JobFailed(CodedError):
    """Work on a row ended without a result, for a reason that FAILURE_MESSAGES has."""

    messages = FAILURE_MESSAGES


def translate_error(error: BaseException) -> str:
    """The message of an error in the active language; what has no code stays as it is."""
    return translate_failure(getattr(error, "code", ""), getattr(error, "params", {}), str(error))

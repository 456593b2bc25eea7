"""The site's named errors: each has a code and params, and a text for people that says what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.http import Http404
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from gallery.models import ErasedDigest, Person
from gallery.models.base import FAILURE_MESSAGES, translate_failure
from recognition.errors import CodedError


class ActionRefused(Exception):
    """The act cannot be done as asked; nothing was changed. Its text is in the language of whoever asked."""

    code = "refused"
    params: Mapping[str, str] = {}


class NotThere(Http404):
    """What was asked for is not there, for a reason that whoever asks may know: its text says what to do."""


class EditConflict(ActionRefused):
    """Somebody changed the object after the page was made; nothing was changed by this act."""

    code = "edit_conflict"


class CannotUndo(ActionRefused):
    """The act cannot be taken back, or not without losing what was decided since."""

    code = "cannot_undo"


class NameTaken(ActionRefused):
    """Others have this name already: whoever acts is asked whether one of them is meant, or another."""

    code = "name_taken"

    def __init__(self, people: Sequence[Person], name: str) -> None:
        self.people = people
        self.params = {"name": name, "people": ", ".join(person.label for person in people)}
        text = _(
            "“%(name)s” is in the gallery already, as %(people)s: is it the same person, or another of that name?"
        )
        super().__init__(text % self.params)


class NameAmbiguous(ActionRefused):
    """Several people have this name, and nothing says who is meant."""

    code = "name_ambiguous"

    def __init__(self, name: str, people: Sequence[Person]) -> None:
        self.people = people
        self.params = {"name": name, "people": ", ".join(person.label for person in people)}
        super().__init__(
            _("Several people are called “%(name)s”: %(people)s. Say which one it is.") % self.params
        )


class FileWasErased(ActionRefused):
    """A file was erased here, or was a picture of somebody who was; it comes back only once somebody says so."""

    code = "file_was_erased"

    def __init__(self, file: str, digest: ErasedDigest) -> None:
        self.params = {"file": file, **_describe_erasure(digest)}
        super().__init__(
            _(
                "%(file)s was erased here on %(date)s, or is of somebody who was (receipt %(receipt)s). It was"
                " left out. If they have agreed, tick “Also files that were erased here” and send it again."
            )
            % self.params
        )


class NameWasErased(Exception):
    """Somebody of this name was erased; it comes back only once somebody says that this is meant.

    No ActionRefused: no page shows it as a mere refusal, since the middleware asks about it.
    """

    code = "name_was_erased"

    def __init__(self, name: str, digest: ErasedDigest) -> None:
        self.digest, self.params = digest, {"name": name, **_describe_erasure(digest)}
        text = _("Somebody called “%(name)s” was erased here on %(date)s (receipt %(receipt)s).")
        super().__init__(text % self.params)


class ConfirmationNeeded(Exception):
    """The act would do more than whoever acts may expect; its text says what. Nothing was changed.

    No ActionRefused: no page shows it as a mere refusal, since the middleware asks about it.
    """

    code = "confirmation_needed"

    def __init__(self, key: str, question: str) -> None:
        self.key, self.params = key, {"key": key}
        super().__init__(question)


def _describe_erasure(digest: ErasedDigest) -> dict[str, str]:
    erasure = digest.erasure
    return {
        "date": date_format(timezone.localtime(erasure.at), "DATE_FORMAT"),
        "receipt": str(erasure.receipt),
    }


class JobFailed(CodedError):
    """Work on a row ended without a result, for a reason that FAILURE_MESSAGES has."""

    messages = FAILURE_MESSAGES


def translate_error(error: BaseException) -> str:
    """The message of an error in the active language; what has no code stays as it is."""
    return translate_failure(getattr(error, "code", ""), getattr(error, "params", {}), str(error))

"""The lists of gallery health: what each is, what can be done in it, and how much is in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from gallery import health
from gallery.models import Finding, User

Found = Finding.Kind


@dataclass(frozen=True, slots=True)
class Act:
    """A button: what it says, its key, and its picture. `go` is a link, not an act of the service."""

    name: str
    key: str
    label: str | Promise
    icon: str

    @property
    def letter(self) -> str:
        """The key as it stands on the keyboard."""
        return self.key.upper()


KEEP = Act("keep", "y", _("All right"), "check")
MOVE = Act("move", "m", _("Move"), "right")
SOMEONE = Act("someone", "s", _("Someone else"), "person")
REJECT = Act("reject", "r", _("Reject"), "close")
FIRST = Act("first", "1", _("Keep only the first"), "left")
SECOND = Act("second", "2", _("Keep only the second"), "right")
MERGE = Act("merge", "g", _("Merge them"), "merge")
ADD = Act("add", "a", _("Add the best face"), "plus")
AGAIN = Act("again", "t", _("Look again"), "retry")
TWO_PEOPLE = Act("keep", "y", _("They are two people"), "check")
KEEP_BOTH = Act("keep", "y", _("Keep both"), "check")
ENOUGH = Act("keep", "y", _("That is enough"), "check")


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    title: str | Promise
    about: str | Promise
    acts: tuple[Act, ...]


LISTS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            Found.WRONG.value,
            _("Likely wrong references"),
            _("Pictures nearer to another person than to the one they are filed under."),
            (MOVE, REJECT, KEEP, SOMEONE, MERGE),
        ),
        Kind(
            Found.UNLIKE.value,
            _("Unlike the rest"),
            _("Pictures that resemble neither their own person's other pictures nor anybody else's."),
            (REJECT, KEEP, SOMEONE),
        ),
        Kind(
            Found.DUPLICATE.value,
            _("Duplicates"),
            _("The same picture twice; under two names it names strangers."),
            (FIRST, SECOND, KEEP_BOTH, MERGE),
        ),
        Kind(
            Found.POOR.value,
            _("Blurred, tiny or dark"),
            _("Poor pictures of different people are alike, so each lends its name to every poor face."),
            (REJECT, KEEP, SOMEONE),
        ),
        Kind(
            Found.FACELESS.value,
            _("No face found"),
            _("Pictures that nobody can be recognised by: no face was found, or they cannot be read."),
            (AGAIN, REJECT, KEEP),
        ),
        Kind(
            Found.SINGLE.value,
            _("People with a single reference"),
            _("Nothing backs that one picture up. Add confirmed faces that are clear."),
            (ADD, ENOUGH),
        ),
        Kind(
            Found.BARE.value,
            _("People without a reference"),
            _("No photo can be matched to them. Add confirmed faces that are clear, or pictures."),
            (ADD, ENOUGH),
        ),
        Kind(
            Found.CONFUSABLE.value,
            _("People who look alike"),
            _("The model can hardly tell them apart: one person under two names, or people to check by eye."),
            (MERGE, TWO_PEOPLE),
        ),
    )
}


def overview(user: User) -> Sequence[tuple[Kind, int]]:
    """Every list with how much is in it."""
    counts = health.counts(user)
    return [(kind, counts[name]) for name, kind in LISTS.items()]


def found_in(lists: Sequence[tuple[Kind, int]]) -> int:
    """How many findings of the check are in these lists."""
    return health.found_in({kind.name: number for kind, number in lists})

"""Work that has no row of its own and went wrong, or found something amiss: said, with what can be done."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from gallery import chores, filecheck
from gallery.backup import schedule
from gallery.models import User

TITLES: dict[str, str | Promise] = {
    "check_gallery": gettext_lazy("Checking the gallery"),
    "verify_index": gettext_lazy("Verifying the index"),
    schedule.CHORE: gettext_lazy("Making a backup"),
    filecheck.CHORE: gettext_lazy("Looking whether every file is there"),
}
OF_DATA = (schedule.CHORE, filecheck.CHORE)  # which are administrators' business


@dataclass(frozen=True, slots=True)
class Errand:
    name: str
    title: str | Promise
    failure: str
    remedy: str
    url: str  # of the page that says more


def failed_errands(user: User) -> list[Errand]:
    """Those whose last run failed, and a check of the files that missed some; in one query."""
    names = [name for name in TITLES if user.is_administrator or name not in OF_DATA]
    found = []
    for chore in chores.states(names):
        amiss = _amiss(chore) if chore.name == filecheck.CHORE else ""
        if chore.failure or amiss:
            url = reverse("backups") if chore.name in OF_DATA else ""
            found.append(Errand(chore.name, TITLES[chore.name], chore.failure or amiss, _remedy(chore), url))
    return found


def _amiss(chore: chores.Chore) -> str:
    kinds = ("lost", "altered")
    count = sum(int((chore.result.get(kind) or {}).get("count", 0)) for kind in kinds)
    if not count:
        return ""
    return ngettext(
        "%(count)s file is gone or is not what it was.",
        "%(count)s files are gone or are not what they were.",
        count,
    ) % {"count": count}


def _remedy(chore: chores.Chore) -> str:
    if chore.name == schedule.CHORE:
        return _(
            "See whether the folder for backups is there, can be written to and has room; then try again."
        )
    if chore.name == filecheck.CHORE and not chore.failure:
        return _(
            "Have it put right on the page about backups: what a backup still holds comes back from there."
        )
    return _("Try again. If it fails again, the worker's log says more.")

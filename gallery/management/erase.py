"""Base class of the commands that erase: preview, ask for --yes, clean up at once, list the backups concerned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gallery.core.exceptions import ActionRefused
from gallery.faces.namesakes import find_person_by_name
from gallery.management.base import GalleryCommand, make_flag
from gallery.models import Erasure, Person
from gallery.privacy.erasure_cleanup import finish_erasure
from gallery.privacy.selectors import ErasurePreview

ERASE_FLAG = make_flag("erase; without this, only say what would go")


def find_named_person(text: str) -> Person | None:
    """Find a person by name, or by the number in their address."""
    found = find_person_by_name(text)
    if found is None and text.isdecimal():
        found = Person.objects.filter(pk=int(text[:18])).first()
    return found


class EraseCommand(GalleryCommand):
    """Subclasses say how the row is found, previewed and erased."""

    kind = ""
    choices: dict[str, str] = {}  # options of the command, and the parameters of `erase` they set
    find: Callable[[str], Any]
    preview: Callable[[Any], ErasurePreview]
    erase: Callable[..., Erasure]

    def handle(self, *, name: str, yes: bool, **options: Any) -> None:
        row = self.find(name)
        if row is None:
            self.fail_with(f"There is no {self.kind} “{name}”.")
        elif not yes:
            self._say_preview(self.preview(row))
        else:
            self._erase(row, {parameter: options[option] for option, parameter in self.choices.items()})

    def _say_preview(self, found: ErasurePreview) -> None:
        if self.is_json:
            self.say_json({"erased": False, **found})
            return
        for what, count in found.items():
            self.stdout.write(f"{what.replace('_', ' ')}: {len(count) if isinstance(count, list) else count}")
        self.stdout.write("Nothing was erased. This cannot be undone: add --yes to do it.")

    def _erase(self, row: Any, choices: dict[str, bool]) -> None:
        try:
            erasure = self.erase(None, row, **choices)
        except ActionRefused as refusal:
            self.fail_with(str(refusal))
            return
        is_complete = finish_erasure(erasure.pk)
        erasure.refresh_from_db()
        if self.is_json:
            figures = {"counts": erasure.counts, "backups": erasure.backups, "is_noted": erasure.is_noted}
            receipt = str(erasure.receipt)
            self.say_json({"erased": True, "receipt": receipt, "is_complete": is_complete, **figures})
            return
        self.stdout.write(f"Erased. Receipt {erasure.receipt}.")
        if not is_complete:
            self.stdout.write("Some remains are still to be cleared; the worker does it.")
        if not erasure.is_noted:
            self.warn("It cannot be noted in the backup folder yet; that is tried again every few minutes.")
        for backup in erasure.backups:
            made_at, until = backup["made_at"] or "an unknown date", backup["until"] or "somebody deletes it"
            self.stdout.write(f"The backup of {made_at} holds it until {until}.")

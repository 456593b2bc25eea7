"""Base class of the commands that erase: preview, ask for --yes, clean up at once, list the backups concerned."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser
from django.db import models

from gallery.core.exceptions import ActionRefused
from gallery.management.base import GalleryCommand
from gallery.models import Erasure
from gallery.privacy.erasure import note_holding_backups
from gallery.privacy.erasure_cleanup import finish_erasure


class EraseCommand(GalleryCommand):
    """Subclasses find the row, preview it and erase it."""

    kind = ""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--yes", action="store_true", help="erase; without this, only say what would go")

    def find(self, name: str) -> models.Model | None:
        raise NotImplementedError

    def preview(self, row: Any) -> Any:
        raise NotImplementedError

    def erase(self, row: Any, options: dict[str, Any]) -> Erasure:
        raise NotImplementedError

    def handle(self, *, name: str, yes: bool, **options: Any) -> None:
        row = self.find(name)
        if row is None:
            self.warn(f"There is no {self.kind} “{name}”.")
            self.is_failed = True
            return
        if not yes:
            self._say_preview(asdict(self.preview(row)), options["json"])
            return
        try:
            erasure = self.erase(row, options)
        except ActionRefused as refusal:
            self.warn(str(refusal))
            self.is_failed = True
            return
        is_complete = finish_erasure(erasure.pk, note_holding_backups)
        erasure.refresh_from_db()
        self._say_done(erasure, is_complete, options["json"])

    def _say_preview(self, found: dict[str, Any], as_json: bool) -> None:
        if as_json:
            self.say_json({"erased": False, **found})
            return
        for what, count in found.items():
            self.stdout.write(f"{what.replace('_', ' ')}: {len(count) if isinstance(count, list) else count}")
        self.stdout.write("Nothing was erased. This cannot be undone: add --yes to do it.")

    def _say_done(self, erasure: Erasure, is_complete: bool, as_json: bool) -> None:
        if as_json:
            self.say_json(
                {
                    "erased": True,
                    "receipt": str(erasure.receipt),
                    "is_complete": is_complete,
                    "counts": erasure.counts,
                    "backups": erasure.backups,
                }
            )
            return
        self.stdout.write(f"Erased. Receipt {erasure.receipt}.")
        if not is_complete:
            self.stdout.write("Some remains are still to be cleared; the worker does it.")
        for backup in erasure.backups:
            until = backup["until"] or "somebody deletes it"
            self.stdout.write(
                f"The backup of {backup['made_at'] or 'an unknown date'} holds it until {until}."
            )

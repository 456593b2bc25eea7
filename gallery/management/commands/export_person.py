"""Write all that is known about one person into a file for them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from gallery.history.audit import VERB_EXPORTED, write_audit_event
from gallery.management.base import GalleryCommand
from gallery.management.erase import find_named_person
from gallery.privacy import person_export


class Command(GalleryCommand):
    help = __doc__ or ""
    arguments = {
        "person": {"metavar": "NAME|ID"},
        "--out": {"required": True, "metavar": "FILE.zip"},
        "--language": {"default": "en", "metavar": "CODE", "help": "of the page to read: en, vi"},
    }

    def handle(self, *, person: str, out: str, language: str, **options: Any) -> None:
        found, path = find_named_person(person), Path(out).expanduser().absolute()
        if found is None:
            text = f"There is nobody called {person}, and no person of this number."
            raise CommandError(text, returncode=2)
        if path.exists():
            raise CommandError(f"{path} is there already.", returncode=2)
        try:
            written = person_export.write_person_file(found, path, language)
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror or error}.") from error
        write_audit_event(None, VERB_EXPORTED, found)
        self.say_result(
            {"person": found.pk, "file": str(path), **asdict(written)},
            f"{path}: {written.references} references, {written.photos} photos, {written.faces} faces, "
            f"{written.embeddings} embeddings.",
        )
        if written.without_picture and not self.is_json:
            self.warn(f"{written.without_picture} pictures are left out: their originals cannot be read.")

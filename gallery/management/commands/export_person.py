"""Write all that is known about one person into a file for them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from gallery.history.audit import VERB_EXPORTED, write_audit_event
from gallery.management.base import GalleryCommand
from gallery.models import Person
from gallery.people.selectors import find_person_by_name
from gallery.privacy import person_export


class Command(GalleryCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("person", metavar="NAME|ID")
        parser.add_argument("--out", required=True, metavar="FILE.zip")
        parser.add_argument("--language", default="en", metavar="CODE", help="of the page to read: en, vi")

    def handle(self, *, person: str, out: str, language: str, **options: Any) -> None:
        found, path = _get_named_person(person), Path(out).expanduser().absolute()
        if path.exists():
            raise CommandError(f"{path} is there already.", returncode=2)
        try:
            written = person_export.write_person_file(found, path, language)
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror or error}.") from error
        write_audit_event(None, VERB_EXPORTED, found)
        if options["json"]:
            self.say_json({"person": found.pk, "file": str(path), **asdict(written)})
            return
        self.stdout.write(
            f"{path}: {written.references} references, {written.photos} photos, {written.faces} faces, "
            f"{written.embeddings} embeddings."
        )
        if written.without_picture:
            self.warn(f"{written.without_picture} pictures are left out: their originals cannot be read.")


def _get_named_person(text: str) -> Person:
    found = find_person_by_name(text)
    if found is None and text.isdecimal():
        found = Person.objects.filter(pk=int(text[:18])).first()
    if found is None:
        raise CommandError(f"There is nobody called {text}, and no person of this number.", returncode=2)
    return found

"""Look at pictures that are not kept; each worker runs one such process."""

from __future__ import annotations

import os
from typing import Any

from django.core.management.base import CommandError

from facesite.processes import die_with_parent
from gallery.faces.lookup_server import NoSocketHere, serve_lookups
from gallery.management.base import GalleryCommand
from gallery.people import compreface  # noqa: F401 -- importing it adds its questions


class Command(GalleryCommand):
    help = "Answers who is on pictures that are not kept. A worker starts this by itself."

    def handle(self, **options: Any) -> None:
        parent = os.getppid()
        die_with_parent()
        if os.getppid() != parent:
            return
        try:
            serve_lookups()
        except NoSocketHere as error:
            text = f"Pictures cannot be looked at without keeping them: the data directory takes no socket ({error})."
            raise CommandError(text, returncode=2) from error

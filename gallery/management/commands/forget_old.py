"""Remove what is kept only for a time: the audit trail, failed sign-ins, ended sessions, dead links."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from gallery.services import retention


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON document on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        gone = retention.forget_old()
        if options["json"]:
            self.stdout.write(json.dumps(gone))
            return
        for kind, count in gone.items():
            self.stdout.write(f"{kind.replace('_', ' ')}: {count} removed")

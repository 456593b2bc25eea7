"""Move the site's files into a bucket, or back into the data directory, while the site runs."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError

from facesite.buckets import find_bucket_problem, parse_bucket
from gallery.maintenance.storage_move import FOLDERS, move_storage, name_place
from gallery.management.base import GalleryCommand

NEXT_STEP = (
    "The site uses {source} still. Stop it, set FACESITE_STORAGE={value}, run this command once more, which takes"
    " what came meanwhile and empties {source}, and start the site."
)


class Command(GalleryCommand):
    help = __doc__ or ""
    arguments = {"target": {"metavar": "TARGET", "help": f"s3://bucket/prefix, or the word {FOLDERS}"}}

    def handle(self, *, target: str, **options: Any) -> None:
        try:
            bucket = None if target == FOLDERS else parse_bucket(target, "TARGET")
        except ImproperlyConfigured as error:
            raise CommandError(str(error), returncode=2) from error
        if bucket and (problem := find_bucket_problem(bucket)):
            raise CommandError(problem)
        try:
            done = move_storage(name_place(bucket), self.say_step)
        except OSError as error:
            raise CommandError(
                f"{error} Run this command again: it goes on from where it came to."
            ) from error
        sentence = f"{done.files} files, {done.copied} of them copied now"
        if bucket == settings.STORAGE and not done.is_complete:
            self.fail_with(
                f"{done.source} is not empty yet: end what still writes there, and run this once more."
            )
        elif done.is_complete:
            sentence += f"; all are in {done.target}, and {done.removed} were removed from {done.source}."
        else:
            value = target if bucket else "(nothing)"
            sentence += f". {NEXT_STEP.format(source=done.source, value=value)}"
        self.say_result(done.as_json(), sentence)

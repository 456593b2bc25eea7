"""Add photos from a folder, as an upload would."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gallery.core.erased import describe_erased
from gallery.core.exceptions import FileWasErased
from gallery.management.base import ERASED_FLAG, FOLDER, GalleryCommand, get_existing_folder
from gallery.models import Album
from gallery.photos.albums import find_albums_called, make_unsaved_album
from gallery.photos.services import add_photo
from recognition.errors import ImageError
from recognition.files import clean_path
from recognition.images.motion import get_rank_beside

CHUNK_BYTES = 1024 * 1024


class Command(GalleryCommand):
    help = "Adds the photos below a folder; the worker finds and names their faces."
    arguments = {
        "folder": FOLDER,
        "--album": {"help": "name of the album they go into, made if it is not there"},
        "--with-erased": ERASED_FLAG,
    }

    def handle(self, *, folder: str, album: str | None, **options: Any) -> None:
        root = get_existing_folder(folder)
        into = get_or_create_album(album) if album else None
        report: dict[str, list[Any]] = {"added": [], "already": [], "refused": [], "waiting": []}
        lone: dict[str, list[Path]] = {}
        paths = self.list_photos(root, with_videos=True)
        paths.sort(key=lambda path: (path.parent, get_rank_beside(path.name)))
        for path in self.progress(paths, len(paths), "photos"):
            shown = clean_path(path)
            try:
                with path.open("rb") as file:
                    chunks = iter(lambda: file.read(CHUNK_BYTES), b"")
                    file_time = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
                    within = str(path.relative_to(root.parent))
                    done = add_photo(None, chunks, within, into, file_time=file_time)
            except FileWasErased as error:
                reason = describe_erased(error)
                report["waiting"].append({"path": shown, "reason": reason})
                self.warn(f"{shown}: {reason}")
                continue
            except (ImageError, OSError) as error:
                if isinstance(error, ImageError) and error.code == "lone_video":
                    lone.setdefault(str(error), []).append(path)
                    continue
                reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
                report["refused"].append({"path": shown, "reason": reason})
                self.fail_with(f"{shown}: {reason}")
                continue
            if done.refusal:
                report["waiting"].append({"path": shown, "reason": done.refusal})
                self.warn(f"{shown}: {done.refusal}")
                continue
            report["already" if done.is_duplicate else "added"].append(shown)
        for reason, videos in lone.items():
            self.leave_out(videos, reason)
        added, already, refused, waiting = (len(part) for part in report.values())
        sentence = (
            f"{added} added, {already} already there, {refused} refused, {waiting} wait for a decision, "
            f"{len(self.left_out)} left out."
        )
        self.say_result(report | {"left_out": self.left_out}, sentence)


def get_or_create_album(name: str) -> Album:
    found = find_albums_called(None, name).first()
    if found is None:
        found = make_unsaved_album(None, name)
        found.save()
    return found

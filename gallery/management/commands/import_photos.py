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
from gallery.photos.file_names import NamesBeside
from gallery.photos.services import AddedPhoto, add_photo
from recognition.errors import ImageError
from recognition.files import clean_path
from recognition.images.motion import get_rank_beside
from recognition.images.sidecars import MAX_SIDECAR_BYTES
from recognition.images.source import open_regular_file

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
        sidecars: list[Path] = []
        paths = self.list_photos(root, sidecars, with_videos=True)
        paths.sort(key=lambda path: (path.parent, get_rank_beside(path.name)))
        sidecars += [
            each for folder in {path.parent for path in paths} for each in folder.glob(".picasa.ini")
        ]
        beside = NamesBeside(map(str, sidecars), lambda path: read_sidecar_file(Path(path)))
        names = 0
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
            names += self._keep_names(beside, done, path)
            if done.refusal:
                report["waiting"].append({"path": shown, "reason": done.refusal})
                self.warn(f"{shown}: {done.refusal}")
                continue
            report["already" if done.is_duplicate else "added"].append(shown)
        for reason, videos in lone.items():
            self.leave_out(videos, reason)
        self._report_unused(beside)
        added, already, refused, waiting = (len(part) for part in report.values())
        sentence = (
            f"{added} added, {already} already there, {refused} refused, {waiting} wait for a decision, "
            f"{len(self.left_out)} left out."
        )
        if names:
            sentence += (
                f" {names} names in their files wait: see photo_names, or the page Names in photos' files."
            )
        self.say_result(report | {"left_out": self.left_out, "names": names}, sentence)

    def _keep_names(self, beside: NamesBeside, done: AddedPhoto, path: Path) -> int:
        own = 0 if done.is_duplicate or done.companion else done.photo.names_in_file.count()
        try:
            return own + beside.keep(done.photo, str(path))
        except (ImageError, OSError) as error:
            self.warn(f"{clean_path(path)}: the names beside it cannot be read. {error}")
            return own

    def _report_unused(self, beside: NamesBeside) -> None:
        """Files beside photos that say nothing of any of them."""
        for each in beside.paths:
            if each in beside.refused or each not in beside.used:
                reason = str(beside.refused.get(each, "It lies beside none of the photos."))
                self.left_out.append({"path": clean_path(each), "reason": reason})
                self.warn(f"{clean_path(each)}: left out. {reason}")


def read_sidecar_file(path: Path) -> bytes:
    with open_regular_file(path) as file:
        return file.read(MAX_SIDECAR_BYTES + 1)


def get_or_create_album(name: str) -> Album:
    found = find_albums_called(None, name).first()
    if found is None:
        found = make_unsaved_album(None, name)
        found.save()
    return found

"""Base class of the project's commands: `--json` on stdout, everything else on stderr, exit codes 0, 1 and 2."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from gallery.core.checks import SETTINGS_TAG
from gallery.core.erased import let_erased_return
from gallery.index.switch import get_embedder_state
from recognition.errors import ImageError, RecognitionError
from recognition.files import clean_path, list_files
from recognition.images.kinds import HEAD_BYTES, get_photo_kind
from recognition.images.motion import VIDEO_SUFFIXES
from recognition.images.sidecars import is_sidecar_name
from recognition.images.source import open_regular_file

T = TypeVar("T")
Argument = Mapping[str, Any]  # the keyword arguments of argparse's add_argument
FOLDER: Argument = {"metavar": "DIR"}
IDENTITY: Argument = {
    "metavar": "FILE",
    "default": "",
    "help": "the file with the key that opens encrypted backups (FACESITE_BACKUP_IDENTITY)",
}
IMAGE_SUFFIXES = {".jpg", ".jpeg", ".jpe", ".png", ".webp", ".heic", ".heif", ".tif", ".tiff", ".gif", ".bmp"}


def make_flag(text: str) -> Argument:
    return {"action": "store_true", "help": text}


class GalleryCommand(BaseCommand):
    """Base class of our commands: named errors end them with a sentence and exit code 1."""

    arguments: Mapping[str, Argument] = {}
    is_failed = is_json = False
    left_out: list[dict[str, str]]  # files that `list_photos` did not take
    # What an owner may have set wrong. Django's other checks concern the code: `make check` runs them.
    requires_system_checks: tuple[str, ...] = (SETTINGS_TAG, Tags.security)

    @property
    def is_watched(self) -> bool:
        """Whether stderr is a terminal, so that progress is worth showing."""
        return sys.stderr.isatty()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", **make_flag("one JSON document a line on stdout"))
        for name, argument in self.arguments.items():
            parser.add_argument(name, **argument)

    def execute(self, *args: Any, **options: Any) -> str | None:
        self.is_json, self.left_out = bool(options.get("json")), []
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(
                errors="replace"
            )  # names of files may be no text, or none of this terminal
        try:
            with let_erased_return(lambda digest: bool(options.get("with_erased"))):
                result = super().execute(*args, **options)
        except RecognitionError as error:
            raise CommandError(str(error)) from error
        if self.is_failed:
            sys.stdout.flush()
            raise SystemExit(1)
        return result

    def say_json(self, document: object) -> None:
        self.stdout.write(json.dumps(document, ensure_ascii=False))

    def say_result(self, document: object, sentence: str) -> None:
        """Print the document with --json, otherwise the sentence."""
        if self.is_json:
            self.say_json(document)
        else:
            self.stdout.write(sentence)

    def warn(self, text: str) -> None:
        self.stderr.write(text)

    def list_files(self, path: Path) -> list[Path]:
        """Every file below a folder that is not hidden, sorted; the path itself if it is a file.

        What is left out is said: each name of a system's folder once, links to folders that are read anyway, hidden
        files by their number.
        """
        if not path.is_dir():
            return [path]
        found = list_files(path, settings.SYSTEM_FOLDERS)
        for name, count in Counter(each.name for each in found.system).items():
            self.warn(
                f"{name}: the system's own folder, left out" + (f", {count} times." if count > 1 else ".")
            )
        for each in found.repeated:
            self.warn(f"{clean_path(each)}: leads to a folder that is read anyway, left out.")
        if found.hidden:
            count = len(found.hidden)
            more = f" and {count - 1} more" if count > 1 else ""
            self.warn(f"{clean_path(found.hidden[0])}{more}: hidden, left out.")
        return found.files

    def list_photos(
        self, path: Path, beside: list[Path] | None = None, *, with_videos: bool = False
    ) -> list[Path]:
        """Like `list_files`, but in a folder only what is called or begins like a picture, or a video if wanted.


        Files that keep names beside photos are added to `beside`, where it is given. The rest goes to `left_out`
        with its reason, and each reason is said once.
        """
        photos, others = [], dict[str, list[Path]]()
        for each in self.list_files(path):
            if beside is not None and is_sidecar_name(each.name):
                beside.append(each)
                continue
            is_wanted = each == path or (with_videos and each.suffix.lower() in VIDEO_SUFFIXES)
            if is_wanted or not (reason := explain_no_photo(each)):
                photos.append(each)
            else:
                others.setdefault(reason, []).append(each)
        for reason, paths in others.items():
            self.leave_out(paths, reason)
        return photos

    def leave_out(self, paths: list[Path], reason: str) -> None:
        """Note files that are not taken, and say so once."""
        self.left_out += [{"path": clean_path(each), "reason": reason} for each in paths]
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        self.warn(f"{clean_path(paths[0])}{more}: left out. {reason}")

    def say_embedder(self) -> None:
        """Print which embedder serves, and how far a switch is."""
        state = get_embedder_state()
        stream = self.stderr if self.is_json else self.stdout
        for text in filter(None, (state.serving_text, state.switch_text)):
            stream.write(text)

    def fail_with(self, text: str) -> None:
        """Print the reason; the command will end with exit code 1."""
        self.warn(text)
        self.is_failed = True

    def progress(self, items: Iterable[T], total: int, unit: str) -> Iterator[T]:
        """Yield the items, with a progress bar on stderr if it is a terminal."""
        yield from tqdm(items, total=total, unit=f" {unit}", file=sys.stderr, disable=not self.is_watched)

    def say_step(self, step: str, done: int, total: int) -> None:
        """Print a step of long work on stderr, in place if it is a terminal."""
        text = f"{step}: {done} of {total}" if total > 1 else step
        if self.is_watched:
            sys.stderr.write(f"\r\033[K{text}" + ("\n" if step == "done" else ""))
            sys.stderr.flush()
        elif done == 0:
            sys.stderr.write(f"{text}\n")


def explain_no_photo(path: Path) -> str:
    """Why a file is not even tried as a photo; "" if it is."""
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return ""
    try:
        with open_regular_file(path) as file:
            get_photo_kind(file.read(HEAD_BYTES))
    except ImageError as error:
        return str(error)
    return ""


ERASED_FLAG = make_flag("take in also what was erased here: it is of somebody else, or they have agreed")


def get_existing_folder(text: str) -> Path:
    folder = Path(text).expanduser()
    if not folder.is_dir():
        raise CommandError(f"{folder} is not a folder.", returncode=2)
    return folder

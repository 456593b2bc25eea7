"""Backups of a site whose files are in a bucket lie there too, as the same files under the same names as in a folder.

The folder of backups is then a mirror here of their lists and of the ledger of erasures, brought up to date before
these are read. Databases and files lie in the bucket alone, and are fetched where they are read.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

from django.conf import settings

from gallery.backup.encryption import AGE_SUFFIX
from gallery.models.storage import BACKUP_AREA, get_storage
from recognition.files import write_atomically

if TYPE_CHECKING:
    from gallery.models.bucket import BucketStorage

FILES_PREFIX, DATABASE_PREFIX, MANIFEST_FILE = "files", "database", "manifest.json"
NOTE_SECONDS = 3600


def is_in_bucket(place: Path) -> bool:
    return bool(settings.BACKUPS_IN_BUCKET) and place == Path(settings.BACKUP_DIR)


def get_bucket() -> BucketStorage:
    return cast("BucketStorage", get_storage(BACKUP_AREA))


def get_bucket_name(path: Path) -> str:
    return path.relative_to(settings.BACKUP_DIR).as_posix()


def pull_lists(place: Path) -> None:
    """Have the mirror say what the bucket holds. OSError where that is away; nothing to do for a folder.

    A note of the ledger that is not there may just be on its way.
    """
    if not is_in_bucket(place):
        return
    there = set[Path]()
    for folder in _list_folders():
        if folder.startswith(FILES_PREFIX):
            continue
        for file in get_bucket().list_files(folder):
            path = place / file.name
            there.add(path)
            if not path.name.startswith(DATABASE_PREFIX) and not _is_mirrored(
                path, file.bytes, file.changed_at
            ):
                with get_bucket().open(file.name) as content:
                    write_atomically(path, b"".join(content.chunks()), is_synced=True)
    for backup in [each for each in place.glob("[0-9]*") if each.is_dir()]:
        for path in [each for each in backup.iterdir() if each not in there]:
            path.unlink(missing_ok=True)
        with suppress(OSError):  # it is not empty
            backup.rmdir()
    for path in [each for each in place.glob("erased/*/*") if each not in there]:
        if path.stat().st_mtime < time.time() - NOTE_SECONDS:
            path.unlink(missing_ok=True)


def _list_folders() -> list[str]:
    return sorted(get_bucket().listdir("")[0])


def _is_mirrored(path: Path, size: int, changed_at: float) -> bool:
    with suppress(FileNotFoundError):
        about = path.stat()
        return about.st_size == size and about.st_mtime >= changed_at
    return False


def list_stored_sizes(place: Path) -> dict[Path, int]:
    """Of the files of all backups there."""
    folders = [folder for folder in _list_folders() if folder.startswith(FILES_PREFIX)]
    return {place / file.name: file.bytes for folder in folders for file in get_bucket().list_files(folder)}


@contextmanager
def fetch_file(path: Path) -> Iterator[Path]:
    """Where a file of a backup can be read meanwhile: where it lies, or a fresh copy of what is in the bucket."""
    if path.is_file() or not settings.BACKUPS_IN_BUCKET or not path.is_relative_to(settings.BACKUP_DIR):
        yield path
        return
    bucket, name = get_bucket(), get_bucket_name(path)
    bucket.local_path(name).unlink(missing_ok=True)
    try:
        yield Path(bucket.path(name))
    finally:
        bucket.local_path(name).unlink(missing_ok=True)


def is_there(path: Path) -> bool:
    """Of a file of a backup, wherever that is."""
    is_mirror = bool(settings.BACKUPS_IN_BUCKET) and path.is_relative_to(settings.BACKUP_DIR)
    return path.is_file() or (is_mirror and get_bucket().exists(get_bucket_name(path)))


def push_file(path: Path, target: Path) -> None:
    get_bucket().upload(path, get_bucket_name(target))


def push_backup(part: Path, folder: Path) -> None:
    """The manifest last: without it, it is no backup."""
    for path in sorted(part.iterdir(), key=lambda each: each.name == MANIFEST_FILE):
        push_file(path, folder / path.name)


def push_notes(folder: Path) -> None:
    """What is new in this folder of the ledger; the same note in its other form, encrypted or not, goes."""
    there = {file.name: file for file in get_bucket().list_files(get_bucket_name(folder))}
    for path in folder.iterdir():
        name = get_bucket_name(path)
        known = there.get(name)
        if known is None or not _is_mirrored(path, known.bytes, known.changed_at):
            push_file(path, path)
        other = name.removesuffix(AGE_SUFFIX) if path.suffix == AGE_SUFFIX else name + AGE_SUFFIX
        if other in there:
            get_bucket().delete(other)


def remove_files(paths: Iterable[Path]) -> None:
    for path in paths:
        get_bucket().delete(get_bucket_name(path))
        path.unlink(missing_ok=True)


def remove_folder(folder: Path) -> None:
    """A backup, or what is left of one; the manifest first."""
    remove_files([folder / MANIFEST_FILE])
    get_bucket().delete_folder(get_bucket_name(folder))
    shutil.rmtree(folder, ignore_errors=True)


def list_copy_folders(place: Path) -> Iterator[Path]:
    """The folders with encrypted files, for whomever."""
    if is_in_bucket(place):
        yield from (place / name for name in _list_folders() if name.startswith(f"{FILES_PREFIX}-"))
    else:
        yield from sorted(place.glob(f"{FILES_PREFIX}-*"))

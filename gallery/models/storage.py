"""The site's files, in one storage with two backs: folders of this computer, or a bucket (`models/bucket.py`).

It has areas, each one of Django's storages: originals, references and drafts are the default; builds of the index and
people's exports have their own. A file is complete and synced under its final name, or it does not exist. What the
site derives from these files (renditions, local copies) is a cache, and not here.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from django.conf import settings
from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage, storages

from recognition.files import sync_path

MEDIA_AREA, INDEX_AREA, EXPORT_AREA = "default", "index", "exports"
QUARANTINE_AREA, BACKUP_AREA = "lost+found", "backups"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file, or a folder, that is there: its name, and the time in seconds when it came."""

    name: str
    changed_at: float
    bytes: int = 0


class StorageAway(OSError):
    """The store cannot be reached or does not do what it is asked: to be tried again later."""

    code = "storage_away"


class SiteStorage(Storage, ABC):
    """What the site asks of an area beside Django's own. What cannot be done raises OSError.

    `path` is where the file can be read on this computer, perhaps as a copy; nothing is there if the file is not.
    """

    @property
    @abstractmethod
    def incoming(self) -> Path:
        """A folder of this computer for files that `put_file` will take."""

    @abstractmethod
    def local_path(self, name: str) -> Path:
        """Where `path` or `fetch_folder` has it, or would have it."""

    @abstractmethod
    def put_file(self, path: Path, name: str) -> None:
        """Take a synced file of this computer away, and keep it under this name, in the place of what had it."""

    @abstractmethod
    def list_files(self, folder: str = "") -> Iterator[StoredFile]:
        """All files below a folder, by name."""

    @abstractmethod
    def list_folders(self, pattern: str) -> Iterator[StoredFile]:
        """The folders whose names match a pattern such as `*/*`."""

    @abstractmethod
    def put_folder(self, name: str) -> None:
        """Keep what was written to `local_path(name)`: it is listed once it is whole."""

    @abstractmethod
    def fetch_folder(self, name: str) -> Path:
        """Where the folder can be read on this computer; nothing is there if there is none."""

    @abstractmethod
    def delete_folder(self, name: str) -> None:
        """Delete the folder and all it holds, if it is there."""

    def get_sha256(self, name: str) -> str:
        """As it was compared when the file came, where that is noted."""
        return self.compute_sha256(name)

    def compute_sha256(self, name: str) -> str:
        """Of the content, which is read."""
        digest = hashlib.sha256()
        with self.open(name) as file:
            for chunk in file.chunks():
                digest.update(chunk)
        return digest.hexdigest()

    def make_link(self, name: str, content_type: str, shown_name: str, *, attachment: bool) -> str:
        """An address of the store's own from which whoever has it may fetch the file for a minute, if it is to be."""
        return ""


def get_storage(area: str = MEDIA_AREA) -> SiteStorage:
    return cast(SiteStorage, storages[area])


class FolderStorage(FileSystemStorage, SiteStorage):
    """An area in a folder, which settings name."""

    def __init__(
        self,
        setting: str = "MEDIA_ROOT",
        folder: str = "",
        incoming: str = "incoming",
        mode: int | None = None,
    ) -> None:
        super().__init__(directory_permissions_mode=mode)
        self.setting, self.folder, self.incoming_folder = setting, folder, incoming

    @property
    def base_location(self) -> str:
        return str(Path(getattr(settings, self.setting), self.folder))

    @property
    def location(self) -> str:  # Django keeps what it has once found, while tests change settings
        return str(Path(self.base_location).absolute())

    @property
    def incoming(self) -> Path:
        folder = Path(self.location) / self.incoming_folder
        folder.mkdir(mode=self.directory_permissions_mode or 0o777, parents=True, exist_ok=True)
        return folder

    def local_path(self, name: str) -> Path:
        return Path(self.path(name))

    def _save(self, name: str, content: File[bytes]) -> str:
        self.put_file(receive_file(content.chunks(), sys.maxsize, self.incoming).path, name)
        return name

    def put_file(self, path: Path, name: str) -> None:
        target = Path(self.path(name))
        target.parent.mkdir(mode=self.directory_permissions_mode or 0o777, parents=True, exist_ok=True)
        path.replace(target)
        for folder in (target.parent, target.parent.parent):  # the upper one has the lower one's name
            sync_path(folder)

    def delete(self, name: str) -> None:
        super().delete(name)
        with suppress(FileNotFoundError):
            sync_path(Path(self.path(name)).parent)

    def list_files(self, folder: str = "") -> Iterator[StoredFile]:
        for path in sorted(Path(self.path(folder)).rglob("*")):
            with suppress(FileNotFoundError):  # gone meanwhile
                if path.is_file():
                    yield self._describe(path)

    def list_folders(self, pattern: str) -> Iterator[StoredFile]:
        for path in sorted(Path(self.location).glob(pattern)):
            with suppress(FileNotFoundError):
                if path.is_dir():
                    yield self._describe(path)

    def _describe(self, path: Path) -> StoredFile:
        about = path.stat()  # the time of a copy's content may be old; that of its row on the disk is not
        return StoredFile(path.relative_to(self.location).as_posix(), about.st_ctime, about.st_size)

    def put_folder(self, name: str) -> None:
        """It is where it was written."""

    def fetch_folder(self, name: str) -> Path:
        return Path(self.path(name))

    def delete_folder(self, name: str) -> None:
        shutil.rmtree(self.path(name), ignore_errors=True)


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """An incoming file, synced under a temporary name."""

    path: Path
    sha256: str
    bytes: int

    def keep(self, name: str) -> str:
        """Keep it under its final name, which comes back."""
        get_storage().put_file(self.path, name)
        return name

    def drop(self) -> None:
        self.path.unlink(missing_ok=True)


class FileTooLong(Exception):
    """More bytes came than the limit allows."""


def get_media_path(name: str) -> Path:
    """Where a stored file can be read."""
    return Path(get_storage().path(name))


def receive_file(chunks: Iterable[bytes], limit: int, folder: Path | None = None) -> ReceivedFile:
    """Write the chunks to a temporary file and sync it; FileTooLong past `limit` bytes, OSError on a full disk."""
    digest, count = hashlib.sha256(), 0
    handle, name = tempfile.mkstemp(dir=folder or get_storage().incoming, prefix="part-")
    try:
        with os.fdopen(handle, "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # it is being written: `leftovers` leaves it alone
            for chunk in chunks:
                count += len(chunk)
                if count > limit:
                    raise FileTooLong
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return ReceivedFile(Path(name), digest.hexdigest(), count)


def build_photo_name(sha256: str, extension: str, copy: int = 0) -> str:
    return f"photos/{sha256[:2]}/{sha256}{f'-{copy}' if copy else ''}{extension}"


def build_reference_name(extension: str) -> str:
    name = uuid.uuid4().hex
    return f"references/{name[:2]}/{name}{extension}"


def build_draft_name(extension: str) -> str:
    return f"drafts/{uuid.uuid4().hex}{extension}"


def write_file(name: str, content: bytes) -> str:
    """Store content under a name, in the place of what had it; its SHA-256 comes back."""
    received = receive_file([content], len(content))
    received.keep(name)
    return received.sha256


def remove_file(name: str) -> None:
    """Delete a stored file; not being there is fine."""
    if name:
        get_storage().delete(name)

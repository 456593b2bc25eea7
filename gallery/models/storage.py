"""Files below MEDIA_ROOT. A file is complete and synced under its final name, or it does not exist."""

from __future__ import annotations

import fcntl
import hashlib
import os
import sys
import tempfile
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.core.files import File
from django.core.files.storage import FileSystemStorage, default_storage

from recognition.files import sync_path


class MediaStorage(FileSystemStorage):
    """The default storage: what is saved to it is received in full before it gets its name."""

    def _save(self, name: str, content: File[bytes]) -> str:
        return receive_file(content.chunks(), sys.maxsize).keep(name)


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """An incoming file, synced under a temporary name."""

    path: Path
    sha256: str
    bytes: int

    def keep(self, name: str) -> str:
        """Move it to its final name below MEDIA_ROOT; the name comes back."""
        target = get_media_path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        self.path.replace(target)
        for folder in (target.parent, target.parent.parent):  # the upper one has the lower one's name
            sync_path(folder)
        return name

    def drop(self) -> None:
        self.path.unlink(missing_ok=True)


class FileTooLong(Exception):
    """More bytes came than the limit allows."""


def get_media_path(name: str) -> Path:
    """The full path of a stored file."""
    return Path(default_storage.path(name))


def receive_file(chunks: Iterable[bytes], limit: int) -> ReceivedFile:
    """Write the chunks to a temporary file and sync it; FileTooLong past `limit` bytes, OSError on a full disk."""
    folder = get_media_path("incoming")
    folder.mkdir(parents=True, exist_ok=True)
    digest, count = hashlib.sha256(), 0
    handle, name = tempfile.mkstemp(dir=folder, prefix="part-")
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
        default_storage.delete(name)

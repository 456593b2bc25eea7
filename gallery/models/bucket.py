"""The back of the storage in a bucket. Only a site that has one imports this module.

Each object says the SHA-256 of its content, which every copy made of it is compared with. Copies for reading lie in
the cache up to a bound, those that were read last; a copy of what is deleted goes first.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from uuid import uuid4

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.files import File
from django.utils._os import safe_join
from django.utils.http import content_disposition_header
from storages.backends.s3 import S3Storage

from facesite.buckets import make_client_options
from gallery.models.storage import SiteStorage, StorageAway, StoredFile, receive_file
from recognition.files import compute_sha256
from recognition.index.files import PARTIAL_PREFIX

NOT_FOUND = ("404", "NoSuchKey")
SHA256_KEY = "sha256"  # of an object's metadata
LOOK_SHARE = 0.05  # of the bound: after so much more the copies are looked at
SIGNED_SECONDS = 60


@contextmanager
def convert_to_os_errors(name: str) -> Iterator[None]:
    """FileNotFoundError for what is not there, StorageAway for whatever else the store or the way to it answers."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] in NOT_FOUND:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name) from error
        raise StorageAway(str(error)) from error
    except (BotoCoreError, Boto3Error) as error:
        raise StorageAway(str(error)) from error


class BucketFile(File):  # type: ignore[type-arg] # which Django has for checkers only
    """The content as it comes, to be read once."""

    size: int
    sha256: str  # as noted when the store took it; "" for what came there otherwise

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        with convert_to_os_errors(str(self.name)):
            yield from super().chunks(chunk_size)


class BucketStorage(S3Storage, SiteStorage):  # type: ignore[misc]
    """An area below a prefix of a bucket, and the folder for its copies here."""

    def __init__(self, bucket: str, location: str, folder: str, *, is_bounded: bool = True) -> None:
        options = make_client_options()
        super().__init__(
            bucket_name=bucket,
            location=location,
            endpoint_url=options["endpoint_url"],
            region_name=options["region_name"],
            client_config=options["config"],
            querystring_expire=SIGNED_SECONDS,
        )
        self.folder, self.is_bounded = folder, is_bounded
        self._copied_bytes, self._copying = float("inf"), threading.Lock()  # since the copies were looked at

    @property
    def copies(self) -> Path:
        return Path(settings.CACHE_ROOT, self.folder)

    @property
    def incoming(self) -> Path:
        folder = self.copies / "incoming"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def path(self, name: str) -> str:
        """A copy, made if need be; where there is no such file, a path at which none is."""
        copy = self.local_path(name)
        if copy.exists():
            os.utime(copy)
        else:
            with suppress(FileNotFoundError):
                self._make_copy(name, copy)
        return str(copy)

    def local_path(self, name: str) -> Path:
        return Path(safe_join(self.copies, name))

    def _make_copy(self, name: str, copy: Path) -> None:
        with self._open(name) as file:
            received = receive_file(file.chunks(), sys.maxsize, self.incoming)
        try:
            if file.sha256 not in ("", received.sha256):
                raise OSError(errno.EIO, "It differs from its checksum", name)
            copy.parent.mkdir(parents=True, exist_ok=True)
            received.path.replace(copy)
        finally:
            received.drop()
        self._bound_copies(received.bytes)

    def _bound_copies(self, more: int) -> None:
        """Now and then remove the copies that were not read for longest."""
        bound = settings.S3_CACHE_MB * 1_000_000
        with self._copying:
            self._copied_bytes += more
            if not self.is_bounded or self._copied_bytes < bound * LOOK_SHARE:
                return
            self._copied_bytes = 0
        remove_old_copies(self.copies, bound)

    def _open(self, name: str, mode: str = "rb") -> BucketFile:
        with convert_to_os_errors(name):
            answer = self.bucket.Object(self._normalize_name(name)).get()
        file = BucketFile(answer["Body"], name)
        file.size, file.sha256 = answer["ContentLength"], answer["Metadata"].get(SHA256_KEY, "")
        return file

    def _save(self, name: str, content: File[bytes]) -> str:
        self.put_file(receive_file(content.chunks(), sys.maxsize, self.incoming).path, name)
        return name

    def put_file(self, path: Path, name: str) -> None:
        """The store compares the checksum that goes with it. What came here stays as a copy."""
        self.upload(path, name)
        copy = self.local_path(name)
        copy.parent.mkdir(parents=True, exist_ok=True)
        path.replace(copy)
        self._bound_copies(copy.stat().st_size)

    def upload(self, path: Path, name: str) -> None:
        extra = self._get_write_parameters(name) | {"Metadata": {SHA256_KEY: compute_sha256(path)}}
        with convert_to_os_errors(name):
            self.bucket.upload_file(str(path), self._normalize_name(name), ExtraArgs=extra)

    def exists(self, name: str) -> bool:
        with convert_to_os_errors(name):
            return bool(super().exists(name))

    def size(self, name: str) -> int:
        with convert_to_os_errors(name):
            return int(self.bucket.Object(self._normalize_name(name)).content_length)

    def get_sha256(self, name: str) -> str:
        with convert_to_os_errors(name):
            noted = self.bucket.Object(self._normalize_name(name)).metadata.get(SHA256_KEY, "")
        return noted or self.compute_sha256(name)

    def get_modified_time(self, name: str) -> datetime:
        with convert_to_os_errors(name):
            return super().get_modified_time(name)

    def delete(self, name: str) -> None:
        self.local_path(name).unlink(missing_ok=True)
        with convert_to_os_errors(name):
            super().delete(name)
        self.local_path(name).unlink(missing_ok=True)  # one that was being made meanwhile

    def list_files(self, folder: str = "") -> Iterator[StoredFile]:
        prefix = self._normalize_name(folder).rstrip("/")
        with convert_to_os_errors(folder):
            for each in self.bucket.objects.filter(Prefix=f"{prefix}/" if prefix else ""):
                name = each.key[len(self.location) :].lstrip("/")
                yield StoredFile(name, each.last_modified.timestamp(), each.size)

    def list_folders(self, pattern: str) -> Iterator[StoredFile]:
        depth, found = pattern.count("/") + 1, dict[str, StoredFile]()
        for file in self.list_files():
            name = "/".join(file.name.split("/")[:depth])
            if file.name != name and fnmatchcase(name, pattern):
                last = max(file.changed_at, found[name].changed_at if name in found else 0)
                found[name] = StoredFile(name, last)
        yield from found.values()

    def put_folder(self, name: str) -> None:
        folder = self.local_path(name)
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            self.upload(path, path.relative_to(self.copies).as_posix())

    def fetch_folder(self, name: str) -> Path:
        folder = self.local_path(name)
        if folder.is_dir():
            return folder
        part = folder.with_name(f"{PARTIAL_PREFIX}{folder.name}-{uuid4().hex}")
        try:
            for file in self.list_files(name):
                self._make_copy(file.name, part / PurePosixPath(file.name).relative_to(name))
            with suppress(FileNotFoundError):  # there is none
                part.rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another process was quicker
                raise
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return folder

    def delete_folder(self, name: str) -> None:
        shutil.rmtree(self.local_path(name), ignore_errors=True)
        with convert_to_os_errors(name):
            self.bucket.objects.filter(Prefix=f"{self._normalize_name(name)}/").delete()

    def make_link(self, name: str, content_type: str, shown_name: str, *, attachment: bool) -> str:
        if not settings.S3_REDIRECT:
            return ""
        disposition = content_disposition_header(attachment, shown_name) or "inline"
        answer = {"ResponseContentType": content_type, "ResponseContentDisposition": disposition}
        return str(S3Storage.url(self, name, answer | {"ResponseCacheControl": "private, no-store"}))


def remove_old_copies(root: Path, bound: int) -> None:
    """Keep the copies read last, up to so many bytes, and the very last in any case."""
    copies = []
    for path in root.rglob("*"):
        with suppress(FileNotFoundError):
            about = path.stat()
            if path.is_file() and path.parent.name != "incoming":
                copies.append((about.st_mtime, about.st_size, path))
    total = 0
    for place, (_read_at, size, path) in enumerate(sorted(copies, reverse=True)):
        total += size
        if place and total > bound:
            path.unlink(missing_ok=True)

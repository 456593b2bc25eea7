"""Files by content: each is kept once, under its SHA-256, whole and synced or not there."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gallery.storage import sync_folder

PIECE = 1024 * 1024
PART = ".part-"


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def write_synced(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def copy(source: Path, target: Path) -> str:
    """Copy the content and sync it; the SHA-256 of what was copied."""
    digest = hashlib.sha256()
    with source.open("rb") as incoming, target.open("wb") as outgoing:
        _pour(incoming, outgoing, digest)
        outgoing.flush()
        os.fsync(outgoing.fileno())
    return digest.hexdigest()


def _pour(incoming: BinaryIO, outgoing: BinaryIO, digest: hashlib._Hash) -> None:
    while piece := incoming.read(PIECE):
        digest.update(piece)
        outgoing.write(piece)


@dataclass(frozen=True, slots=True)
class Store:
    root: Path

    def path(self, sha256: str) -> Path:
        return self.root / sha256[:2] / sha256

    def size(self, sha256: str) -> int | None:
        """Bytes of the kept file; None if it is not here."""
        try:
            return self.path(sha256).stat().st_size
        except FileNotFoundError:
            return None

    def put(self, source: Path, expected: str) -> tuple[str, int]:
        """Keep the file, unless what is expected in it is kept already; the SHA-256 and size of what is kept.

        FileNotFoundError when the source is gone. On one file system nothing is copied: both names lead to
        the same bytes, which nobody changes, since files of the site are only ever written under new names.
        """
        there = source.stat().st_size
        if expected and self.size(expected) == there:
            return expected, there
        self.root.mkdir(parents=True, exist_ok=True)
        part = self.root / f"{PART}{os.getpid()}"
        part.unlink(missing_ok=True)
        try:
            sha256 = self._bring(source, part)
            target = self.path(sha256)
            target.parent.mkdir(exist_ok=True)
            part.replace(target)
            sync_folder(target.parent)
        finally:
            part.unlink(missing_ok=True)
        return sha256, self.path(sha256).stat().st_size

    def _bring(self, source: Path, part: Path) -> str:
        if source.stat().st_dev == self.root.stat().st_dev:
            with contextlib.suppress(PermissionError):  # a file system without hard links
                part.hardlink_to(source)
                return sha256_of(part)
        return copy(source, part)

    def clean(self) -> None:
        """Remove what a dead process left half-written; only for who holds the place's lock."""
        for part in self.root.glob(f"{PART}*"):
            part.unlink(missing_ok=True)

    def drop_all_but(self, kept: Iterable[str]) -> int:
        """Remove what no backup holds; the bytes of that."""
        wanted, freed = set(kept), 0
        for path in self.root.glob("??/*"):
            if path.name not in wanted:
                freed += path.stat().st_size
                path.unlink()
        return freed

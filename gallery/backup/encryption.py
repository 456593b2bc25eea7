"""Encryption of backups with age: for recipients, which anybody may know; identities, kept in a file, open them.

`age --decrypt --identity FILE` reads whatever is written here (https://age-encryption.org).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from django.utils.translation import gettext as _

from gallery.backup.errors import BackupDamaged, BackupError
from recognition.files import copy_and_sync

AGE_SUFFIX = ".age"
Identities = Sequence[Any]  # pyrage's, which has no types; a site without encryption does not load it


class BackupLocked(BackupError):
    """A backup is encrypted, and no identity that opens it was given."""


class HashedFile:
    """Hashes what is read or written, and keeps the disk's error, of which pyrage leaves only the text."""

    def __init__(self, file: IO[bytes] | None) -> None:
        self.file, self.bytes, self.digest = file, 0, hashlib.sha256()
        self.error: OSError | None = None

    @property
    def sha256(self) -> str:
        return self.digest.hexdigest()

    def read(self, size: int = -1) -> bytes:
        try:
            return self._note(self.file.read(size) if self.file else b"")
        except OSError as error:
            self.error = error
            raise

    def write(self, piece: bytes) -> int:
        try:
            if self.file:
                self.file.write(piece)
        except OSError as error:
            self.error = error
            raise
        return len(self._note(piece))

    def flush(self) -> None:
        """pyrage asks for it; `encrypt_file` flushes when all is written."""

    def _note(self, piece: bytes) -> bytes:
        self.digest.update(piece)
        self.bytes += len(piece)
        return piece


def encrypt_file(source: Path, target: Path, recipients: Sequence[str]) -> tuple[HashedFile, HashedFile]:
    """Encrypt the content, sync it, and return what was read and what was written. OSError as the disk gives it."""
    import pyrage

    keys = [pyrage.x25519.Recipient.from_str(each) for each in recipients]
    with source.open("rb") as incoming, target.open("wb") as outgoing:
        read, written = HashedFile(incoming), HashedFile(outgoing)
        try:
            pyrage.encrypt_io(read, written, keys)
        except (pyrage.EncryptError, OSError) as error:
            raise read.error or written.error or OSError(str(error)) from error
        outgoing.flush()
        os.fsync(outgoing.fileno())
    return read, written


def encrypt_bytes(content: bytes, recipients: Sequence[str]) -> bytes:
    import pyrage

    encrypted: bytes = pyrage.encrypt(
        content, [pyrage.x25519.Recipient.from_str(each) for each in recipients]
    )
    return encrypted


def decrypt_file(source: Path, target: IO[bytes] | None, identities: Identities) -> str:
    """Decrypt into the target, or nowhere; the SHA-256 of the content. BackupDamaged where it is not whole."""
    import pyrage

    with source.open("rb") as incoming:
        read, written = HashedFile(incoming), HashedFile(target)
        try:
            pyrage.decrypt_io(read, written, list(identities))
        except (pyrage.DecryptError, OSError) as error:
            if disk_error := read.error or written.error:
                raise disk_error from error
            raise BackupDamaged(_("%(path)s is damaged.") % {"path": source}) from error
    return written.sha256


def copy_decrypted(source: Path, target: Path, identities: Identities) -> str:
    """As `copy_and_sync`, which it is for a file that is not encrypted."""
    if source.suffix != AGE_SUFFIX:
        return copy_and_sync(source, target)
    with target.open("wb") as outgoing:
        sha256 = decrypt_file(source, outgoing, identities)
        outgoing.flush()
        os.fsync(outgoing.fileno())
    return sha256


def decrypt_bytes(source: Path, identities: Identities) -> bytes:
    content = BytesIO()
    decrypt_file(source, content, identities)
    return content.getvalue()


def read_identities(path: str | Path) -> Identities:
    """The identities in this file, one a line as `age-keygen` writes them; none for no path."""
    if not path:
        return ()
    import pyrage

    try:
        lines = Path(path).expanduser().read_text().splitlines()
    except (OSError, ValueError) as error:
        text = _("The file of the key, %(path)s, cannot be read (%(error)s).")
        raise BackupError(text % {"path": path, "error": error}) from error
    found = []
    for line in lines:
        with suppress(pyrage.IdentityError):
            found.append(pyrage.x25519.Identity.from_str(line.strip()))
    if not found:
        text = _(
            "%(path)s holds no key of age: a line that begins with AGE-SECRET-KEY-1. If it has a passphrase, open"
            " it with “age --decrypt” first."
        )
        raise BackupError(text % {"path": path})
    return found


def check_identities(what: object, recipients: Sequence[str], identities: Identities) -> None:
    """Raise BackupLocked if none of the identities opens what was encrypted for these recipients."""
    if not identities:
        text = _(
            "%(what)s is encrypted. Give the file with its key: --identity FILE, or its path as"
            " FACESITE_BACKUP_IDENTITY."
        )
        raise BackupLocked(text % {"what": what})
    if not {str(each.to_public()) for each in identities} & set(recipients):
        text = _(
            "The key that was given does not open %(what)s, which was encrypted for %(recipients)s. Give the file"
            " with the key of that; one file may hold several, one a line."
        )
        raise BackupLocked(text % {"what": what, "recipients": ", ".join(recipients)})

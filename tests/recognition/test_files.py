"""What is on the disk when a function says so, on file systems of any kind."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from recognition.files import sync_path


def refuse_to_sync(monkeypatch: pytest.MonkeyPatch, reason: int) -> None:
    def refuse(_: int) -> None:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(os, "fsync", refuse)


@pytest.mark.parametrize("reason", [errno.EINVAL, errno.ENOTSUP])
def test_a_file_system_that_cannot_sync_folders_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: int
) -> None:
    refuse_to_sync(monkeypatch, reason)
    sync_path(tmp_path)


def test_a_file_that_cannot_be_synced_is_not_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    refuse_to_sync(monkeypatch, errno.EINVAL)
    with pytest.raises(OSError, match="Invalid argument"):
        sync_path(tmp_path / "file")


def test_a_folder_on_a_failing_disk_is_not_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_to_sync(monkeypatch, errno.EIO)
    with pytest.raises(OSError, match="Input/output error"):
        sync_path(tmp_path)

"""Backup and restore under SIGKILL and on a full disk, at one change to the file system after the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyrage
import pytest

from tests.site import ROOT, Site

pytestmark = pytest.mark.slow
EVERY = int(os.environ.get("FACESITE_FAULT_STEP", "7"))  # 1: at every single change, which takes minutes

PHOTOS = """
from PIL import Image
from io import BytesIO
from gallery.photos.services import add_photo
for number in range(3):
    file = BytesIO()
    Image.new("RGB", (64, 64), (number * 80, 0, 0)).save(file, "JPEG")
    add_photo(None, [file.getvalue()], f"{number}.jpg")
Build.objects.create(embedder_id="dlib-000000000000", directory="dlib/1", is_active=True, work="done")
from pathlib import Path
from django.conf import settings
folder = Path(settings.INDEX_ROOT) / "dlib/1"
folder.mkdir(parents=True)
(folder / "knn.index").write_bytes(b"index")
answer = Photo.objects.count()
"""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site with three photos and an index, backed up."""
    site = Site(tmp_path_factory.mktemp("crashing") / "original")
    assert site.ask(PHOTOS) == 3
    site.manage("backup", str(site.folder.parent / "backups"), "--with-index")
    return site


def crash(site: Site, what: str, how: str, **environment: str) -> dict[str, Any]:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.backup.crashing",
            what,
            how,
            str(site.folder.parent / "backups"),
            str(EVERY),
        ],
        cwd=ROOT,
        env={**site.environment, **environment, "DJANGO_SETTINGS_MODULE": "facesite.settings"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(("how", "outcome"), [("kill", "killed"), ("full", "failed")])
def test_a_backup_that_dies_leaves_whole_backups_only(original: Site, how: str, outcome: str) -> None:
    found = crash(original, "backup", how)
    assert found["outcomes"] == {outcome: found["faults"]}
    assert found["faults"] >= 40 // EVERY


def test_an_encrypted_backup_that_dies_does_so_too(original: Site) -> None:
    key = str(pyrage.x25519.Identity.generate().to_public())
    found = crash(original, "backup", "full", FACESITE_BACKUP_KEY=key)
    assert found["outcomes"] == {"failed": found["faults"]}
    assert found["faults"] >= 40 // EVERY


@pytest.mark.parametrize("how", ["kill", "full"])
def test_a_restore_that_dies_leaves_the_installation_empty_or_restored(
    original: Site, tmp_path: Path, how: str
) -> None:
    site = Site(tmp_path / "new")
    site.folder = original.folder
    found = crash(site, "restore", how)
    assert set(found["outcomes"]) <= {"killed, empty", "killed, full", "failed, empty"}
    assert found["faults"] >= 40 // EVERY

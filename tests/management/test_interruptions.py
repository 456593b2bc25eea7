"""Ctrl-C ends a command in a sentence, whenever it comes, and the next run goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from manage import STOPPED
from tests.making_pictures import jpeg
from tests.site import ROOT, Site

pytestmark = pytest.mark.slow

COUNT = 12
# manage.py, but for Ctrl-C when for the n-th time a file is opened whose path holds a text
INTERRUPTED = """
import os, signal, sys
text, left = sys.argv[1], int(sys.argv[2])
def count_openings(event, about):
    global left
    if event == "open" and isinstance(about[0], str | os.PathLike) and text in os.fspath(about[0]):
        left -= 1
        if left == 0:
            os.killpg(0, signal.SIGINT)
sys.addaudithook(count_openings)
del sys.argv[1:3]
import manage
manage.main()
"""


def interrupt(site: Site, place: str, number: int, *command: str) -> None:
    """Run it in a group of its own: the terminal sends Ctrl-C to a command's children as well."""
    child = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, place, str(number), *command],
        cwd=ROOT,
        env=site.environment,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert child.returncode == 130, f"{command}: {child.returncode}, {child.stdout}"
    assert child.stdout.endswith(f"\n{STOPPED}\n"), child.stdout
    assert "Traceback" not in child.stdout


def test_a_command_ends_in_a_sentence_also_while_it_is_loaded(tmp_path: Path) -> None:
    site, folder = Site(tmp_path / "data"), tmp_path / "photos"
    folder.mkdir()
    for number in range(COUNT):
        (folder / f"{number}.jpg").write_bytes(jpeg(90, (1200 + number, 900)))
    for place in ("/django/core/management/", "/numpy/", "/PIL/", f"{folder}/"):
        interrupt(site, place, 3, "import_photos", str(folder))
    site.manage("import_photos", str(folder))
    assert site.rows("SELECT count(*) FROM gallery_photo") == [(COUNT,)]


def test_each_command_is_interrupted_in_the_middle_and_done_by_the_next_run(
    tmp_path: Path, demo: tuple[Path, Path]
) -> None:
    site, out = Site(tmp_path / "data", FACESITE_BACKUP_DIR=str(tmp_path / "backups")), tmp_path / "out"
    people, photos = (str(folder) for folder in demo)
    out.mkdir()
    for place, number, *command in (
        (people, 2, "import_people", people),
        ("montage.jpg", 1, "setup"),
        ("/.partial-", 3, "build_index"),
        ("/media/references/", 2, "check_files", "--hash"),
        (people, 2, "evaluate", people),
        ("montage.jpg", 1, "tag", photos, "--out", f"{out}/tagged"),
        (f"{out}/cropped", 1, "crop_faces", people, f"{out}/cropped"),
        ("/.partial-", 4, "export_gallery", f"{out}/gallery"),
        (f"{out}/gallery", 4, "import_gallery", f"{out}/gallery"),
        ("/media/references/", 1, "export_person", "1", "--out", f"{out}/person.zip"),
        ("/backups/files/", 2, "backup"),
        ("/restoring/", 2, "restore", str(tmp_path / "backups"), "--replace"),
    ):
        interrupt(site, place, number, *command)
        site.manage(*command)
    tables = ("person", "reference", "photo")
    assert [site.ask(f"answer = {table.title()}.objects.count()") for table in tables] == [2, 3, 1]
    assert sorted(path.name for path in out.iterdir()) == ["cropped", "gallery", "person.zip", "tagged"]
    assert len(list(out.glob("cropped/*/*"))) == 3
    assert not list((tmp_path / "data" / "index").rglob(".partial-*"))

"""Ctrl-C ends a command in a sentence, whenever it comes, and the next run goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from manage import STOPPED
from tests.making_pictures import jpeg
from tests.site import ROOT, Site

pytestmark = pytest.mark.slow

COUNT = 40


def interrupt_after(seconds: float, command: list[str], site: Site) -> tuple[int, str]:
    """The exit code, and all that was said; the terminal sends Ctrl-C to a command's children as well."""
    child = subprocess.Popen(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=site.environment,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    time.sleep(seconds)
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGINT)
    said, _ = child.communicate(timeout=120)
    return child.returncode, said


def test_a_command_ends_in_a_sentence_and_the_next_run_goes_on(tmp_path: Path) -> None:
    site, folder = Site(tmp_path / "data"), tmp_path / "photos"
    folder.mkdir()
    for number in range(COUNT):
        (folder / f"{number}.jpg").write_bytes(jpeg(90, (1200 + number, 900)))
    command = ["import_photos", str(folder)]
    codes = []
    for seconds in (
        0.3,
        0.9,
        1.5,
        2.1,
    ):  # while Django, the decoder and the photos are loaded; or after the end
        code, said = interrupt_after(seconds, command, site)
        assert "Traceback" not in said
        assert code == 0 or (code == 130 and said.endswith(f"\n{STOPPED}\n")), said
        codes.append(code)
    assert 130 in codes
    site.manage(*command)
    assert site.rows("SELECT count(*) FROM gallery_photo") == [(COUNT,)]

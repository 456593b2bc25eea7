"""What the whole run of tests stands on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def test_labelled_photos_that_are_named_but_missing_end_the_run(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", __file__],
        env={**os.environ, "FACESITE_TEST_FACES": str(tmp_path / "gone")},
        capture_output=True,
        text=True,
    )
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert "there are no labelled photos" in run.stderr

"""Loaded before the settings (`-p tests.environment`): tests keep their hands off the owner's data."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest

FACES = "FACESITE_TEST_FACES"
os.environ.setdefault("FACESITE_EMBEDDER", "dlib")  # what needs no download; the default has tests of its own

if "FACESITE_DATA_DIR" not in os.environ or "PYTEST_XDIST_WORKER" in os.environ:
    _folder = tempfile.mkdtemp(prefix="facesite-test-")
    os.environ["FACESITE_DATA_DIR"] = _folder
    atexit.register(shutil.rmtree, _folder, ignore_errors=True)


def pytest_configure() -> None:
    """Labelled photos that are named but missing end the run: gates that were skipped look like gates passed."""
    folder = os.environ.get(FACES)
    if folder and not any(Path(folder).glob("*/*")):
        raise pytest.UsageError(f"{FACES} names {folder}, where there are no labelled photos.")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not os.environ.get(FACES):
        terminalreporter.section("NOT TESTED ON LABELLED PHOTOS", red=True)
        terminalreporter.line(f"{FACES} names no folder, so every test on labelled photos was skipped.")

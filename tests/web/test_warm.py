"""A web process loads all it needs before its first request, and keeps it out of the garbage collector's rounds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
ASKED = """
import gc, io, json, sys
from facesite.wsgi import application
frozen, before = gc.get_freeze_count(), set(sys.modules)
gc.collect()
left = len(gc.get_objects())
environ = {"REQUEST_METHOD": "GET", "SERVER_NAME": "localhost", "SERVER_PORT": "80",
           "HTTP_HOST": "localhost", "wsgi.input": io.BytesIO(), "wsgi.url_scheme": "http"}
statuses = []
from django.urls import reverse
environ["PATH_INFO"] = reverse("login")
b"".join(application(environ, lambda status, headers: statuses.append(status)))
late = sorted(name for name in set(sys.modules) - before if name.startswith(("gallery", "facesite")))
print(json.dumps([frozen, left, late, statuses]))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    folder = tmp_path_factory.mktemp("warm")
    environment = {**os.environ, "FACESITE_DATA_DIR": str(folder), "DATABASE_URL": ""}
    done = subprocess.run(
        [sys.executable, "-c", f"import django\n{ASKED}"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_what_is_loaded_at_the_start_is_frozen(said: list[Any]) -> None:
    frozen, left, _late, _statuses = said
    assert frozen > 100_000
    assert left < frozen / 10  # what a full collection still walks through


def test_the_first_request_loads_none_of_our_modules(said: list[Any]) -> None:
    assert said[2:] == [[], ["200 OK"]]

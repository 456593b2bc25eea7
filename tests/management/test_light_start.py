"""What a command or a worker does not need is not loaded: a cold start is mostly loading."""

from __future__ import annotations

import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from gallery.history.changeset import _receivers

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "gallery.web.",
    "gallery.admin.",
    "gallery.curation.",
    "gallery.privacy.",
    "gallery.backup.",
)
# What a room registers at every start; and what Django loads to see that the page for forged forms is there
LIGHT_MODULES = (".effects", ".findings", ".jobs", ".host_copies", ".error_pages", ".responses")
LOADED_BY_TAG = """
import subprocess, sys
subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], check=True)
sys.argv = ["manage.py", "tag", "nowhere.jpg"]
try:
    exec(open("manage.py").read(), {"__name__": "__main__"})
except SystemExit:
    pass
print("gallery.faces.tagging" in sys.modules, *sys.modules)
"""
LOADED_BY_A_WORKER = """
import sys
from facesite.celery import app
app.loader.import_default_modules()
print("gallery.tasks" in sys.modules, *sys.modules)
"""


def loaded(code: str, folder: Path) -> set[str]:
    environment = {**os.environ, "FACESITE_DATA_DIR": str(folder), "DATABASE_URL": ""}
    command = [sys.executable, "-c", code]
    said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    is_there, *modules = said.stdout.split()
    assert is_there == "True", said.stderr
    return set(modules)


@pytest.mark.slow
def test_tag_loads_neither_pages_nor_the_queue_nor_another_database(tmp_path: Path) -> None:
    modules = loaded(LOADED_BY_TAG, tmp_path)
    assert "onnxruntime" in modules  # it went all the way
    pages = [name for name in modules if name.startswith(PAGES)]
    assert not [name for name in pages if not name.endswith(LIGHT_MODULES)]
    assert not modules & {"celery", "kombu", "psycopg", "torch", "tensorflow", "gallery.admin"}


@pytest.mark.slow
def test_a_worker_loads_no_pages(tmp_path: Path) -> None:
    modules = loaded(LOADED_BY_A_WORKER, tmp_path)
    assert not [name for name in modules if name.startswith(("gallery.web.", "gallery.admin."))]


def test_effects_follow_an_act_in_the_order_of_the_rooms() -> None:
    rooms = [receive.__module__ for receive in _receivers]
    assert rooms == [
        "gallery.photos.membership",
        "gallery.photos.stacks",
        "gallery.faces.namesakes",
        "gallery.faces.effects",
        "gallery.faces.effects",
        "gallery.curation.findings",
        "gallery.index.feed",
        "gallery.faces.effects",
        "gallery.faces.effects",
        "gallery.jobs.services",
        "gallery.faces.effects",
    ]


def test_commands_still_refuse_settings_that_cannot_work(settings: Any) -> None:
    settings.EMBEDDER, settings.ONNX_MODEL = "onnx", "/nowhere/model.onnx"
    with pytest.raises(SystemCheckError, match="nowhere"):
        call_command("tag", "nowhere.jpg", skip_checks=False, stderr=StringIO())


def test_the_admin_is_loaded_with_the_addresses_and_passes_djangos_checks() -> None:
    code = (
        "import sys, django; django.setup(); assert 'gallery.admin' not in sys.modules;"
        "import facesite.urls; from django.contrib import admin; from django.core.checks import run_checks;"
        "assert run_checks(tags=['admin']) == []; print(len(admin.site._registry))"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "facesite.settings"}
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert int(said.stdout) > 5

"""Every job that is sent or scheduled has a task of its name, and every task is sent or scheduled."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from django.conf import settings

import gallery
from facesite.celery import app
from gallery.jobs.registry import JOB_KINDS, SITE_JOB_KINDS, TASK_KINDS

# Of the release before this one: such messages may still be in a queue.
OLD_NAMES = (
    "check_files", "check_gallery", "embed_face", "embed_reference", "erase", "follow_faces", "follow_gallery",
    "forget_old", "group_new_faces", "look_after_data", "look_at_draft", "make_backup", "make_person_export",
    "measure_gallery", "process_photo", "request_build", "roll_back", "run_build", "run_bulk", "sweep",
    "switch_embedder", "verify_index",
)  # fmt: skip


def list_registered_names() -> set[str]:
    app.loader.import_default_modules()
    return {name for name in app.tasks if not name.startswith(("celery.", "gallery.tasks."))}


def list_sent_names() -> set[str]:
    """What services name where they send a task, and what the kinds of job name."""
    named = {kind.task for kind in JOB_KINDS.values()} | set(SITE_JOB_KINDS)
    trees = [ast.parse(path.read_text()) for path in Path(gallery.__path__[0]).rglob("*.py")]
    constants = {
        node.targets[0].id: node.value
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    for node in (node for tree in trees for node in ast.walk(tree)):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        sent: ast.expr = node.args[0]
        if isinstance(sent, ast.Name):
            sent = constants.get(sent.id, sent)
        if function in ("send_task", "request_job") and isinstance(sent, ast.Constant):
            named.add(str(sent.value))
    return named


def list_scheduled_names() -> set[str]:
    return {str(entry["task"]) for entry in settings.CELERY_BEAT_SCHEDULE.values()}


def test_the_names_sent_and_scheduled_are_those_registered() -> None:
    assert "request_build" in list_sent_names()
    assert list_sent_names() | list_scheduled_names() == list_registered_names()


def test_no_name_holds_the_path_of_a_module() -> None:
    assert not [name for name in list_registered_names() if "." in name]


@pytest.mark.parametrize("name", OLD_NAMES)
def test_messages_of_the_release_before_still_run(name: str) -> None:
    list_registered_names()
    assert app.tasks[f"gallery.tasks.{name}"].run is app.tasks[name].run


def test_processes_say_what_they_do_by_names_that_exist() -> None:
    assert set(TASK_KINDS) <= list_registered_names()
    assert str(TASK_KINDS["check_gallery"].doing) == "checking the gallery"


def test_the_kinds_stand_in_the_order_of_the_jobs_page() -> None:
    assert list(JOB_KINDS) == [
        "photo",
        "grouping",
        "reference",
        "draft",
        "build",
        "bulk",
        "export",
        "erasure",
    ]

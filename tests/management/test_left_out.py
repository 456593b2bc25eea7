"""Commands take photos by their content, and say what they did not take."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from gallery.models import Photo
from tests import corpus

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "own_data")]


def test_photos_are_known_by_their_content_and_the_rest_is_told(tmp_path: Path, capsys: Any) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, name in enumerate(("a.jfif", "b.HIF", "c.mpo", "d", "e.txt")):
        (folder / name).write_bytes(corpus.jpeg(64 + number))
    (folder / "f.mov").write_bytes(b"\0\0\0\x14ftypqt  \0\0\0\0qt  ")
    (folder / "f.aae").write_bytes(b"<?xml version='1.0'?><plist/>")
    (folder / "g.mov").write_bytes(b"\0\0\0\x14ftypqt  \0\0\0\0qt  ")
    (folder / os.fsdecode(b"\xff.xmp")).write_bytes(b"hello")
    call_command("import_photos", str(folder), "--json")
    said = capsys.readouterr()
    report = json.loads(said.out)
    assert len(report["added"]) == Photo.objects.count() == 5
    left_out = {each["path"].removeprefix(f"{folder}/") for each in report["left_out"]}
    assert left_out == {"f.aae", "f.mov", "g.mov", "\N{REPLACEMENT CHARACTER}.xmp"}
    assert "f.mov and 1 more: left out. " in said.err
    assert "a video" in said.err
    assert report["refused"] == []


def test_what_is_called_a_picture_and_is_none_is_refused(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "a.jpg").write_text("no picture")
    with pytest.raises(SystemExit):
        call_command("import_photos", str(tmp_path), "--json")
    report = json.loads(capsys.readouterr().out)
    assert len(report["refused"]) == 1
    assert report["left_out"] == []

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


def test_folders_of_systems_and_links_round_are_left_out_and_said(tmp_path: Path, capsys: Any) -> None:
    folder, elsewhere = tmp_path / "photos", tmp_path / "elsewhere"
    for number, place in enumerate((folder / "a", folder / "b.lrdata", folder / ".AppleDouble", elsewhere)):
        place.mkdir(parents=True)
        (place / "x.jpg").write_bytes(corpus.jpeg(64 + number))
    (folder / "a" / "._x.jpg").write_bytes(b"\0\5\x16\7")
    (folder / "a" / ".secret.jpg").write_bytes(corpus.jpeg(80))
    for name, target in {"one": elsewhere, "two": elsewhere, "up": folder, "a2": folder / "a"}.items():
        (folder / name).symlink_to(target)
    (elsewhere / "back").symlink_to(folder)
    call_command("import_photos", str(folder), "--json")
    said = capsys.readouterr()
    added = [path.removeprefix(f"{folder}/") for path in json.loads(said.out)["added"]]
    assert added == ["a/x.jpg", "one/x.jpg"]
    assert said.err.count("system's own folder") == 2
    for name in ("a2", "up", "two", "one/back"):
        assert f"{folder}/{name}: leads to a folder that is read anyway" in said.err
    assert f"{folder}/a/.secret.jpg: hidden, left out." in said.err
    assert "._x" not in said.err


ODD_NAMES = {
    b"\xe9t\xe9.jpg": "t.jpg",  # Latin-1
    b"Te\xcc\x82\xcc\x81t.jpg": "Tết.jpg",  # in NFD
    b"two\nlines.jpg": "twolines.jpg",
    b"ends in a space.jpg ": "ends in a space.jpg",
    b"x" * 251 + b".jpg": "x" * 251 + ".jpg",
    "ế".encode() * 83 + b".jpg": "ế" * 83 + ".jpg",
    b"tab\t\x1b[31m.jpg": "tab[31m.jpg",
}


@pytest.mark.parametrize("command", ["import_photos", "tag"])
def test_names_of_any_bytes_come_in_and_are_shown(tmp_path: Path, capsys: Any, command: str) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, name in enumerate(ODD_NAMES):
        (folder / os.fsdecode(name)).write_bytes(corpus.jpeg(64 + number))
    call_command(command, str(folder), "--json")
    said = capsys.readouterr()
    for line in said.out.splitlines():
        assert json.loads(line.encode().decode())
    if command == "import_photos":
        assert sorted(Photo.objects.values_list("name", flat=True)) == sorted(ODD_NAMES.values())

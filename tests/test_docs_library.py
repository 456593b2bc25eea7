"""The example in docs/library.md runs as it stands and names the right face."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "library.md"


def test_the_notebook_example_runs(
    demo: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people, photos = demo
    person = next(path for path in sorted(people.iterdir()) if "Obama" in path.name)
    shutil.copy(next(iter(sorted(person.iterdir()))), tmp_path / "portrait.jpg")
    shutil.copy(photos / "montage.jpg", tmp_path / "party.jpg")
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 -- our own page
    assert (tmp_path / "named.jpg").read_bytes().startswith(b"\xff\xd8")
    assert 1 <= len(names["labels"]) < len(names["party"].detections)

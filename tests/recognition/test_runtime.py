"""What of the machine a network uses: processors, and a graphics card if there is one."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from recognition import runtime
from recognition.cores import count_cores


@pytest.mark.parametrize(
    ("limit", "cores"),
    [("max 100000", 4), ("150000 100000", 2), ("50000 100000", 1), ("900000 100000", 4), ("", 4)],
)
def test_a_container_uses_the_processors_it_is_given(
    limit: str, cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3})
    (tmp_path / "cpu.max").write_text(limit)
    assert count_cores(tmp_path / "cpu.max") == cores
    assert count_cores(tmp_path / "none") == 4


def test_where_there_is_no_card_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    runtime._say_no_card_once.cache_clear()
    monkeypatch.setattr(runtime, "CARDS", (tmp_path / "card",))
    available = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    with caplog.at_level(logging.WARNING):
        found = [runtime._list_providers(available) for _ in range(3)]
    assert [[name for name, _ in each] for each in found] == [["CPUExecutionProvider"]] * 3
    assert caplog.messages == ["No graphics card can be used here, so networks run on the processor."]
    (tmp_path / "card").touch()
    assert [name for name, _ in runtime._list_providers(available)] == available
